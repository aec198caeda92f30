#include "common/http/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "common/base/error.h"
#include "common/testing/eventually.h"

namespace embudo::http {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

/// A connection that sends bytes as it likes.
class RawClient {
 public:
  explicit RawClient(const std::string& address) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    const timeval patience{.tv_sec = 20};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~RawClient() { close(socket_); }

  void Send(const std::string& bytes) { std::ignore = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  /// What comes until `end` has come, or the server closes.
  std::string Read(const std::string& end = "\r\n\r\n") {
    std::string text;
    std::array<char, 4096> bytes{};
    while (text.find(end) == std::string::npos) {
      const ssize_t count = recv(socket_, bytes.data(), bytes.size(), 0);
      if (count <= 0) break;
      text.append(bytes.data(), static_cast<size_t>(count));
    }
    return text;
  }
  /// Whether the server has closed the connection, without a word.
  bool IsClosed() {
    char byte = 0;
    return recv(socket_, &byte, 1, 0) == 0;
  }

 private:
  const int socket_;
};

class ServerTest : public ::testing::Test {
 protected:
  void Start(const Limits& limits = {}) {
    server_ = std::make_unique<Server>(
        limits, [this](const Request& request) { return Answer(request); }, metrics_);
    ASSERT_TRUE(server_->Listen("127.0.0.1:0").ok());
    server_->Start();
  }
  Response Answer(const Request& request) {
    ++handled_;
    if (request.path == "/wait") {
      std::unique_lock lock(mutex_);
      released_.wait(lock, [this] { return release_; });
    }
    return {200,
            "text/plain",
            request.method + " " + request.path + " " + request.query + " " + std::string(request.Header("x-cat")) +
                " " + std::to_string(request.body.size()) + "\n",
            {{"X-Test", "yes"}}};
  }
  void Release() {
    const std::lock_guard lock(mutex_);
    release_ = true;
    released_.notify_all();
  }
  std::string Metrics() const { return metrics_.Text(); }

