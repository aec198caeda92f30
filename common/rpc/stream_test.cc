#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <future>
#include <stdexcept>
#include <thread>

#include "common/base/error.h"
#include "common/rpc/test_server.h"
#include "grpc/health/v1/health.pb.h"

namespace embudo::rpc {
namespace {

using capture::v1::File;
using capture::v1::UploadFileRequest;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using pipeline::v1::TailRequest;
using pipeline::v1::TailResponse;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kWatch[] = "grpc.health.v1.Health/Watch";

absl::StatusOr<type::v1::Tag> NoTag(const CallContext&, const pipeline::v1::GetTagRequest&) { return type::v1::Tag(); }

TailRequest CreditOf(int64_t events) {
  TailRequest request;
  request.mutable_credit()->set_events(events);
  return request;
}

TailResponse Backlog(int64_t backlog) {
  TailResponse response;
  response.mutable_heartbeat()->set_backlog(backlog);
  return response;
}

/// A stream handler of lambdas.
class Handler : public StreamHandler {
 public:
  explicit Handler(std::shared_ptr<BidiStream> the_stream) : stream(std::move(the_stream)) {}

  void OnMessage(const google::protobuf::Message& message) override {
    if (on_message) on_message(static_cast<const TailRequest&>(message));
  }
  void OnReadsDone() override { stream->Finish(absl::OkStatus()); }
  void OnWritable() override {
    if (on_writable) on_writable();
  }
  void OnDraining() override {
    if (on_draining) on_draining();
  }
  void OnDone() override {
    if (on_done) on_done();
  }

  const std::shared_ptr<BidiStream> stream;
  std::function<void(const TailRequest&)> on_message;
  std::function<void()> on_writable, on_draining, on_done;
};

/// A server whose Tail is made by `fill`, and a stream to it.
struct StreamTest {
  explicit StreamTest(std::function<void(Handler&)> fill) : server(NoTag) {
    server.tail = [this, fill = std::move(fill)](std::shared_ptr<BidiStream> served) {
      auto handler = std::make_shared<Handler>(std::move(served));
      handler->on_done = [this] { done.set_value(); };
      fill(*handler);
      return handler;
    };
    stream = server.client->Stream(TestServer::kTail, server.admin);
  }
  void AwaitDone() { EXPECT_EQ(done.get_future().wait_for(seconds(20)), std::future_status::ready); }

  std::promise<void> done;
  TestServer server;
  std::unique_ptr<ClientStream> stream;
};

/// Answers each message. The client's next may be here before the answer has left, so answers wait for each other.
void Echo(Handler& handler) {
  auto* stream = handler.stream.get();
  const auto waiting = std::make_shared<std::deque<int64_t>>();  // the first is on its way
  handler.on_message = [stream, waiting](const TailRequest& request) {
    waiting->push_back(request.credit().events());
    if (waiting->size() == 1) stream->Write(Backlog(waiting->front()));
  };
  handler.on_writable = [stream, waiting] {
    waiting->pop_front();
    if (!waiting->empty()) stream->Write(Backlog(waiting->front()));
  };
}

TEST(BidiTest, MessagesGoBothWays) {
  StreamTest test(Echo);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(test.stream->Write(CreditOf(i)));
    TailResponse response;
    ASSERT_TRUE(test.stream->Read(&response));
    ASSERT_EQ(response.heartbeat().backlog(), i);
  }
  test.stream->WritesDone();
  EXPECT_TRUE(test.stream->Finish().ok());
  test.AwaitDone();
}

TEST(BidiTest, TheServerSendsAsTheClientTakes) {
  int64_t sent = 0;
  StreamTest test([&sent](Handler& handler) {
    auto* stream = handler.stream.get();
    handler.on_message = [stream, &sent](const TailRequest&) { stream->Write(Backlog(++sent)); };
    handler.on_writable = [stream, &sent] {
      if (sent == 2000) return stream->Finish(Error(absl::StatusCode::kOutOfRange, "CURSOR_EXPIRED", "the end"));
      stream->Write(Backlog(++sent));
    };
  });
  ASSERT_TRUE(test.stream->Write(CreditOf(1)));
  TailResponse response;
  int64_t received = 0;
  while (test.stream->Read(&response)) ASSERT_EQ(response.heartbeat().backlog(), ++received);
  EXPECT_EQ(received, 2000);
  const absl::Status status = test.stream->Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ReasonOf(status), "CURSOR_EXPIRED");
}

