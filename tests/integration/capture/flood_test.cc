// The public face under load and in trouble: a flood, slow clients, and the end of the process in the middle.

#include <atomic>
#include <mutex>
#include <set>

#include "tests/integration/capture/public_fixture.h"

namespace embudo::testing {
namespace {

using ::testing::Contains;
using ::testing::Key;

constexpr char kType[] = "application/x-www-form-urlencoded";

class FloodTest : public PublicTest {
 protected:
  /// Sends so many forms on several connections; how many were answered with each status.
  static std::map<int, int> Flood(const std::string& address, const std::string& path, int count) {
    std::atomic<int> next{0};
    std::mutex mutex;
    std::map<int, int> statuses;
    std::vector<std::thread> senders;
    for (int i = 0; i < 8; ++i) {
      senders.emplace_back([&] {
        httplib::Client client("http://" + address);
        client.set_keep_alive(true);
        while (true) {
          const int n = next++;
          if (n >= count) return;
          const auto answer = client.Post(path, "email=flood" + std::to_string(n) + "%40example.com", kType);
          const std::lock_guard lock(mutex);
          ++statuses[answer ? answer->status : 0];
        }
      });
    }
    for (std::thread& sender : senders) sender.join();
    return statuses;
  }
};

TEST_F(FloodTest, AFloodIsRefusedAndOthersAreServed) {
  const Form flooded = NewForm([](Form& spec) { spec.set_address_rate_per_minute(20); });
  const Form other = NewForm([](Form& spec) { spec.set_rate_per_minute(100000); });
  std::atomic<bool> over = false;
  std::atomic<int> served = 0;
  std::thread people([&] {
    for (int i = 0; !over; ++i) {
      const auto answer = Post(other, "email=person" + std::to_string(i) + "%40example.com");
      EXPECT_TRUE(answer && answer->status == 200);
      EXPECT_TRUE(
          Capture<capture::v1::ListFormsResponse>("FormService/ListForms", capture::v1::ListFormsRequest()).ok());
      ++served;
    }
  });
  const auto statuses = Flood(installation_->public_address, "/forms/" + flooded.key(), 2000);
  over = true;
  people.join();
  EXPECT_GE(served, 1);
  EXPECT_EQ(statuses.size(), 2u) << statuses.begin()->first;
  EXPECT_THAT(statuses, Contains(Key(200)));
  EXPECT_GE(statuses.at(429), 1900);
  EXPECT_EQ(CountRows("SELECT count(*) FROM capture.submission WHERE tenant_id = $1"), statuses.at(200) + served);
}

TEST_F(FloodTest, WhatWasAcknowledgedOutlivesTheProcess) {
  const Form form = NewForm();
  const std::string address = app::WithFreePort("127.0.0.1:0");
  const auto start = [&](int round) {
    auto process = Process::Start(
        {.command = {EMBUDO_BIN_DIR "/embudo-capture", "--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0",
                     "--dev-identity", "--postgres=" + installation_->database->conninfo(),
                     "--redis=" + installation_->redis.address(), "--pipeline=" + installation_->pipeline->address(),
                     "--public-http-listen=" + address, "--public-http-address-rate=1000000"},
         .output = installation_->temp.path() / ("capture" + std::to_string(round) + ".log")});
    EXPECT_TRUE(process.ok()) << process.status();
    EXPECT_TRUE((*process)->WaitForOutput("\"listening\""));
    return *std::move(process);
  };
  std::mutex mutex;
  std::set<std::string> acknowledged;
  std::atomic<int> next{0};
  for (int round = 0; round < 3; ++round) {
    const auto process = start(round);
    std::atomic<bool> dead = false;
    std::vector<std::thread> senders;
    for (int i = 0; i < 8; ++i) {
      senders.emplace_back([&] {
        httplib::Client client("http://" + address);
        while (!dead) {
          const std::string email = "p" + std::to_string(next++) + "@example.com";
          const auto answer = client.Post("/forms/" + form.key(), "email=" + email, kType);
          const std::lock_guard lock(mutex);
          if (answer && answer->status == 200) acknowledged.insert(email);
        }
      });
    }
    const size_t enough = 40 * (static_cast<size_t>(round) + 1);
    EXPECT_TRUE(Eventually([&] {
      const std::lock_guard lock(mutex);
      return acknowledged.size() >= enough;
    }));
    process->Kill();
    dead = true;
    for (std::thread& sender : senders) sender.join();
  }
  std::set<std::string> kept;
  const auto rows = db::Exec(*installation_->sql, "", db::After(kPatience),
                             "SELECT convert_from(r.bytes, 'UTF8') FROM capture.submission_raw r"
                             " WHERE r.tenant_id = $1",
                             db::Params::Of(tenant_));
  ASSERT_TRUE(rows.ok()) << rows.status();
  for (int i = 0; i < rows->size(); ++i) kept.insert(std::string((*rows)[i].Text(0)).substr(6));
  std::set<std::string> leads;
  for (const Lead& lead : ListLeads()) EXPECT_TRUE(leads.insert(lead.email()).second) << "twice: " << lead.email();
  for (const std::string& email : acknowledged) {
    EXPECT_TRUE(kept.contains(email)) << email;
    EXPECT_TRUE(leads.contains(email)) << email;
  }
}

}  // namespace
}  // namespace embudo::testing