  metrics::Registry metrics_;
  std::atomic<int> handled_{0};
  std::mutex mutex_;
  std::condition_variable released_;
  bool release_ = false;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, AnswersRequestsOnOneConnection) {
  Start();
  RawClient client(server_->address());
  client.Send("POST /a%20b?c=d HTTP/1.1\r\nHost: x\r\nX-Cat: Tom\r\nContent-Length: 3\r\n\r\nabc");
  const std::string first = client.Read("Tom 3\n");
  EXPECT_THAT(first, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(first, HasSubstr("X-Test: yes\r\n"));
  EXPECT_THAT(first, HasSubstr("Date: "));
  EXPECT_THAT(first, EndsWith("POST /a%20b c=d Tom 3\n"));
}

TEST_F(ServerTest, KeepsAConnectionAndTakesChunks) {
  Start();
  RawClient client(server_->address());
  client.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.Read("GET /   0\n"), EndsWith("GET /   0\n"));
  client.Send("POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
  EXPECT_THAT(client.Read("3\n"), EndsWith("POST /b   3\n"));
  client.Send("HEAD /h HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string head = client.Read("no end");
  EXPECT_THAT(head, HasSubstr("Content-Length: 12\r\n"));
  EXPECT_THAT(head, EndsWith("\r\n\r\n"));
}

TEST_F(ServerTest, RefusesWhatBreaksTheProtocolOrTheLimits) {
  Start({.header_bytes = 1000, .body_bytes = 1000});
  const auto answer = [&](const std::string& request) {
    RawClient client(server_->address());
    client.Send(request);
    return client.Read("no end");
  };
  EXPECT_THAT(answer("no HTTP at all\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(answer("GET / HTTP/1.1\r\nX: " + std::string(2000, 'x') + "\r\n\r\n"), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(answer("POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n" + std::string(1001, 'x')),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(answer("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + std::string(2000, 'x')),
              StartsWith("HTTP/1.1 413 "));
  // Two lengths: what one side takes for the body, the other takes for a request.
  EXPECT_THAT(answer("POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(handled_, 0);
  EXPECT_THAT(Metrics(), HasSubstr("embudo_http_refused_total{reason=\"body_size\"} 2"));
}

TEST_F(ServerTest, TellsAClientThatAsksToGoOn) {
  Start({.body_bytes = 1000});
  RawClient client(server_->address());
  client.Send("POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.Read(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("abc");
  EXPECT_THAT(client.Read("3\n"), EndsWith("POST /   3\n"));
  RawClient large(server_->address());
  large.Send("POST / HTTP/1.1\r\nContent-Length: 3000\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(large.Read(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(ServerTest, SlowClientsAreCutAndHinderNobody) {
  Start(
      {.header_timeout = std::chrono::milliseconds(500), .body_timeout = std::chrono::milliseconds(500), .threads = 1});
  RawClient silent(server_->address());
  RawClient slow_header(server_->address());
  slow_header.Send("POST / HTTP/1.1\r\n");
  RawClient slow_body(server_->address());
  slow_body.Send("POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n");
  // Bytes that trickle in buy no time.
  std::atomic<bool> end = false;
  std::thread trickle([&] {
    testing::Eventually([&] {
      slow_header.Send("X");
      slow_body.Send("x");
      return end.load();
    });
  });
  RawClient quick(server_->address());
  quick.Send("GET /q HTTP/1.1\r\n\r\n");
  EXPECT_THAT(quick.Read("0\n"), HasSubstr("GET /q"));
  EXPECT_TRUE(silent.IsClosed());
  EXPECT_THAT(slow_header.Read("no end"), IsEmpty());
  EXPECT_THAT(slow_body.Read("no end"), IsEmpty());
  end = true;
  trickle.join();
  EXPECT_EQ(handled_, 1);
}

TEST_F(ServerTest, ConnectionsOfOneAddressAreLimited) {
  Start({.connections = 3, .connections_per_address = 2});
  auto first = std::make_unique<RawClient>(server_->address());
  RawClient second(server_->address());
  second.Send("GET /2 HTTP/1.1\r\n\r\n");
  EXPECT_THAT(second.Read("0\n"), HasSubstr("GET /2"));
  EXPECT_TRUE(RawClient(server_->address()).IsClosed());
  first = nullptr;
  EXPECT_TRUE(testing::Eventually([&] {
    RawClient third(server_->address());
    third.Send("GET /3 HTTP/1.1\r\n\r\n");
    return third.Read("0\n").find("GET /3") != std::string::npos;
  }));
}

TEST_F(ServerTest, TooManyAtOnceAreToldToComeBack) {
  Start({.threads = 1, .queue_length = 1});
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RawClient>(server_->address()));
    clients.back()->Send("GET /wait HTTP/1.1\r\nConnection: close\r\n\r\n");
    if (i == 0) {
      EXPECT_TRUE(testing::Eventually([&] { return handled_ == 1; }));
    }
  }
  int busy = 0;
  EXPECT_TRUE(testing::Eventually([&] { return Metrics().find("reason=\"overload\"} 1") != std::string::npos; }));
  Release();
  for (const auto& client : clients) {
    const std::string answer = client->Read("no end");
    busy += answer.find("503") != std::string::npos ? 1 : 0;
    EXPECT_EQ(answer.find("503") != std::string::npos, answer.find("Retry-After: 5") != std::string::npos);
  }
  EXPECT_EQ(busy, 1);
}

TEST_F(ServerTest, AStopAnswersWhatWasTaken) {
  Start({.threads = 2});
  RawClient idle(server_->address());
  RawClient client(server_->address());
  client.Send("GET /wait HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(testing::Eventually([&] { return handled_ == 1; }));
  std::thread stop([&] { server_->Stop(); });
  EXPECT_TRUE(idle.IsClosed());
  Release();
  EXPECT_THAT(client.Read("no end"), HasSubstr("GET /wait"));
  stop.join();
}

TEST_F(ServerTest, APortThatIsTakenIsAnError) {
  Start();
  Server other(
      {}, [](const Request&) { return Response(); }, metrics_);
  EXPECT_EQ(ReasonOf(other.Listen(server_->address())), "ADDRESS_TAKEN");
  EXPECT_EQ(ReasonOf(other.Listen("nonsense")), "INVALID_FIELD");
}

TEST(MessageTest, Addresses) {
  Request request;
  request.peer = "10.0.0.1";
  EXPECT_EQ(ClientAddress(request, 0), "10.0.0.1");
  EXPECT_EQ(ClientAddress(request, 1), "10.0.0.1");
  request.headers = {{"X-Forwarded-For", "6.6.6.6, 1.2.3.4"}, {"x-forwarded-for", " 5.6.7.8:1234"}};
  EXPECT_EQ(ClientAddress(request, 0), "10.0.0.1");
  EXPECT_EQ(ClientAddress(request, 1), "5.6.7.8");
  EXPECT_EQ(ClientAddress(request, 2), "1.2.3.4");
  EXPECT_EQ(ClientAddress(request, 4), "10.0.0.1");
  request.headers = {{"X-Forwarded-For", "[2001:db8::1]:80"}};
  EXPECT_EQ(ClientAddress(request, 1), "2001:db8::1");
  request.headers = {{"X-Forwarded-For", "unknown"}};
  EXPECT_EQ(ClientAddress(request, 1), "10.0.0.1");

  EXPECT_EQ(AddressGroup("1.2.3.4"), "1.2.3.4");
  EXPECT_EQ(AddressGroup("2001:db8::1"), AddressGroup("2001:db8::2:3:4"));
  EXPECT_THAT(AddressGroup("2001:db8::1"), Not(AddressGroup("2001:db8:0:1::1")));
}

TEST(MessageTest, PercentDecoding) {
  EXPECT_EQ(PercentDecode("a%20b+c%zz%4", true), "a b c%zz%4");
  EXPECT_EQ(PercentDecode("a+b", false), "a+b");
  EXPECT_EQ(PercentDecode("%c3%A9", false), "é");
}

}  // namespace
}  // namespace embudo::http
