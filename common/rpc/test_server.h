#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "common/rpc/client.h"
#include "common/rpc/server.h"
#include "embudo/capture/v1/import_service.pb.h"
#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "embudo/pipeline/v1/event_service.pb.h"

namespace embudo::rpc {

/// For tests: a server on a free port. GetTag, EventService.Tail and UploadFile do what the test says; all other
/// methods answer with an empty message.
class TestServer {
 public:
  using GetTag = std::function<absl::StatusOr<type::v1::Tag>(const CallContext&, const pipeline::v1::GetTagRequest&)>;

  static constexpr char kGetTag[] = "embudo.pipeline.v1.CatalogService/GetTag";
  static constexpr char kCreateTag[] = "embudo.pipeline.v1.CatalogService/CreateTag";
  static constexpr char kTail[] = "embudo.pipeline.v1.EventService/Tail";

  static constexpr char kUploadFile[] = "embudo.capture.v1.ImportService/UploadFile";

  explicit TestServer(GetTag get_tag, ServerOptions options = {},
                      std::shared_ptr<Authenticator> authenticator = DevAuthenticator()) {
    catalog_.Unary<pipeline::v1::GetTagRequest, type::v1::Tag>("GetTag", std::move(get_tag));
    events_.Bidi("Tail", [this](std::shared_ptr<BidiStream> stream) { return tail(std::move(stream)); });
    imports_.ClientStream(
        "UploadFile", [this](const CallContext& call, const MessageReader& next, google::protobuf::Message& response) {
          return upload(call, next, static_cast<capture::v1::File&>(response));
        });
    options.listen = "127.0.0.1:0";
    server = std::make_unique<Server>(options, std::move(authenticator), metrics);
    for (Service* service : {&catalog_, &events_, &imports_}) {
      FillUp(*service);
      server->Add(*service);
    }
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

  static Identity As(type::v1::Role role) {
    Identity identity;
    identity.tenant = "acme";
    identity.actor = "users/jane";
    identity.roles = {role};
    return identity;
  }

  const Identity admin = As(type::v1::ROLE_ADMIN);
  metrics::Registry metrics;
  StreamFactory tail = [](const std::shared_ptr<BidiStream>&) { return nullptr; };
  std::function<absl::Status(const CallContext&, const MessageReader&, capture::v1::File&)> upload;
  std::unique_ptr<Server> server;
  std::unique_ptr<Client> client;

 private:
  static Service ServiceOf(const google::protobuf::Descriptor* message, const char* name) {
    return Service(message->file()->FindServiceByName(name));
  }

  static void FillUp(Service& service) {
    for (int i = 0; i < service.descriptor()->method_count(); ++i) {
      const std::string& method = service.descriptor()->method(i)->name();
      if (service.methods().count(method) > 0) continue;
      if (service.descriptor()->method(i)->server_streaming()) {
        service.Bidi(method, [](const std::shared_ptr<BidiStream>&) { return nullptr; });
        continue;
      }
      service.UnaryAny(method, [](const CallContext&, const google::protobuf::Message&, google::protobuf::Message&) {
        return absl::OkStatus();
      });
    }
  }

  Service catalog_ = ServiceOf(pipeline::v1::GetTagRequest::descriptor(), "CatalogService");
  Service events_ = ServiceOf(pipeline::v1::TailRequest::descriptor(), "EventService");
  Service imports_ = ServiceOf(capture::v1::UploadFileRequest::descriptor(), "ImportService");
};

}  // namespace embudo::rpc
