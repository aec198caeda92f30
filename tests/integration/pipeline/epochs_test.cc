// The number of partitions changes while everybody writes and reads.

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "common/event/consumer.h"
#include "common/event/event.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/subscription_service.pb.h"
#include "tests/integration/pipeline/consumer.h"
#include "tests/integration/pipeline/fixture.h"
#include "tests/integration/pipeline/tailer.h"

namespace embudo::testing {
namespace {

using type::v1::Event;
using type::v1::Lead;

constexpr char kConsume[] = "embudo.pipeline.v1.EventService/Consume";

/// A consumer inside the installation, which writes down what it applies.
class Scribe {
 public:
  Scribe(Suite& suite, const std::string& tenant)
      : consumer_(
            {.name = "scribe",
             .schema = "scoring",
             .postgres = db::ConninfoFor(suite.database().conninfo(), "scoring_worker", "scribe"),
             .redis = suite.redis().address(),
             .lease = std::chrono::milliseconds(1000)},
            [tenant](db::Connection& connection, const std::vector<Event>& events) {
              return Write(connection, events, tenant);
            },
            metrics_) {
    auto admin = suite.sql().Acquire(db::After(kPatience));
    const absl::Status made =
        (*admin)->ExecScript("DROP TABLE IF EXISTS scoring.consumer_checkpoint, scoring.dead_letter, scoring.seen;" +
                             event::ConsumerTablesSql("scoring") +
                             "CREATE TABLE scoring.seen (id bigserial, tenant text, key text, event text);"
                             "GRANT ALL ON scoring.seen, scoring.seen_id_seq TO scoring_worker");
    EXPECT_TRUE(made.ok()) << made;
    consumer_.Start();
  }
  ~Scribe() { consumer_.Stop(); }

  /// Ids of a tenant's events by key, in the order in which they were applied.
  static std::map<std::string, std::vector<std::string>> Seen(Suite& suite, const std::string& tenant) {
    const db::Result rows =
        suite.Query("SELECT key, event FROM scoring.seen WHERE tenant = $1 ORDER BY id", db::Params::Of(tenant));
    std::map<std::string, std::vector<std::string>> seen;
    for (int i = 0; i < rows.size(); ++i) {
      seen[std::string(rows[i].Text(0))].emplace_back(rows[i].Text(1));
    }
    return seen;
  }

 private:
  static absl::Status Write(db::Connection& connection, const std::vector<Event>& events, const std::string& tenant) {
    for (const Event& event : events) {
      if (event.tenant() != tenant) continue;
      EMBUDO_RETURN_IF_ERROR(connection
                                 .Exec("INSERT INTO scoring.seen (tenant, key, event) VALUES ($1, $2, $3)",
                                       db::Params::Of(event.tenant(), event.partition_key(), event.id()))
                                 .status());
    }
    return absl::OkStatus();
  }

  metrics::Registry metrics_;
  event::Consumer consumer_;
};

/// A worker that acknowledges what it is given at once, and writes it down.
class Worker {
 public:
  Worker(const Caller& caller, const std::string& subscription) : stream_(caller.Stream(kConsume)) {
    pipeline::v1::ConsumeRequest first;
    first.mutable_start()->set_subscription(subscription);
    first.mutable_credit()->set_events(1000000);
    stream_->Write(first);
    reader_ = std::thread([this] { Read(); });
  }
  ~Worker() {
    stream_->Cancel();
    reader_.join();
  }

  std::vector<std::pair<std::string, std::string>> seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  void Read() {
    pipeline::v1::ConsumeResponse response;
    while (stream_->Read(&response)) {
      pipeline::v1::ConsumeRequest acks;
      {
        const std::lock_guard lock(mutex_);
        for (const auto& delivery : response.deliveries()) {
          seen_.emplace_back(delivery.event().partition_key(), delivery.event().id());
          acks.add_acks(delivery.event().id());
        }
      }
      if (acks.acks_size() > 0) stream_->Write(acks);
    }
  }

  std::unique_ptr<rpc::ClientStream> stream_;
  std::mutex mutex_;
  std::vector<std::pair<std::string, std::string>> seen_;
  std::thread reader_;
};

class EpochTest : public PipelineTest {
 protected:
  using ByKey = std::map<std::string, std::vector<std::string>>;

  void SetUp() override { WaitUntilPositioned(); }
  void TearDown() override { SetPartitions(16); }

