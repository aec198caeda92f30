// A connection on which nothing arrives any more, without being closed: both ends notice.

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>

#include "absl/strings/numbers.h"
#include "tests/integration/pipeline/fixture.h"
#include "tests/integration/pipeline/tailer.h"

namespace embudo::testing {
namespace {

/// A TCP proxy for one connection, that stops to forward when told: neither end sees more than silence.
class Gate {
 public:
  explicit Gate(int target_port) : target_port_(target_port), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = Loopback(0);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Forward(); });
  }
  ~Gate() {
    stop_ = true;
    thread_.join();
    for (const int end : ends_) {
      if (end >= 0) close(end);
    }
    close(listener_);
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  void Freeze() { frozen_ = true; }

 private:
  static sockaddr_in Loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    return address;
  }

  void Forward() {
    while (!stop_) {
      std::array<pollfd, 3> polled = {{{frozen_ || ends_[0] >= 0 ? -1 : listener_, POLLIN, 0},
                                       {frozen_ ? -1 : ends_[0], POLLIN, 0},
                                       {frozen_ ? -1 : ends_[1], POLLIN, 0}}};
      if (poll(polled.data(), polled.size(), 20) <= 0) continue;
      if (polled[0].revents != 0) Accept();
      for (const size_t from : {0u, 1u}) {
        if (polled[from + 1].revents != 0 && !frozen_) Move(ends_[from], ends_[1 - from]);
      }
    }
  }
  void Accept() {
    ends_[0] = accept(listener_, nullptr, nullptr);
    ends_[1] = socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in address = Loopback(target_port_);
    EXPECT_EQ(connect(ends_[1], reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  void Move(int from, int to) {
    std::array<char, 65536> bytes;
    const ssize_t size = read(from, bytes.data(), bytes.size());
    if (size <= 0) {
      frozen_ = true;
      return;
    }
    for (ssize_t sent = 0; sent < size;) {
      const ssize_t more = send(to, bytes.data() + sent, static_cast<size_t>(size - sent), MSG_NOSIGNAL);
      if (more <= 0) return;
      sent += more;
    }
  }

  const int target_port_;
  const int listener_;
  int port_ = 0;
  std::array<int, 2> ends_ = {-1, -1};
  std::atomic<bool> frozen_ = false;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

class HalfOpenTest : public PipelineTest {
 protected:
  /// Streams of events that the server knows of.
  static int Subscribers() {
    const std::string text = suite().metrics().Text();
    const std::string name = "\nembudo_event_subscribers ";
    const size_t at = text.find(name);
    double count = -1;
    if (at == std::string::npos) return -1;
    const size_t begin = at + name.size();
    EXPECT_TRUE(absl::SimpleAtod(text.substr(begin, text.find('\n', begin) - begin), &count));
    return static_cast<int>(count);
  }
};

TEST_F(HalfOpenTest, BothEndsNoticeInHalfAMinute) {
  const std::string target = suite().target();
  Gate gate(std::stoi(target.substr(target.rfind(':') + 1)));
  rpc::Client client({.target = gate.address(), .credentials = rpc::DevCredentials()});
  Tailer tail(Caller(client, admin_.identity()), Tailer::Latest());
  ASSERT_TRUE(tail.WaitForStart());
  CreateLead();
  ASSERT_TRUE(tail.WaitForEvents(1));
  ASSERT_TRUE(Eventually([] { return Subscribers() == 1; }));  // those of other tests have gone
  gate.Freeze();
  const absl::Status end = tail.WaitForEnd();  // waits for half a minute at most
  EXPECT_EQ(end.code(), absl::StatusCode::kUnavailable) << end;
  // Nothing tells the server of it either: it has been waiting since the same moment.
  EXPECT_TRUE(Eventually([] { return Subscribers() == 0; }, std::chrono::seconds(5)));
}

}  // namespace
}  // namespace embudo::testing
