#include "common/rpc/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <stdexcept>
#include <thread>

#include "common/base/error.h"
#include "common/rpc/test_server.h"
#include "google/protobuf/wrappers.pb.h"
#include "grpc/health/v1/health.pb.h"

namespace embudo::rpc {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using pipeline::v1::CreateTagRequest;
using pipeline::v1::GetTagRequest;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using type::v1::Tag;

absl::StatusOr<Tag> Echo(const CallContext&, const GetTagRequest& request) {
  Tag tag;
  tag.set_name(request.name());
  return tag;
}

GetTagRequest Get(const std::string& name) {
  GetTagRequest request;
  request.set_name(name);
  return request;
}

template <class Detail>
Detail DetailOf(const absl::Status& status) {
  Detail out;
  const google::rpc::Status rpc_status = ToRpcStatus(status);
  for (const auto& detail : rpc_status.details()) {
    if (detail.UnpackTo(&out)) break;
  }
  return out;
}

/// A handler that waits in each call until it is opened.
class Gate {
 public:
  absl::StatusOr<Tag> operator()(const CallContext& call, const GetTagRequest& request) {
    std::unique_lock lock(state_->mutex);
    ++state_->entered;
    state_->changed.notify_all();
    state_->changed.wait(lock, [this] { return state_->open; });
    return Echo(call, request);
  }
  void AwaitCalls(int count) {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [this, count] { return state_->entered >= count; });
  }
  void Open() {
    const std::lock_guard lock(state_->mutex);
    state_->open = true;
    state_->changed.notify_all();
  }
  int entered() const {
    const std::lock_guard lock(state_->mutex);
    return state_->entered;
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    int entered = 0;
    bool open = false;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// A call on its way.
struct Pending {
  Pending(TestServer& server, const std::string& name, std::optional<milliseconds> timeout = std::nullopt)
      : request(Get(name)) {
    server.client->CallAsync(
        TestServer::kGetTag, server.admin, request, &tag,
        [promise = promise](absl::Status status) { promise->set_value(std::move(status)); }, timeout);
  }
  absl::Status Wait() { return result.get(); }
  bool answered() const { return result.wait_for(seconds(0)) == std::future_status::ready; }

  const GetTagRequest request;
  Tag tag;
  std::shared_ptr<std::promise<absl::Status>> promise = std::make_shared<std::promise<absl::Status>>();
  std::shared_future<absl::Status> result = promise->get_future().share();
};

HealthCheckResponse::ServingStatus HealthOf(TestServer& server, const std::string& name) {
  HealthCheckRequest request;
  request.set_service(name);
  const auto response = server.client->Call<HealthCheckResponse>("grpc.health.v1.Health/Check", server.admin, request);
  if (response.ok()) return response->status();
  EXPECT_EQ(response.status().code(), absl::StatusCode::kNotFound) << response.status();
  return HealthCheckResponse::SERVICE_UNKNOWN;
}

TEST(ServerTest, AnswersACall) {
  TestServer server(Echo);
  const auto tag = server.CallGetTag("tags/warm");
  ASSERT_TRUE(tag.ok()) << tag.status();
  EXPECT_EQ(tag->name(), "tags/warm");
}

TEST(ServerTest, AHandlerKnowsItsCall) {
  CallContext seen;
  TestServer server([&seen](const CallContext& call, const GetTagRequest& request) {
    seen = call;
    return Echo(call, request);
  });
  Identity identity = TestServer::As(type::v1::ROLE_SERVICE);
  identity.origin = type::v1::ORIGIN_AUTOMATION;
  identity.cause.set_rule("rules/a");
  ASSERT_TRUE(server.client->Call<Tag>(TestServer::kGetTag, identity, Get("tags/a"), seconds(20)).ok());
  EXPECT_EQ(seen.method, TestServer::kGetTag);
  EXPECT_EQ(seen.tenant(), "acme");
  EXPECT_EQ(seen.identity.actor, "users/jane");
  EXPECT_TRUE(seen.identity.Has(type::v1::ROLE_SERVICE));
  EXPECT_EQ(seen.identity.origin, type::v1::ORIGIN_AUTOMATION);
  EXPECT_EQ(seen.identity.cause.rule(), "rules/a");
  EXPECT_GT(seen.TimeLeft(), seconds(10));
  EXPECT_LE(seen.TimeLeft(), seconds(21)) << "gRPC rounds up";
  EXPECT_FALSE(seen.call_id.empty());
  EXPECT_FALSE(seen.traceparent.empty());
}

TEST(ServerTest, OnlyServicesSayWhatSetThemOff) {
  CallContext seen;
  TestServer server([&seen](const CallContext& call, const GetTagRequest& request) {
    seen = call;
    return Echo(call, request);
  });
  Identity identity = server.admin;
  identity.origin = type::v1::ORIGIN_IMPORT;
  ASSERT_TRUE(server.client->Call<Tag>(TestServer::kGetTag, identity, Get("tags/a")).ok());
  EXPECT_EQ(seen.identity.origin, type::v1::ORIGIN_UNSPECIFIED);
}

TEST(ServerTest, ACallMadeForACallGoesOnWithItsIdTraceAndDeadline) {
  CallContext inner;
  CallContext outer;
  TestServer* self = nullptr;
  TestServer server([&](const CallContext& call, const GetTagRequest& request) {
    if (request.name() == "tags/inner") {
      inner = call;
      return Echo(call, request);
    }
    outer = call;
    return self->client->Call<Tag>(TestServer::kGetTag, call.identity, Get("tags/inner"), seconds(60));
  });
  self = &server;
  ASSERT_TRUE(server.client->Call<Tag>(TestServer::kGetTag, server.admin, Get("tags/outer"), seconds(5)).ok());
  EXPECT_EQ(inner.call_id, outer.call_id);
  EXPECT_EQ(inner.traceparent.substr(0, 35), outer.traceparent.substr(0, 35));
  EXPECT_NE(inner.traceparent, outer.traceparent);
  EXPECT_LE(inner.TimeLeft(), seconds(6)) << "gRPC rounds up";
}

TEST(ServerTest, ErrorDetailsArrive) {
  TestServer server([](const CallContext&, const GetTagRequest& request) -> absl::StatusOr<Tag> {
    return NotFound("embudo.dev/Tag", request.name());
  });
  const absl::Status status = server.CallGetTag("tags/none").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(MessageOf(status), "there is no tags/none");
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(status).resource_name(), "tags/none");
  const auto info = DetailOf<google::rpc::ErrorInfo>(status);
  EXPECT_EQ(info.reason(), "RESOURCE_NOT_FOUND");
  EXPECT_FALSE(info.metadata().at("call_id").empty());
}

TEST(ServerTest, TheWorstErrorArrives) {
  TestServer server([](const CallContext&, const GetTagRequest&) -> absl::StatusOr<Tag> {
    std::string wide;
    for (int i = 0; i < 10000; ++i) wide += "ü";
    Error error(absl::StatusCode::kInvalidArgument, "INVALID_FIELD", wide);
    for (int i = 0; i < 100; ++i) error.Field(wide, wide).Meta("key" + std::to_string(i), wide);
    return error;
  });
  const absl::Status status = server.CallGetTag().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), "INVALID_FIELD");
}

