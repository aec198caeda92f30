// Many subscribers of one process: what they cost it does not grow with what each is owed.

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/redis/connection.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "tests/integration/pipeline/fixture.h"
#include "tests/integration/pipeline/tailer.h"

namespace embudo::testing {
namespace {

constexpr int kReaders = 180;
constexpr int kStopped = 20;
/// Of a message to one subscriber, as events of the usual size go, with room for one more.
constexpr double kMessageBytes = (256 << 10) + 16384;

/// A subscriber that counts what it is sent, and keeps nothing.
class Counter {
 public:
  Counter(const Caller& caller, const pipeline::v1::TailRequest& first)
      : stream_(caller.Stream("embudo.pipeline.v1.EventService/Tail")) {
    stream_->Write(first);
    reader_ = std::thread([this] {
      pipeline::v1::TailResponse response;
      while (stream_->Read(&response)) {
        if (response.has_started()) started_ = true;
        events_ += response.events_size();
      }
    });
  }
  ~Counter() {
    stream_->Cancel();
    reader_.join();
  }

  bool started() const { return started_; }
  int events() const { return events_; }

 private:
  std::unique_ptr<rpc::ClientStream> stream_;
  std::atomic<bool> started_ = false;
  std::atomic<int> events_ = 0;
  std::thread reader_;
};

class FanOutTest : public PipelineTest {
 protected:
  static double Metric(const std::string& name) {
    const std::vector<std::string> lines = absl::StrSplit(suite().metrics().Text(), '\n');
    for (const std::string& line : lines) {
      if (!line.starts_with(name + " ")) continue;
      double value = 0;
      EXPECT_TRUE(absl::SimpleAtod(line.substr(name.size() + 1), &value));
      return value;
    }
    return 0;
  }
  static double Buffered(const std::string& where) {
    return Metric("embudo_event_buffered_bytes{where=\"" + where + "\"}");
  }
  /// How often Redis was asked for entries.
  static int64_t Reads() {
    const auto redis = redis::Connection::Open(suite().redis().address(), std::chrono::seconds(5));
    EXPECT_TRUE(redis.ok());
    const auto info = (*redis)->Command({"INFO", "commandstats"});
    const std::string text(info->text());
    const size_t at = text.find("cmdstat_xread:calls=");
    return at == std::string::npos ? 0 : std::strtoll(text.c_str() + at + 20, nullptr, 10);
  }
  static pipeline::v1::TailRequest Plenty(pipeline::v1::TailRequest request) {
    request.mutable_credit()->set_events(1000000);
    request.mutable_credit()->set_bytes(1 << 30);
    return request;
  }
  /// As many events of leads with a long text.
  void Import(int count) const {
    for (int done = 0; done < count; done += 500) {
      pipeline::v1::BulkUpsertLeadsRequest bulk;
      for (int i = 0; i < 500; ++i) {
        type::v1::Lead& lead = *bulk.add_items()->mutable_lead();
        lead.set_display_name("Deal " + std::to_string(done + i));
        lead.set_pain(std::string(900, 'p'));
        lead.add_external_ids()->set_system("crm");
        lead.mutable_external_ids(0)->set_id(std::to_string(done + i));
      }
      const auto response = service_.Must<pipeline::v1::BulkUpsertLeadsResponse>(bulk);
      EXPECT_EQ(response.results_size(), 500);
    }
  }
};

TEST_F(FanOutTest, EachEventIsReadOnceAndMemoryIsBoundedWhenSomeStop) {
  constexpr int kEvents = 2000;
  WaitUntilPositioned();
  std::vector<std::unique_ptr<rpc::ClientStream>> stopped;
  for (int i = 0; i < kStopped; ++i) {
    stopped.push_back(admin_.Stream("embudo.pipeline.v1.EventService/Tail"));
    ASSERT_TRUE(stopped.back()->Write(Plenty(Tailer::Latest())));
  }
  std::vector<std::unique_ptr<Counter>> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.push_back(std::make_unique<Counter>(admin_, Plenty(Tailer::Latest())));
  }
  const auto all = [&](auto condition) {
    return Eventually([&] { return std::all_of(readers.begin(), readers.end(), condition); });
  };
  ASSERT_TRUE(all([](const auto& reader) { return reader->started(); }));
  ASSERT_TRUE(Eventually([] { return Metric("embudo_event_subscribers") == kReaders + kStopped; }));
  const double read_before = Metric("embudo_event_hub_read_total");
  const int64_t asked_before = Reads();

  Import(kEvents);
  EXPECT_TRUE(all([](const auto& reader) { return reader->events() >= kEvents; }));

  EXPECT_EQ(Metric("embudo_event_hub_read_total") - read_before, kEvents);
  // One reader asks, whoever listens: at worst once an event, and a few times in vain.
  EXPECT_LE(Reads() - asked_before, kEvents + 200);
  EXPECT_TRUE(all([](const auto& reader) { return reader->events() == kEvents; }));
  // What those that stopped are owed, 2 MB each, is not kept for them; a message each is.
  EXPECT_TRUE(Eventually([] { return Buffered("messages") <= kStopped * kMessageBytes; })) << Buffered("messages");
  EXPECT_LE(Buffered("window"), 64 << 20);
  EXPECT_EQ(Buffered("pages"), 0);
}

TEST_F(FanOutTest, PagesOfOldEventsAreLetGoWhenNobodyTakesThem) {
  // 14 MB for each, far more than the buffers of a connection hold.
  constexpr int kEvents = 12000;
  constexpr int kFew = 4;
  Import(kEvents);
  WaitUntilPositioned();
  // By a connection of their own (another name of the host makes one): gRPC widens the windows of one that has carried
  // much, until all of this would fit in.
  const std::string target = suite().target();
  rpc::Client client({.target = "localhost" + target.substr(target.rfind(':')), .credentials = rpc::DevCredentials()});
  const Caller slow(client, admin_.identity());
  std::vector<std::unique_ptr<rpc::ClientStream>> stopped;
  for (int i = 0; i < kFew; ++i) {
    stopped.push_back(slow.Stream("embudo.pipeline.v1.EventService/Tail"));
    ASSERT_TRUE(stopped.back()->Write(Plenty(Tailer::Earliest())));
  }
  ASSERT_TRUE(Eventually([] { return Buffered("messages") > kFew * 100000.0; })) << Buffered("messages");
  EXPECT_LE(Buffered("pages"), (64 << 20) + (8 << 20));
  EXPECT_TRUE(Eventually([] { return Buffered("pages") == 0; })) << Buffered("pages");
  EXPECT_LE(Buffered("messages"), kFew * kMessageBytes);

  // Another reads all of it meanwhile, once each and in order.
  Tailer reader(admin_, Plenty(Tailer::Earliest()));
  ASSERT_TRUE(reader.WaitFor(pipeline::v1::TailResponse::kCaughtUp));
  std::map<int, int64_t> last;
  int leads = 0;
  for (const type::v1::Event& event : reader.events()) {
    EXPECT_EQ(event.tenant(), tenant_);
    EXPECT_GT(event.position(), last[event.partition()]);
    last[event.partition()] = event.position();
    leads += event.type() == "lead.created" ? 1 : 0;
  }
  EXPECT_EQ(leads, kEvents);
}

}  // namespace
}  // namespace embudo::testing
