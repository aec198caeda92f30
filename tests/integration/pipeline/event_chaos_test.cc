// What befalls readers when processes come and go under load, and when the clock jumps.

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "common/event/event.h"
#include "embudo/pipeline/v1/event_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/subscription_service.pb.h"
#include "tests/integration/pipeline/consumer.h"
#include "tests/integration/pipeline/fixture.h"
#include "tests/integration/pipeline/replica.h"
#include "tests/integration/pipeline/tailer.h"

namespace embudo::testing {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::SizeIs;
using type::v1::Event;
using type::v1::Lead;

/// Processes of the service that go and come again one after the other, and clients that find one that serves.
class Pods {
 public:
  Pods(Suite& suite, size_t count) : suite_(suite), pods_(count) {
    for (size_t i = 0; i < count; ++i) Start(i);
  }

  struct Pod {
    std::unique_ptr<Replica> replica;
    std::unique_ptr<rpc::Client> client;
  };

  /// One that serves; the `turn` says which is asked first.
  std::shared_ptr<Pod> Any(size_t turn) {
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < pods_.size(); ++i) {
      if (const auto& pod = pods_[(turn + i) % pods_.size()]; pod != nullptr) return pod;
    }
    return nullptr;
  }
  void Roll() {
    for (size_t i = 0; i < pods_.size(); ++i) {
      std::shared_ptr<Pod> gone;
      {
        const std::lock_guard lock(mutex_);
        gone = std::move(pods_[i]);
      }
      gone->replica->Drain();
      // Who still holds its client lets go of it.
      EXPECT_TRUE(Eventually([&] { return gone.use_count() == 1; }));
      gone = nullptr;
      Start(i);
    }
  }

 private:
  void Start(size_t i) {
    auto pod = std::make_shared<Pod>();
    pod->replica = std::make_unique<Replica>(suite_, rpc::DevAuthenticator());
    pod->client = std::make_unique<rpc::Client>(
        rpc::ClientOptions{.target = pod->replica->address(), .credentials = rpc::DevCredentials()});
    const std::lock_guard lock(mutex_);
    pods_[i] = std::move(pod);
  }

  Suite& suite_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Pod>> pods_;
};

class EventChaosTest : public PipelineTest {
 protected:
  void SetUp() override { WaitUntilPositioned(); }

  Lead SetPain(const std::string& lead, const std::string& pain) const {
    pipeline::v1::UpdateLeadRequest request;
    request.mutable_lead()->set_name(lead);
    request.mutable_lead()->set_pain(pain);
    return admin_.Must<Lead>(request);
  }
  std::string Subscribe() const {
    pipeline::v1::CreateSubscriptionRequest request;
    request.mutable_subscription()->set_display_name("All");
    request.mutable_subscription()->set_start(type::v1::Subscription::START_EARLIEST);
    return admin_.Must<type::v1::Subscription>(request).name();
  }
};

TEST_F(EventChaosTest, ARollingRestartUnderLoadLosesAndRepeatsNothing) {
  const std::string subscription = Subscribe();
  std::vector<std::string> leads;
  for (int i = 0; i < 8; ++i) leads.push_back(CreateLead().name());
  Pods pods(suite(), 2);
  std::atomic<bool> stop{false};
  std::atomic<int> written{0};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; !stop; ++i) {
        pipeline::v1::UpdateLeadRequest request;
        request.mutable_lead()->set_name(leads[(t + i) % leads.size()]);
        request.mutable_lead()->set_pain(std::to_string(t) + "/" + std::to_string(i));
        request.set_request_id(NewRequestId());
        // A repeat with the same request_id does nothing twice.
        for (bool done = false; !done && !stop;) {
          const auto pod = pods.Any(t);
          done = pod != nullptr && Caller(*pod->client, admin_.identity()).Call<Lead>(request).ok();
        }
        ++written;
      }
    });
  }
  // A subscriber that keeps its cursor, and goes to another process when its stream ends.
  std::vector<Event> tailed;
  std::atomic<size_t> read_by_tail{0};
  threads.emplace_back([&] {
    std::string cursor;
    for (size_t turn = 0; !stop; ++turn) {
      const auto pod = pods.Any(turn);
      if (pod == nullptr) continue;
      const auto stream = pod->client->Stream("embudo.pipeline.v1.EventService/Tail", admin_.identity());
      auto first = cursor.empty() ? Tailer::Earliest() : Tailer::Cursor(cursor);
      first.mutable_credit()->set_events(1000000);
      first.mutable_start()->set_heartbeat_seconds(1);
      if (!stream->Write(first)) continue;
      for (pipeline::v1::TailResponse response; !stop && stream->Read(&response);) {
        tailed.insert(tailed.end(), response.events().begin(), response.events().end());
        read_by_tail = tailed.size();
        cursor = response.cursor();
        if (response.has_draining()) break;
      }
      stream->Cancel();
    }
  });
  // A worker that acknowledges what it has counted.
  std::map<std::string, int> consumed;
  threads.emplace_back([&] {
    for (size_t turn = 1; !stop; ++turn) {
      const auto pod = pods.Any(turn);
      if (pod == nullptr) continue;
      const auto stream = pod->client->Stream("embudo.pipeline.v1.EventService/Consume", admin_.identity());
      pipeline::v1::ConsumeRequest request;
      request.mutable_start()->set_subscription(subscription);
      request.mutable_start()->set_heartbeat_seconds(1);
      request.mutable_credit()->set_events(1000000);
      if (!stream->Write(request)) continue;
      for (pipeline::v1::ConsumeResponse response; !stop && stream->Read(&response);) {
        request.Clear();
        for (const auto& delivery : response.deliveries()) {
          ++consumed[delivery.event().id()];
          request.add_acks(delivery.event().id());
        }
        if (request.acks_size() > 0 && !stream->Write(request)) break;
        if (response.has_draining()) break;
      }
      stream->Cancel();
    }
  });
  const auto more = [&](int count) {
    const int goal = written + count;
    return Eventually([&] { return written >= goal; });
  };
  EXPECT_TRUE(more(50));
  EXPECT_TRUE(Eventually([&] { return read_by_tail > 0; }));
  for (int round = 0; round < 2; ++round) {
    pods.Roll();
    EXPECT_TRUE(more(50));
  }
  EXPECT_TRUE(Eventually([&] { return read_by_tail > 100; }));
  stop = true;
  for (std::thread& thread : threads) thread.join();

  // What was read before the end, and what comes after it from where each was.
  WaitUntilPositioned();
  const std::vector<Event> all = Events();
  std::map<int, int64_t> last;
  std::set<std::string> seen;
  for (const Event& event : tailed) {
    EXPECT_GT(event.position(), last[event.partition()]);
    last[event.partition()] = event.position();
    seen.insert(event.id());
  }
  EXPECT_EQ(seen.size(), tailed.size());
  EXPECT_GT(tailed.size(), 100u);
  Consumer rest(admin_, subscription, 1000000);
  EXPECT_TRUE(Eventually([&] {
    for (const auto& delivery : rest.deliveries()) consumed[delivery.event().id()] += 1;
    // The next event of a lead comes when the one before it is acknowledged.
    rest.AckAll();
    return consumed.size() >= all.size();
  }));
  EXPECT_EQ(consumed.size(), all.size());
  // Of what the tail read, nothing that came before in its partition is missing.
  std::map<int, size_t> read;
  for (const auto& [partition, position] : last) {
    const db::Result rows = suite().Query(
        "SELECT count(*) FROM pipeline.event_position WHERE tenant_id = $1 AND partition = $2 AND position <= $3",
        db::Params::Of(tenant_, partition, position));
    for (const Event& event : tailed) read[partition] += event.partition() == partition ? 1 : 0;
    EXPECT_EQ(read[partition], static_cast<size_t>(rows[0].Int(0))) << "in partition " << partition;
  }
}