TEST(ServerTest, WhatHandlersThrowBecomesAnError) {
  TestServer server([](const CallContext& call, const GetTagRequest& request) -> absl::StatusOr<Tag> {
    if (request.name() == "tags/error") throw std::runtime_error("secret");
    if (request.name() == "tags/memory") throw std::bad_alloc();
    if (request.name() == "tags/number") throw 42;
    return Echo(call, request);
  });
  const absl::Status error = server.CallGetTag("tags/error").status();
  EXPECT_EQ(error.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(MessageOf(error).find("secret"), std::string::npos);
  EXPECT_FALSE(DetailOf<google::rpc::ErrorInfo>(error).metadata().at("error_id").empty());
  EXPECT_EQ(server.CallGetTag("tags/memory").status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(server.CallGetTag("tags/number").status().code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(server.CallGetTag("tags/good").ok());
}

TEST(ServerTest, RefusesWhoHasNoIdentity) {
  class Refusing final : public Authenticator {
    absl::StatusOr<Identity> Authenticate(const MetadataLookup& metadata) override {
      return Error(absl::StatusCode::kUnauthenticated, "TOKEN_MISSING", "no token")
          .Meta("tenant", metadata("x-embudo-tenant"));
    }
  };
  TestServer server(Echo, {}, std::make_shared<Refusing>());
  const absl::Status status = server.CallGetTag().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(ReasonOf(status), "TOKEN_MISSING");
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status).metadata().at("tenant"), "acme");
  EXPECT_EQ(HealthOf(server, "liveness"), HealthCheckResponse::SERVING) << "health needs no identity";
}

TEST(ServerTest, RefusesWhoLacksTheRole) {
  TestServer server(Echo);
  CreateTagRequest request;
  request.mutable_tag()->set_display_name("Hot");
  const auto call = [&](type::v1::Role role) {
    return server.client->Call<Tag>(TestServer::kCreateTag, TestServer::As(role), request).status();
  };
  EXPECT_EQ(call(type::v1::ROLE_REP).code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ReasonOf(call(type::v1::ROLE_REP)), "ROLE_REQUIRED");
  EXPECT_TRUE(call(type::v1::ROLE_ADMIN).ok());
  EXPECT_TRUE(call(type::v1::ROLE_SERVICE).ok());
}

TEST(ServerTest, RefusesWhoNamesNoTenant) {
  class NoTenant final : public Authenticator {
    absl::StatusOr<Identity> Authenticate(const MetadataLookup&) override {
      Identity identity;
      identity.roles = {type::v1::ROLE_ADMIN};
      return identity;
    }
  };
  TestServer server(Echo, {}, std::make_shared<NoTenant>());
  EXPECT_EQ(ReasonOf(server.CallGetTag().status()), "TENANT_REQUIRED");
}

TEST(ServerTest, HandlersSeeValidRequestsOnly) {
  int calls = 0;
  TestServer server([&calls](const CallContext& call, const GetTagRequest& request) {
    ++calls;
    return Echo(call, request);
  });
  const absl::Status status = server.CallGetTag("").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const auto bad_request = DetailOf<google::rpc::BadRequest>(status);
  ASSERT_EQ(bad_request.field_violations_size(), 1);
  EXPECT_EQ(bad_request.field_violations(0).field(), "name");
  google::protobuf::BytesValue no_text;
  no_text.set_value("\xff");
  EXPECT_EQ(ReasonOf(server.client->Call<Tag>(TestServer::kGetTag, server.admin, no_text).status()),
            "MALFORMED_REQUEST");
  EXPECT_EQ(calls, 0);
}

TEST(ServerTest, RefusesMessagesThatAreTooLarge) {
  TestServer server(Echo);
  EXPECT_EQ(server.CallGetTag(std::string(5 << 20, 'x')).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(ServerTest, UnknownMethodsAreUnimplemented) {
  TestServer server(Echo);
  const auto tag = server.client->Call<Tag>("embudo.pipeline.v1.CatalogService/Nothing", server.admin, Get("a"));
  EXPECT_EQ(tag.status().code(), absl::StatusCode::kUnimplemented);
}

TEST(ServerTest, ACallWhoseDeadlinePassesInTheQueueIsNotRun) {
  Gate gate;
  ServerOptions options;
  options.threads = 1;
  TestServer server(gate, options);
  Pending first(server, "tags/first");
  gate.AwaitCalls(1);
  EXPECT_EQ(Pending(server, "tags/late", milliseconds(50)).Wait().code(), absl::StatusCode::kDeadlineExceeded);
  // The server counts the 50 ms from the call's arrival, and what is sent after it arrives after it.
  EXPECT_EQ(HealthOf(server, "liveness"), HealthCheckResponse::SERVING);
  const auto late = std::chrono::steady_clock::now() + milliseconds(50);
  while (std::chrono::steady_clock::now() <= late) std::this_thread::yield();
  gate.Open();
  EXPECT_TRUE(first.Wait().ok());
  EXPECT_TRUE(server.CallGetTag("tags/next").ok());
  EXPECT_EQ(gate.entered(), 2) << "the late call was run";
}

TEST(ServerTest, ARunningCallSeesThatItsCallerWentAway) {
  std::promise<bool> cancelled;
  TestServer server([&cancelled](const CallContext& call, const GetTagRequest& request) {
    const auto give_up = std::chrono::steady_clock::now() + seconds(10);
    while (!*call.cancelled && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
    cancelled.set_value(*call.cancelled);
    return Echo(call, request);
  });
  EXPECT_EQ(Pending(server, "tags/a", milliseconds(50)).Wait().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(cancelled.get_future().get());
}

TEST(ServerTest, WhenAllThreadsAndTheQueueAreFullItSaysSoAtOnce) {
  Gate gate;
  ServerOptions options;
  options.threads = 1;
  options.queue_length = 1;
  TestServer server(gate, options);
  Pending running(server, "tags/running");
  gate.AwaitCalls(1);
  Pending one(server, "tags/one");
  Pending two(server, "tags/two");
  while (!one.answered() && !two.answered()) std::this_thread::yield();
  const absl::Status refused = one.answered() ? one.Wait() : two.Wait();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(refused), "SERVER_OVERLOADED");
  EXPECT_GT(DetailOf<google::rpc::RetryInfo>(refused).retry_delay().nanos(), 0);
  EXPECT_EQ(HealthOf(server, "liveness"), HealthCheckResponse::SERVING) << "health does not queue";
  gate.Open();
  EXPECT_TRUE(running.Wait().ok());
  EXPECT_NE(one.Wait().ok(), two.Wait().ok());
}

TEST(ServerTest, CountsCalls) {
  TestServer server(Echo);
  ASSERT_TRUE(server.CallGetTag().ok());
  ASSERT_FALSE(server.CallGetTag("").ok());
  const std::string text = server.metrics.Text();
  const std::string method = std::string("method=\"") + TestServer::kGetTag + "\"";
  EXPECT_THAT(text, HasSubstr("embudo_rpc_started_total{" + method + "} 2"));
  EXPECT_THAT(text, HasSubstr("embudo_rpc_handled_total{code=\"OK\"," + method + "} 1"));
  EXPECT_THAT(text, HasSubstr("embudo_rpc_handled_total{code=\"INVALID_ARGUMENT\"," + method + "} 1"));
  EXPECT_THAT(text, HasSubstr("embudo_rpc_latency_seconds_count{" + method + "} 2"));
  EXPECT_THAT(text, HasSubstr("embudo_rpc_in_flight{" + method + "} 0"));
}

TEST(ServerTest, AtShutdownRunningCallsEndWell) {
  Gate gate;
  TestServer server(gate);
  Pending running(server, "tags/running");
  gate.AwaitCalls(1);
  std::thread shutdown([&server] { server.server->Shutdown(milliseconds(0), seconds(20)); });
  // New calls are refused first; then the one under way gets its answer.
  const auto new_call = [&server] {
    return server.client->Call<HealthCheckResponse>("grpc.health.v1.Health/Check", server.admin, HealthCheckRequest(),
                                                    milliseconds(100));
  };
  while (new_call().ok()) std::this_thread::yield();
  EXPECT_FALSE(running.answered());
  gate.Open();
  EXPECT_TRUE(running.Wait().ok());
  shutdown.join();
}

TEST(ServerTest, DuringTheNoticeCallsAreStillServed) {
  TestServer server(Echo);
  server.server->SetReady(true);
  ASSERT_EQ(HealthOf(server, "readiness"), HealthCheckResponse::SERVING);
  std::thread shutdown([&server] { server.server->Shutdown(seconds(1), seconds(20)); });
  while (HealthOf(server, "readiness") == HealthCheckResponse::SERVING) std::this_thread::yield();
  EXPECT_TRUE(server.CallGetTag().ok());
  shutdown.join();
  EXPECT_FALSE(server.CallGetTag().ok());
}

TEST(ServerTest, HealthTellsOfEveryService) {
  TestServer server(Echo);
  for (const char* name : {"", "readiness", "embudo.pipeline.v1.CatalogService"}) {
    EXPECT_EQ(HealthOf(server, name), HealthCheckResponse::NOT_SERVING) << name;
  }
  EXPECT_EQ(HealthOf(server, "liveness"), HealthCheckResponse::SERVING);
  EXPECT_EQ(HealthOf(server, "unheard of"), HealthCheckResponse::SERVICE_UNKNOWN);
  server.server->SetReady(true);
  for (const char* name : {"", "readiness", "embudo.pipeline.v1.CatalogService"}) {
    EXPECT_EQ(HealthOf(server, name), HealthCheckResponse::SERVING) << name;
  }
}

TEST(ServerTest, TheDevelopmentIdentityIsForLoopbackOnly) {
  for (const char* listen : {"0.0.0.0:0", "[::]:0", "10.0.0.1:0", "example.com:0"}) {
    metrics::Registry metrics;
    Server server({.listen = listen}, DevAuthenticator(), metrics);
    const absl::Status status = server.Start();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << listen;
  }
}

/// Knows nobody, and believes nobody without proof.
class Strict final : public Authenticator {
 public:
  absl::StatusOr<Identity> Authenticate(const MetadataLookup& /*metadata*/) override {
    return Error(absl::StatusCode::kUnauthenticated, "TOKEN_MISSING", "a token is missing");
  }
};

TEST(ServerTest, WithoutTlsOnlyLoopbackIsServed) {
  for (const char* listen : {"0.0.0.0:0", "[::]:0"}) {
    metrics::Registry metrics;
    Server refused({.listen = listen}, std::make_shared<Strict>(), metrics);
    EXPECT_EQ(ReasonOf(refused.Start()), "TLS_REQUIRED") << listen;
    Server allowed({.listen = listen, .plaintext = true}, std::make_shared<Strict>(), metrics);
    EXPECT_TRUE(allowed.Start().ok()) << listen;
  }
  metrics::Registry metrics;
  Server loopback({.listen = "127.0.0.1:0"}, std::make_shared<Strict>(), metrics);
  EXPECT_TRUE(loopback.Start().ok());
}

TEST(ServerTest, APortThatIsTakenIsAnError) {
  TestServer first(Echo);
  metrics::Registry metrics;
  Server second({.listen = first.address()}, DevAuthenticator(), metrics);
  EXPECT_EQ(ReasonOf(second.Start()), "ADDRESS_TAKEN");
}

TEST(ServerDeathTest, AServiceWithoutOneOfItsHandlersDoesNotStart) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        metrics::Registry metrics;
        const Service empty(GetTagRequest::descriptor()->file()->FindServiceByName("CatalogService"));
        Server server({.listen = "127.0.0.1:0"}, DevAuthenticator(), metrics);
        server.Add(empty);
        (void)server.Start();
      },
      "GetTag has no handler");
}

TEST(ServerDeathTest, AHandlerFitsItsMethod) {
  Service catalog(GetTagRequest::descriptor()->file()->FindServiceByName("CatalogService"));
  const auto handler = [](const CallContext&, const google::protobuf::Message&) { return absl::StatusOr<Tag>(); };
  EXPECT_DEATH((catalog.Unary<CreateTagRequest, Tag>("GetTag", handler)), "another request type");
  EXPECT_DEATH((catalog.Unary<GetTagRequest, Tag>("GotTag", handler)), "is not in the proto");
  EXPECT_DEATH(catalog.Bidi("GetTag", nullptr), "does not stream");
}

}  // namespace
}  // namespace embudo::rpc