TEST(BidiTest, AnyThreadMayWriteAndFinish) {
  std::thread writer;
  StreamTest test([&writer](Handler& handler) {
    writer = std::thread([stream = handler.stream] {
      stream->Write(Backlog(7));
      stream->Finish(absl::OkStatus());
      stream->Finish(absl::AbortedError("too late"));
      stream->Write(Backlog(8));
    });
  });
  TailResponse response;
  EXPECT_TRUE(test.stream->Read(&response));
  EXPECT_EQ(response.heartbeat().backlog(), 7);
  EXPECT_FALSE(test.stream->Read(&response));
  EXPECT_TRUE(test.stream->Finish().ok());
  writer.join();
}

TEST(BidiTest, MessagesAreChecked) {
  StreamTest test(Echo);
  ASSERT_TRUE(test.stream->Write(CreditOf(-1)));
  const absl::Status status = test.stream->Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), "INVALID_FIELD");
  test.AwaitDone();
}

TEST(BidiTest, WhatHandlersThrowEndsTheStream) {
  StreamTest test(
      [](Handler& handler) { handler.on_message = [](const TailRequest&) { throw std::runtime_error("secret"); }; });
  ASSERT_TRUE(test.stream->Write(CreditOf(1)));
  const absl::Status status = test.stream->Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(MessageOf(status).find("secret"), std::string::npos);
}

TEST(BidiTest, AHandlerThatDoesNotWaitForItsWriteIsMistaken) {
  StreamTest test([](Handler& handler) {
    handler.stream->Write(Backlog(1));
    handler.stream->Write(Backlog(2));
  });
  EXPECT_EQ(test.stream->Finish().code(), absl::StatusCode::kInternal);
}

TEST(BidiTest, ACallerThatGoesAwayEndsTheStream) {
  StreamTest test(Echo);
  ASSERT_TRUE(test.stream->Write(CreditOf(1)));
  test.stream->Cancel();
  test.AwaitDone();
  EXPECT_EQ(test.stream->Finish().code(), absl::StatusCode::kCancelled);
}

TEST(BidiTest, RefusesWhoLacksTheRole) {
  TestServer server(NoTag);
  Identity nobody;
  nobody.roles = {type::v1::ROLE_UNSPECIFIED};
  nobody.tenant = "acme";
  server.tail = [](std::shared_ptr<BidiStream>) -> std::shared_ptr<StreamHandler> {
    ADD_FAILURE() << "the handler was made";
    return nullptr;
  };
  class NoRoles final : public Authenticator {
    absl::StatusOr<Identity> Authenticate(const MetadataLookup&) override { return Identity{.tenant = "acme"}; }
  };
  TestServer strict(NoTag, {}, std::make_shared<NoRoles>());
  EXPECT_EQ(ReasonOf(strict.client->Stream(TestServer::kTail, nobody)->Finish()), "ROLE_REQUIRED");
}

TEST(BidiTest, RunningStreamsAreToldToEndAtShutdown) {
  StreamTest test([](Handler& handler) {
    Echo(handler);
    auto* stream = handler.stream.get();
    handler.on_draining = [stream] { stream->Finish(absl::UnavailableError("restart")); };
  });
  ASSERT_TRUE(test.stream->Write(CreditOf(1)));
  TailResponse response;
  ASSERT_TRUE(test.stream->Read(&response));
  std::thread shutdown([&test] { test.server.server->Shutdown(milliseconds(0), seconds(60)); });
  EXPECT_FALSE(test.stream->Read(&response));
  const absl::Status status = test.stream->Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(MessageOf(status), "restart");
  shutdown.join();
}

TEST(BidiTest, AStreamThatDoesNotEndIsCutAfterTheGrace) {
  StreamTest test(Echo);
  ASSERT_TRUE(test.stream->Write(CreditOf(1)));
  TailResponse response;
  ASSERT_TRUE(test.stream->Read(&response));
  test.server.server->Shutdown(milliseconds(0), milliseconds(100));
  test.AwaitDone();
  EXPECT_EQ(test.stream->Finish().code(), absl::StatusCode::kUnavailable);
}

TEST(HealthWatchTest, TellsChangesAndEndsAtShutdown) {
  TestServer server(NoTag);
  const auto stream = server.client->Stream(kWatch, server.admin);
  ASSERT_TRUE(stream->Write(HealthCheckRequest()));
  stream->WritesDone();
  HealthCheckResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  server.server->SetReady(true);
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  const auto begin = std::chrono::steady_clock::now();
  std::thread shutdown([&server] { server.server->Shutdown(milliseconds(0), seconds(60)); });
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().code(), absl::StatusCode::kUnavailable);
  shutdown.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(30)) << "the stream held up the shutdown";
}

