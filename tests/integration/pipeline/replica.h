#pragma once

#include <memory>
#include <string>
#include <utility>

#include "common/app/app.h"
#include "common/rpc/authenticator.h"
#include "common/rpc/client.h"
#include "common/rpc/server.h"
#include "common/testing/eventually.h"
#include "services/pipeline/bind.h"
#include "tests/integration/suite.h"

namespace embudo::testing {

/// One more process of the pipeline service, on the suite's database, Redis and clock, that knows its callers by an
/// authenticator of the test's.
class Replica {
 public:
  Replica(Suite& suite, std::shared_ptr<rpc::Authenticator> authenticator) {
    config_.service = "pipeline";
    config_.listen = "127.0.0.1:0";
    config_.postgres = suite.database().conninfo();
    config_.redis = suite.redis().address();
    config_.threads = 4;
    const absl::Status bound = pipeline::Bind({config_, suite.clock(), metrics_, rpc::DevCredentials()}, bindings_);
    EXPECT_TRUE(bound.ok()) << bound;
    rpc::ServerOptions options;
    options.listen = config_.listen;
    options.threads = config_.threads;
    server_ = std::make_unique<rpc::Server>(options, std::move(authenticator), metrics_);
    for (const auto& service : bindings_.services) server_->Add(*service);
    for (const auto& part : bindings_.background) part->Start();
    EXPECT_TRUE(server_->Start().ok());
    EXPECT_TRUE(Eventually([this] { return bindings_.ready().ok(); }));
    server_->SetReady(true);
  }
  ~Replica() {
    Drain();
    for (auto part = bindings_.background.rbegin(); part != bindings_.background.rend(); ++part) (*part)->Stop();
  }

  /// Ends its calls and streams as it does before it stops.
  void Drain() { server_->Shutdown(std::chrono::milliseconds(0), std::chrono::seconds(5)); }

  std::string address() const { return "127.0.0.1:" + std::to_string(server_->port()); }

 private:
  app::Config config_;
  metrics::Registry metrics_;
  app::Bindings bindings_;
  std::unique_ptr<rpc::Server> server_;
};

}  // namespace embudo::testing
