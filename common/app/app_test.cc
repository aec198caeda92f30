#include "common/app/app.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "common/app/free_port.h"
#include "common/rpc/client.h"
#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "grpc/health/v1/health.pb.h"

namespace embudo::app {
namespace {

using pipeline::v1::GetTagRequest;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kGetTag[] = "embudo.pipeline.v1.CatalogService/GetTag";

/// Writes down when it is started and stopped.
class Part final : public Background {
 public:
  Part(std::string name, std::vector<std::string>* diary) : name_(std::move(name)), diary_(diary) {}
  void Start() override { diary_->push_back("start " + name_); }
  void Stop() override { diary_->push_back("stop " + name_); }

 private:
  const std::string name_;
  std::vector<std::string>* diary_;
};

std::unique_ptr<rpc::Service> Catalog() {
  auto service =
      std::make_unique<rpc::Service>(GetTagRequest::descriptor()->file()->FindServiceByName("CatalogService"));
  for (int i = 0; i < service->descriptor()->method_count(); ++i) {
    service->UnaryAny(service->descriptor()->method(i)->name(),
                      [](const rpc::CallContext&, const google::protobuf::Message&, google::protobuf::Message&) {
                        return absl::OkStatus();
                      });
  }
  return service;
}

/// Runs services in this process until it goes, which sends the signal.
class Running {
 public:
  Running(std::vector<std::pair<std::string, BindFunction>> services, std::vector<std::string> flags) {
    // Or the signal would end the test's own threads, too.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    flags.insert(flags.begin(), "program");
    exit_code_ = std::async(std::launch::async, [services = std::move(services), flags = std::move(flags)]() mutable {
      std::vector<char*> argv;
      for (std::string& flag : flags) argv.push_back(flag.data());
      return RunAll(services, static_cast<int>(argv.size()), argv.data());
    });
  }

  bool Ended() const { return exit_code_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }
  int ExitCode() { return exit_code_.get(); }
  int Stop() {
    kill(getpid(), SIGTERM);
    return exit_code_.get();
  }

 private:
  std::future<int> exit_code_;
};

rpc::Identity Admin() {
  rpc::Identity identity;
  identity.tenant = "acme";
  identity.roles = {type::v1::ROLE_ADMIN};
  return identity;
}

bool IsReady(rpc::Client& client) {
  const auto response = client.Call<grpc::health::v1::HealthCheckResponse>("grpc.health.v1.Health/Check", Admin(),
                                                                           grpc::health::v1::HealthCheckRequest());
  return response.ok() && response->status() == grpc::health::v1::HealthCheckResponse::SERVING;
}

TEST(AppTest, AProcessServesItsServicesUntilItIsToldToStop) {
  std::vector<std::string> diary;
  Config seen;
  const BindFunction pipeline = [&](const Environment& environment, Bindings& bindings) {
    seen = environment.config;
    bindings.services.push_back(Catalog());
    bindings.background.push_back(std::make_shared<Part>("relay", &diary));
    return absl::OkStatus();
  };
  const BindFunction scoring = [&](const Environment& environment, Bindings& bindings) {
    EXPECT_EQ(environment.config.service, "scoring");
    bindings.background.push_back(std::make_shared<Part>("consumer", &diary));
    bindings.ready = [] { return absl::OkStatus(); };
    return absl::OkStatus();
  };
  const std::string address = WithFreePort("127.0.0.1:0");
  Running running({{"pipeline", pipeline}, {"scoring", scoring}},
                  {"--dev-identity", "--listen", address, "--metrics-listen=127.0.0.1:0", "--drain-notice-ms=0",
                   "--log-level=error"});
  {
    rpc::Client client({.target = address, .credentials = rpc::DevCredentials()});
    while (!IsReady(client) && !running.Ended()) std::this_thread::yield();
    GetTagRequest request;
    request.set_name("tags/a");
    const auto tag = client.Call<type::v1::Tag>(kGetTag, Admin(), request);
    EXPECT_TRUE(tag.ok()) << tag.status();
  }
  EXPECT_EQ(running.Stop(), 0);
  EXPECT_EQ(seen.service, "pipeline");
  EXPECT_EQ(seen.scoring_target, address) << "services of one process reach each other over its port";
  EXPECT_THAT(diary, ElementsAre("start relay", "start consumer", "stop consumer", "stop relay"));
}

TEST(AppTest, AServiceThatCannotBeBoundEndsTheProcess) {
  const BindFunction broken = [](const Environment&, Bindings&) { return absl::InvalidArgumentError("no"); };
  EXPECT_EQ(Running({{"pipeline", broken}}, {"--dev-identity", "--log-level=off"}).ExitCode(), 1);
}

TEST(AppTest, WithoutIdentityItDoesNotStart) {
  const BindFunction empty = [](const Environment&, Bindings&) { return absl::OkStatus(); };
  EXPECT_EQ(Running({{"pipeline", empty}}, {"--listen=127.0.0.1:0", "--log-level=off"}).ExitCode(), 1);
}

}  // namespace
}  // namespace embudo::app