TEST(HealthWatchTest, AnUnknownServiceIsWatchedToo) {
  TestServer server(NoTag);
  const auto stream = server.client->Stream(kWatch, server.admin);
  HealthCheckRequest request;
  request.set_service("unheard of");
  ASSERT_TRUE(stream->Write(request));
  HealthCheckResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVICE_UNKNOWN);
}

UploadFileRequest Chunk(size_t size) {
  UploadFileRequest request;
  request.set_chunk(std::string(size, 'x'));
  return request;
}

/// Adds up the chunks.
absl::Status Sum(const CallContext&, const MessageReader& next, File& file) {
  int64_t bytes = 0;
  while (true) {
    EMBUDO_ASSIGN_OR_RETURN(const auto message, next());
    if (message == nullptr) break;
    bytes += static_cast<int64_t>(static_cast<const UploadFileRequest&>(*message).chunk().size());
  }
  file.set_size_bytes(bytes);
  return absl::OkStatus();
}

TEST(ClientStreamTest, TheHandlerReadsToTheEnd) {
  TestServer server(NoTag);
  server.upload = Sum;
  const auto stream = server.client->Stream(TestServer::kUploadFile, server.admin);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(stream->Write(Chunk(60000)));
  stream->WritesDone();
  File file;
  ASSERT_TRUE(stream->Read(&file));
  EXPECT_EQ(file.size_bytes(), 6000000);
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(ClientStreamTest, MessagesAreChecked) {
  TestServer server(NoTag);
  server.upload = Sum;
  const auto stream = server.client->Stream(TestServer::kUploadFile, server.admin);
  stream->Write(Chunk(65537));
  EXPECT_EQ(ReasonOf(stream->Finish()), "INVALID_FIELD");
}

TEST(ClientStreamTest, AHandlerMayEndTheCallEarly) {
  TestServer server(NoTag);
  server.upload = [](const CallContext&, const MessageReader& next, File&) {
    const auto first = next();
    return NotFound("embudo.dev/File", "files/a");
  };
  const auto stream = server.client->Stream(TestServer::kUploadFile, server.admin);
  while (stream->Write(Chunk(60000))) {
  }
  EXPECT_EQ(stream->Finish().code(), absl::StatusCode::kNotFound);
}

TEST(ClientStreamTest, ASilentClientDoesNotKeepAThread) {
  ServerOptions options;
  options.stream_read_timeout = milliseconds(50);
  TestServer server(NoTag, options);
  server.upload = [](const CallContext& call, const MessageReader& next, File& file) {
    const absl::Status status = Sum(call, next, file);
    EXPECT_EQ(next().status(), status) << "reading on after an error";
    return status;
  };
  const auto stream = server.client->Stream(TestServer::kUploadFile, server.admin);
  ASSERT_TRUE(stream->Write(Chunk(1)));
  EXPECT_EQ(stream->Finish().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(ClientStreamTest, ACallerThatGoesAwayEndsTheReading) {
  std::promise<void> begun;
  std::promise<absl::Status> ended;
  TestServer server(NoTag);
  server.upload = [&](const CallContext& call, const MessageReader& next, File& file) {
    begun.set_value();
    const absl::Status status = Sum(call, next, file);
    ended.set_value(status);
    return status;
  };
  const auto stream = server.client->Stream(TestServer::kUploadFile, server.admin);
  ASSERT_TRUE(stream->Write(Chunk(1)));
  // A call that is cancelled before it is served has no reading to end.
  begun.get_future().wait();
  stream->Cancel();
  EXPECT_EQ(ended.get_future().get().code(), absl::StatusCode::kCancelled);
}

/// The names that gRPC reflection lists, asked for by descriptors, since the library has no header for its messages.
TEST(ReflectionTest, ListsTheServices) {
  TestServer server(NoTag);
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  const auto make = [pool](const std::string& name) {
    const auto* type = pool->FindMessageTypeByName("grpc.reflection.v1alpha.ServerReflection" + name);
    return std::unique_ptr<google::protobuf::Message>(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  };
  const auto request = make("Request");
  request->GetReflection()->SetString(request.get(), request->GetDescriptor()->FindFieldByName("list_services"), "*");
  const auto stream =
      server.client->Stream("grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", server.admin);
  ASSERT_TRUE(stream->Write(*request));
  const auto response = make("Response");
  ASSERT_TRUE(stream->Read(response.get()));
  const std::string text = response->ShortDebugString();
  for (const char* name : {"embudo.pipeline.v1.CatalogService", "embudo.pipeline.v1.EventService",
                           "embudo.capture.v1.ImportService", "grpc.health.v1.Health"}) {
    EXPECT_THAT(text, testing::HasSubstr(name));
  }
}

}  // namespace
}  // namespace embudo::rpc