  /// Writers of leads of their own.
  class Writers {
   public:
    Writers(const Caller& caller, int count) {
      for (int t = 0; t < count; ++t) {
        threads_.emplace_back([this, caller] {
          std::vector<std::string> leads;
          for (int i = 0; !stop_; ++i, ++done_) {
            if (i % 25 == 0) {
              pipeline::v1::CreateLeadRequest create;
              create.mutable_lead()->set_display_name("A deal");
              leads.push_back(caller.Must<Lead>(create).name());
            }
            pipeline::v1::UpdateLeadRequest request;
            request.mutable_lead()->set_name(leads[static_cast<size_t>(i) % leads.size()]);
            request.mutable_lead()->set_pain(std::to_string(i));
            caller.Must<Lead>(request);
          }
        });
      }
    }
    ~Writers() { Stop(); }
    void Stop() {
      stop_ = true;
      for (std::thread& thread : threads_) {
        if (thread.joinable()) thread.join();
      }
    }
    /// Lets so many more changes happen.
    bool Go(int more) {
      const int goal = done_ + more;
      return Eventually([&] { return done_ >= goal; });
    }

   private:
    std::atomic<bool> stop_{false};
    std::atomic<int> done_{0};
    std::vector<std::thread> threads_;
  };

  static int64_t SetPartitions(int count) {
    return suite().Query("SELECT pipeline.set_event_partitions($1::int)", db::Params::Of(count))[0].Int(0);
  }
  static int64_t Epoch() {
    return suite().Query("SELECT epoch FROM pipeline.event_epoch WHERE close_time IS NULL")[0].Int(0);
  }
  std::string Subscribe(const std::string& filter = "") const {
    pipeline::v1::CreateSubscriptionRequest request;
    request.mutable_subscription()->set_filter(filter);
    request.mutable_subscription()->set_display_name("Index");
    request.mutable_subscription()->set_start(type::v1::Subscription::START_LATEST);
    return admin_.Must<type::v1::Subscription>(request).name();
  }

  /// A transaction that has put the tenant's newest event into the log once more, and sleeps.
  db::Pool::Lease Sleeper() const {
    db::Pool::Lease sleeper = *suite().sql().Acquire(db::After(kPatience));
    EXPECT_TRUE(sleeper->ExecScript("BEGIN").ok());
    EXPECT_TRUE(
        sleeper
            ->ExecVarying("WITH e AS (INSERT INTO pipeline.event (tenant_id, day, seq, event_id, partition, data)"
                          " SELECT tenant_id, day, nextval('pipeline.event_seq'), event_id, partition, data"
                          " FROM pipeline.event WHERE tenant_id = $1 ORDER BY seq DESC LIMIT 1"
                          " RETURNING partition, seq, day, tenant_id)"
                          " INSERT INTO pipeline.event_pending (partition, seq, day, tenant_id)"
                          " SELECT partition, seq, day, tenant_id FROM e",
                          db::Params::Of(tenant_))
            .ok());
    return sleeper;
  }

