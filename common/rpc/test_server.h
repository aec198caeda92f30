#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "common/rpc/client.h"
#include "common/rpc/server.h"
#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "embudo/pipeline/v1/event_service.pb.h"

namespace embudo::rpc {

/// For tests: a server on a free port. GetTag does what the test says, every other method of CatalogService answers
/// with an empty message, and EventService.Tail is the test's.
class TestServer {
 public:
  using GetTag = std::function<absl::StatusOr<type::v1::Tag>(const CallContext&, const pipeline::v1::GetTagRequest&)>;

  static constexpr char kGetTag[] = "embudo.pipeline.v1.CatalogService/GetTag";
  static constexpr char kCreateTag[] = "embudo.pipeline.v1.CatalogService/CreateTag";
  static constexpr char kTail[] = "embudo.pipeline.v1.EventService/Tail";

  explicit TestServer(GetTag get_tag, ServerOptions options = {},
                      std::shared_ptr<Authenticator> authenticator = DevAuthenticator()) {
    Fill(catalog_, std::move(get_tag));
    events_.Bidi("Tail", [this](std::shared_ptr<BidiStream> stream) { return tail(std::move(stream)); });
    options.listen = "127.0.0.1:0";
    server = std::make_unique<Server>(options, std::move(authenticator), metrics);
    server->Add(catalog_);
    server->Add(events_);
    const absl::Status started = server->Start();
    EXPECT_TRUE(started.ok()) << started;
    client = std::make_unique<Client>(ClientOptions{.target = address(), .credentials = DevCredentials()});
  }
  ~TestServer() {
    client = nullptr;
    server = nullptr;
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(server->port()); }

  absl::StatusOr<type::v1::Tag> CallGetTag(const std::string& name = "tags/hot") {
    pipeline::v1::GetTagRequest request;
    request.set_name(name);
    return client->Call<type::v1::Tag>(kGetTag, admin, request);
  }

  static void Fill(Service& catalog, GetTag get_tag) {
    catalog.Unary<pipeline::v1::GetTagRequest, type::v1::Tag>("GetTag", std::move(get_tag));
    for (int i = 0; i < catalog.descriptor()->method_count(); ++i) {
      const std::string& method = catalog.descriptor()->method(i)->name();
      if (method == "GetTag") continue;
      catalog.UnaryAny(method, [](const CallContext&, const google::protobuf::Message&, google::protobuf::Message&) {
        return absl::OkStatus();
      });
    }
  }

  static Identity As(type::v1::Role role) {
    Identity identity;
    identity.tenant = "acme";
    identity.actor = "users/jane";
    identity.roles = {role};
    return identity;
  }

  const Identity admin = As(type::v1::ROLE_ADMIN);
  metrics::Registry metrics;
  StreamFactory tail = [](std::shared_ptr<BidiStream>) { return nullptr; };
  std::unique_ptr<Server> server;
  std::unique_ptr<Client> client;

 private:
  Service catalog_{pipeline::v1::GetTagRequest::descriptor()->file()->FindServiceByName("CatalogService")};
  Service events_{pipeline::v1::TailRequest::descriptor()->file()->FindServiceByName("EventService")};
};

}  // namespace embudo::rpc