TEST_F(EventChaosTest, AClockThatJumpsChangesNoOrderAndLosesNothing) {
  const std::string subscription = Subscribe();
  const std::string lead = CreateLead().name();
  Consumer worker(admin_, subscription);
  Tailer tail(admin_, Tailer::Earliest());
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 1));
  worker.AckAll();
  suite().Advance(-seconds(7200));
  SetPain(lead, "two hours ago");
  suite().Advance(seconds(14400));
  SetPain(lead, "in two hours");
  suite().Advance(-seconds(7200));
  SetPain(lead, "now");
  const auto pains = [&](const std::vector<Event>& events) {
    std::vector<std::string> out;
    for (const Event& event : events) {
      if (event.type() == "lead.updated" && event.subject() == lead) out.push_back(event.data().lead().pain());
    }
    return out;
  };
  EXPECT_TRUE(Eventually([&] { return pains(tail.events()).size() == 3; }));
  EXPECT_THAT(pains(tail.events()), ElementsAre("two hours ago", "in two hours", "now"));
  // Deadlines that have passed by the jump let events come again, in their order, and none is lost.
  EXPECT_TRUE(Eventually([&] {
    worker.AckAll();
    std::vector<Event> events;
    for (const auto& delivery : worker.Of(lead)) events.push_back(delivery.event());
    const auto of_worker = pains(events);
    return std::set(of_worker.begin(), of_worker.end()).size() == 3;
  }));
  Tailer again(admin_, Tailer::Earliest());
  EXPECT_TRUE(Eventually([&] { return pains(again.events()).size() == 3; }));
  EXPECT_THAT(pains(again.events()), ElementsAre("two hours ago", "in two hours", "now"));
}

TEST_F(EventChaosTest, WhatWasCommittedBeforeACrashIsToldByAnother) {
  Tailer tail(admin_, Tailer::Latest());
  ASSERT_TRUE(tail.WaitForStart());
  const std::string lead = CreateLead().name();
  ASSERT_TRUE(tail.WaitForEvents(1));
  // As a process leaves it that is killed after the commit and before the relay has seen it: written, without a place.
  // A UUID of its own, the rest as the event before.
  Event event = EventsAbout(lead)[0];
  event.set_id(NewRequestId());
  const std::string partition = std::to_string(event.partition());
  suite().Query(
      "WITH e AS (INSERT INTO pipeline.event (tenant_id, day, seq, event_id, partition, data) SELECT $1,"
      " (SELECT max(day) FROM pipeline.event WHERE tenant_id = $1), nextval('pipeline.event_seq'), $2::uuid, "
      "$3::smallint, $4"
      " RETURNING partition, seq, day, tenant_id) INSERT INTO pipeline.event_pending (partition, seq, day, tenant_id)"
      " SELECT partition, seq, day, tenant_id FROM e",
      db::Params::Of(tenant_, event.id(), partition).AddBytes(event.SerializeAsString()));
  ASSERT_TRUE(tail.WaitForEvents(2));
  EXPECT_EQ(tail.events()[1].id(), event.id());
  EXPECT_GT(tail.events()[1].position(), tail.events()[0].position());
}

}  // namespace
}  // namespace embudo::testing