  /// What the tenant's writers have done after these events, by key, in order.
  ByKey Written(size_t after) const {
    const std::vector<Event> events = Events();
    ByKey written;
    for (size_t i = after; i < events.size(); ++i) written[events[i].partition_key()].push_back(events[i].id());
    return written;
  }
  static ByKey ByKeyOf(const std::vector<Event>& events) {
    ByKey out;
    for (const Event& event : events) out[event.partition_key()].push_back(event.id());
    return out;
  }
  static size_t Count(const ByKey& events) {
    size_t count = 0;
    for (const auto& [key, ids] : events) count += ids.size();
    return count;
  }
  /// The first time that each event came.
  static ByKey Firsts(const ByKey& seen) {
    ByKey firsts;
    for (const auto& [key, ids] : seen) {
      std::set<std::string> known;
      for (const std::string& id : ids) {
        if (known.insert(id).second) firsts[key].push_back(id);
      }
    }
    return firsts;
  }
};

TEST_F(EpochTest, NothingIsMissedDoubledOrOutOfOrderWhilePartitionsChange) {
  const std::string subscription = Subscribe();
  const size_t before = Events().size();
  const int64_t epoch = Epoch();
  Tailer tail(admin_, Tailer::Latest());
  tail.Credit(1000000);
  ASSERT_TRUE(tail.WaitForStart());
  const std::string old_cursor = tail.cursor();
  Scribe scribe(suite(), tenant_);
  std::vector<std::pair<std::string, std::string>> delivered;
  {
    // The two share the partitions, and what one had when it goes the other gets.
    Worker first(admin_, subscription);
    Worker second(admin_, subscription);
    Writers writers(admin_, 8);
    ASSERT_TRUE(writers.Go(200));
    EXPECT_EQ(SetPartitions(4), epoch + 1);
    ASSERT_TRUE(writers.Go(200));
    EXPECT_EQ(SetPartitions(16), epoch + 2);
    EXPECT_EQ(SetPartitions(3), epoch + 3);
    ASSERT_TRUE(writers.Go(200));
    writers.Stop();
    WaitUntilPositioned();
    const ByKey written = Written(before);
    ASSERT_GE(Count(written), 600u);

    EXPECT_TRUE(tail.WaitForEvents(Count(written)));
    EXPECT_TRUE(ByKeyOf(tail.events()) == written) << tail.events().size() << " of " << Count(written);
    EXPECT_TRUE(Eventually([&] { return Count(Scribe::Seen(suite(), tenant_)) >= Events().size(); }));
    EXPECT_TRUE(Scribe::Seen(suite(), tenant_) == Written(0));

    const auto all_delivered = [&] {
      ByKey seen;
      for (Worker* worker : {&first, &second}) {
        for (const auto& [key, id] : worker->seen()) seen[key].push_back(id);
      }
      return Count(Firsts(seen)) >= Count(written);
    };
    EXPECT_TRUE(Eventually(all_delivered, std::chrono::seconds(60)));
    // Each lead's events went to one worker at a time, in order.
    for (Worker* worker : {&first, &second}) {
      ByKey seen;
      for (const auto& [key, id] : worker->seen()) seen[key].push_back(id);
      for (const auto& [key, ids] : Firsts(seen)) {
        std::vector<std::string> expected;
        for (const std::string& id : written.at(key)) {
          if (std::find(ids.begin(), ids.end(), id) != ids.end()) expected.push_back(id);
        }
        EXPECT_EQ(ids, expected) << key;
      }
    }
  }
  // A cursor from before the change goes on through all of the epochs.
  Tailer old(admin_, Tailer::Cursor(old_cursor));
  old.Credit(1000000);
  ASSERT_TRUE(old.WaitFor(pipeline::v1::TailResponse::kCaughtUp));
  EXPECT_TRUE(ByKeyOf(old.events()) == Written(before)) << old.events().size();
}

TEST_F(EpochTest, AChangeThatIsCutLeavesTheLogAsItWas) {
  const size_t before = Events().size();
  const int64_t epoch = Epoch();
  Tailer tail(admin_, Tailer::Latest());
  tail.Credit(1000000);
  ASSERT_TRUE(tail.WaitForStart());
  Writers writers(admin_, 4);
  ASSERT_TRUE(writers.Go(50));
  {
    auto operator_ = suite().sql().Acquire(db::After(kPatience));
    ASSERT_TRUE((*operator_)->ExecScript("BEGIN").ok());
    const auto pid = (*operator_)->Exec("SELECT pg_backend_pid(), pipeline.set_event_partitions(5)");
    ASSERT_TRUE(pid.ok()) << pid.status();
    ASSERT_TRUE(writers.Go(50));  // who writes does not wait for the operator
    suite().Query("SELECT pg_terminate_backend($1::int)", db::Params::Of((*pid)[0].Int(0)));
    EXPECT_FALSE((*operator_)->ExecScript("COMMIT").ok());
  }
  EXPECT_EQ(Epoch(), epoch);
  ASSERT_TRUE(writers.Go(50));
  writers.Stop();
  WaitUntilPositioned();
  EXPECT_TRUE(tail.WaitForEvents(Events().size() - before));
  EXPECT_TRUE(ByKeyOf(tail.events()) == Written(before));
}

TEST_F(EpochTest, ATransactionThatSleepsThroughTheChangeComesInOrder) {
  const std::string lead = CreateLead().name();
  const std::string key = lead.substr(lead.find('/') + 1);
  WaitUntilPositioned();
  Tailer tail(admin_, Tailer::Latest());
  tail.Credit(1000000);
  ASSERT_TRUE(tail.WaitForStart());
  // A writer has put its event into a partition of the old epoch, and sleeps.
  auto sleeper = Sleeper();
  SetPartitions(7);
  CreateLead();
  ASSERT_TRUE(tail.WaitForEvents(1));
  ASSERT_TRUE(sleeper->ExecScript("COMMIT").ok());
  ASSERT_TRUE(tail.WaitForEvents(2));
  const Event last = tail.events().back();
  EXPECT_EQ(last.partition_key(), key);
  // It has its place where the lead's other events are from now on.
  const db::Result epoch = suite().Query("SELECT first_partition FROM pipeline.event_epoch WHERE close_time IS NULL");
  EXPECT_EQ(last.partition(), epoch[0].Int(0) + event::HashOf(tenant_, key) % 7);
  pipeline::v1::UpdateLeadRequest request;
  request.mutable_lead()->set_name(lead);
  request.mutable_lead()->set_pain("later");
  admin_.Must<Lead>(request);
  ASSERT_TRUE(tail.WaitForEvents(3));
  EXPECT_EQ(tail.events().back().partition(), last.partition());
  EXPECT_EQ(tail.events().back().position(), last.position() + 1);
}

TEST_F(EpochTest, NothingIsNumberedBeforeWhatWasLeftInTheEpochBefore) {
  const std::string lead = CreateLead().name();
  WaitUntilPositioned();
  Tailer tail(admin_, Tailer::Latest());
  ASSERT_TRUE(tail.WaitForStart());
  auto sleeper = Sleeper();
  SetPartitions(7);
  {
    // The relay has found the other lead's event, and waits to number it.
    auto heads = suite().sql().Acquire(db::After(kPatience));
    ASSERT_TRUE((*heads)->ExecScript("BEGIN; SELECT FROM pipeline.event_head FOR UPDATE").ok());
    CreateLead();
    ASSERT_TRUE(Eventually([] {
      return !suite().Query("SELECT FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0").empty();
    }));
    ASSERT_TRUE(sleeper->ExecScript("COMMIT").ok());
    pipeline::v1::UpdateLeadRequest request;
    request.mutable_lead()->set_name(lead);
    request.mutable_lead()->set_pain("later");
    admin_.Must<Lead>(request);
    ASSERT_TRUE((*heads)->ExecScript("COMMIT").ok());
  }
  ASSERT_TRUE(tail.WaitForEvents(3));
  std::vector<std::string> types;
  for (const Event& event : tail.events()) {
    if (event.subject() == lead) types.push_back(event.type());
  }
  EXPECT_THAT(types, ::testing::ElementsAre("lead.created", "lead.updated"));
}

TEST_F(EpochTest, WhatWasNumberedJustBeforeTheEndOfAnEpochIsRead) {
  CreateLead();
  WaitUntilPositioned();
  Tailer tail(admin_, Tailer::Latest());
  ASSERT_TRUE(tail.WaitForStart());
  // In one transaction, so that nobody has read the last one of the epoch when it ends; it is in no stream of Redis.
  auto relay = suite().sql().Acquire(db::After(kPatience));
  ASSERT_TRUE((*relay)->ExecScript("BEGIN").ok());
  const auto numbered = (*relay)->ExecVarying(
      "WITH e AS (INSERT INTO pipeline.event (tenant_id, day, seq, event_id, partition, data)"
      " SELECT tenant_id, day, nextval('pipeline.event_seq'), event_id, partition, data"
      " FROM pipeline.event WHERE tenant_id = $1 ORDER BY seq DESC LIMIT 1 RETURNING partition, seq, day, tenant_id),"
      " h AS (UPDATE pipeline.event_head h SET position = position + 1 FROM e WHERE h.partition = e.partition"
      " RETURNING h.partition, h.position)"
      " INSERT INTO pipeline.event_position (partition, position, day, seq, tenant_id)"
      " SELECT h.partition, h.position, e.day, e.seq, e.tenant_id FROM h JOIN e USING (partition)"
      " RETURNING partition, position",
      db::Params::Of(tenant_));
  ASSERT_TRUE(numbered.ok()) << numbered.status();
  ASSERT_TRUE((*relay)->ExecScript("SELECT pipeline.set_event_partitions(5); COMMIT").ok());
  const std::string lead = CreateLead("Of the next epoch").name();
  ASSERT_TRUE(tail.WaitForEvents(2));
  EXPECT_EQ(tail.events()[0].partition(), (*numbered)[0].Int(0));
  EXPECT_EQ(tail.events()[0].position(), (*numbered)[0].Int(1));
  EXPECT_EQ(tail.events()[1].subject(), lead);
}

TEST_F(EpochTest, WhatWaitsOrIsParkedMovesAlong) {
  const std::string subscription = Subscribe();
  const std::string parked = CreateLead("Parked").name();
  const std::string waiting = CreateLead("Waiting").name();
  const auto about = [](const Consumer::Delivery& delivery) { return delivery.event().subject(); };
  Consumer worker(admin_, subscription);
  ASSERT_TRUE(worker.WaitForDeliveries(2));
  for (const auto& delivery : worker.deliveries()) {
    if (about(delivery) == parked) worker.Nack(delivery.event().id(), pipeline::v1::Nack::ACTION_PARK);
    if (about(delivery) == waiting) worker.Nack(delivery.event().id(), pipeline::v1::Nack::ACTION_RETRY, 3600);
  }
  SetPartitions(5);
  pipeline::v1::UpdateLeadRequest request;
  request.mutable_lead()->set_name(waiting);
  request.mutable_lead()->set_pain("second");
  admin_.Must<Lead>(request);
  const std::string later = CreateLead("Later").name();
  EXPECT_TRUE(worker.WaitForDeliveriesOf(later, 1));
  // The second event of the lead that waits is behind the first, although they are of two epochs.
  EXPECT_EQ(worker.Of(waiting).size(), 1u);
  suite().Advance(std::chrono::hours(2));
  ASSERT_TRUE(worker.WaitForDeliveriesOf(waiting, 2));
  EXPECT_EQ(worker.Of(waiting)[1].event().id(), worker.Of(waiting)[0].event().id());
  EXPECT_EQ(worker.Of(waiting)[1].attempt(), 2);
  worker.AckAll();
  ASSERT_TRUE(worker.WaitForDeliveriesOf(waiting, 3));
  EXPECT_EQ(worker.Of(waiting)[2].event().type(), "lead.updated");

  pipeline::v1::RedriveParkedEventsRequest redrive;
  redrive.set_name(subscription);
  EXPECT_EQ(admin_.Must<pipeline::v1::RedriveParkedEventsResponse>(redrive).redriven_count(), 1);
  EXPECT_TRUE(worker.WaitForDeliveriesOf(parked, 2));
}

TEST_F(EpochTest, TheEndOfAnEpochIsNotTheEndOfTheLog) {
  // What it has read stays in memory, from where the other is fed.
  Tailer first(admin_, Tailer::Latest());
  ASSERT_TRUE(first.WaitForStart());
  const std::string cursor = first.cursor();
  for (const int partitions : {5, 3}) {
    CreateLead();
    WaitUntilPositioned();
    SetPartitions(partitions);
  }
  CreateLead();
  ASSERT_TRUE(first.WaitForEvents(3));
  Tailer other(admin_, Tailer::Cursor(cursor));
  ASSERT_TRUE(other.WaitFor(pipeline::v1::TailResponse::kCaughtUp));
  int before = 0;
  for (const auto& response : other.responses()) {
    before += response.events_size();
    if (response.has_caught_up()) break;
  }
  EXPECT_EQ(before, 3);
}

TEST_F(EpochTest, ListsAndSeeksCrossEpochs) {
  const std::string first = CreateLead("First").name();
  WaitUntilPositioned();
  const std::string subscription = Subscribe("type = \"lead.created\"");
  SetPartitions(6);
  const std::string second = CreateLead("Second").name();
  WaitUntilPositioned();
  SetPartitions(2);
  const std::string third = CreateLead("Third").name();
  WaitUntilPositioned();

  pipeline::v1::ListEventsRequest list;
  list.set_filter("type = \"lead.created\"");
  list.set_page_size(1);
  std::vector<std::string> subjects;
  std::string cursor;
  do {
    const auto page = admin_.Must<pipeline::v1::ListEventsResponse>(list);
    for (const Event& event : page.events()) {
      subjects.push_back(event.subject());
      if (event.subject() == first) cursor = page.cursor();
    }
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_THAT(subjects, ::testing::ElementsAre(first, second, third));

  Consumer worker(admin_, subscription);
  ASSERT_TRUE(worker.WaitForDeliveriesOf(second, 1));
  // The next epoch comes when all of this one is dealt with.
  EXPECT_TRUE(worker.Of(third).empty());
  worker.AckAll();
  ASSERT_TRUE(worker.WaitForDeliveriesOf(third, 1));
  worker.AckAll();
  pipeline::v1::SeekSubscriptionRequest seek;
  seek.set_name(subscription);
  seek.set_cursor(cursor);
  admin_.Must<pipeline::v1::SeekSubscriptionResponse>(seek);
  EXPECT_TRUE(worker.WaitForDeliveriesOf(second, 2));
  worker.AckAll();
  EXPECT_TRUE(worker.WaitForDeliveriesOf(third, 2));
  EXPECT_TRUE(worker.Of(first).empty());
}

}  // namespace
}  // namespace embudo::testing
