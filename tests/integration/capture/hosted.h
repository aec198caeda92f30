#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "common/app/app.h"
#include "common/rpc/server.h"

namespace embudo::testing {

/// One service, served in this process until it is destroyed.
class Hosted {
 public:
  Hosted(const app::BindFunction& bind, app::Config config) : config_(std::move(config)) {
    const absl::Status bound = bind({config_, Clock::System(), metrics_, rpc::DevCredentials()}, bindings_);
    EXPECT_TRUE(bound.ok()) << bound;
    rpc::ServerOptions options;
    options.listen = config_.listen.empty() ? "127.0.0.1:0" : config_.listen;
    server_ = std::make_unique<rpc::Server>(options, rpc::DevAuthenticator(), metrics_);
    for (const auto& service : bindings_.services) server_->Add(*service);
    for (const auto& part : bindings_.background) part->Start();
    const absl::Status started = server_->Start();
    EXPECT_TRUE(started.ok()) << started;
    EXPECT_TRUE(bindings_.ready().ok()) << bindings_.ready();
    server_->SetReady(true);
  }
  ~Hosted() {
    server_->Shutdown(std::chrono::milliseconds(0), std::chrono::seconds(5));
    for (auto part = bindings_.background.rbegin(); part != bindings_.background.rend(); ++part) (*part)->Stop();
  }

  metrics::Registry& metrics() { return metrics_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(server_->port()); }

 private:
  const app::Config config_;
  metrics::Registry metrics_;
  app::Bindings bindings_;
  std::unique_ptr<rpc::Server> server_;
};

}  // namespace embudo::testing
