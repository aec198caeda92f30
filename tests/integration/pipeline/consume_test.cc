// Workers of durable subscriptions in trouble: processes that die, places that are moved under them, little credit.

#include <functional>
#include <set>

#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/subscription_service.pb.h"
#include "tests/integration/pipeline/consumer.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {
namespace {

using pipeline::v1::Nack;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using type::v1::Lead;
using type::v1::Subscription;

class ConsumeTest : public PipelineTest {
 protected:
  void SetUp() override { WaitUntilPositioned(); }

  std::string Subscribe(const std::function<void(Subscription&)>& change = {}) const {
    pipeline::v1::CreateSubscriptionRequest request;
    Subscription& subscription = *request.mutable_subscription();
    subscription.set_display_name("Search index");
    subscription.set_start(Subscription::START_LATEST);
    subscription.set_filter(R"(type = "lead.created" OR type = "lead.updated")");
    if (change) change(subscription);
    return admin_.Must<Subscription>(request).name();
  }
  void Change(const std::string& name, const std::string& path,
              const std::function<void(Subscription&)>& change) const {
    pipeline::v1::UpdateSubscriptionRequest update;
    update.mutable_subscription()->set_name(name);
    update.mutable_update_mask()->add_paths(path);
    change(*update.mutable_subscription());
    admin_.Must<Subscription>(update);
  }
  Lead SetPain(const std::string& lead, const std::string& pain) const {
    pipeline::v1::UpdateLeadRequest request;
    request.mutable_lead()->set_name(lead);
    request.mutable_lead()->set_pain(pain);
    return admin_.Must<Lead>(request);
  }
  pipeline::v1::SubscriptionStats Stats(const std::string& name) const {
    pipeline::v1::GetSubscriptionStatsRequest request;
    request.set_name(name);
    return admin_.Must<pipeline::v1::SubscriptionStats>(request);
  }
  /// What a process leaves in the database that dies while it reads.
  void LeaveAGhost(const std::string& name, const std::string& worker, int lease_seconds) const {
    const std::string id = name.substr(name.find('/') + 1);
    const db::Params params = db::Params::Of(tenant_, id, worker, lease_seconds);
    suite().Query(
        "INSERT INTO pipeline.subscription_worker VALUES ($1, $2, $3::uuid, now() + $4::int * interval '1 s')", params);
    suite().Query(
        "UPDATE pipeline.subscription_place SET holder = $3::uuid, lease_until = now() + $4::int * interval '1 s'"
        " WHERE tenant_id = $1 AND subscription_id = $2",
        params);
  }
  void LetTheLeaseRunOut(const std::string& worker) const {
    for (const std::string table : {"subscription_worker SET lease_until = now() WHERE worker_id",
                                    "subscription_place SET lease_until = now() WHERE holder"}) {
      suite().Query("UPDATE pipeline." + table + " = $2::uuid AND tenant_id = $1", db::Params::Of(tenant_, worker));
    }
  }
};

TEST_F(ConsumeTest, WhatADeadProcessHeldIsAnothersWhenItsLeaseHasRunOut) {
  const std::string name = Subscribe();
  const std::string lead = CreateLead().name();
  SetPain(lead, "one");
  const std::string ghost = NewRequestId();
  LeaveAGhost(name, ghost, 600);
  Consumer worker(admin_, name);
  ASSERT_TRUE(worker.WaitFor(Consumer::Response::kStarted));
  EXPECT_EQ(Stats(name).worker_count(), 2);
  ASSERT_TRUE(worker.WaitForHeartbeat());
  EXPECT_THAT(worker.deliveries(), IsEmpty());
  LetTheLeaseRunOut(ghost);
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 1));
  worker.AckAll();
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 2));
  EXPECT_EQ(worker.Of(lead)[1].event().data().lead().pain(), "one");
  ASSERT_TRUE(Eventually([&] { return worker.partitions().size() == 16; }));
  EXPECT_EQ(Stats(name).worker_count(), 1);
}

TEST_F(ConsumeTest, WhatAKilledWorkerHadNotAcknowledgedIsAnothers) {
  const std::string name = Subscribe([](Subscription& subscription) { subscription.set_unordered(true); });
  const std::string lead = CreateLead().name();
  for (const char* pain : {"one", "two"}) SetPain(lead, pain);
  const std::string ghost = NewRequestId();
  std::set<std::string> missing;
  {
    Consumer worker(admin_, name);
    ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 3));
    worker.Ack(worker.Of(lead)[2].event().id());
    ASSERT_TRUE(worker.WaitForHeartbeat());
    ASSERT_TRUE(worker.WaitForHeartbeat());
    for (size_t i = 0; i < 2; ++i) missing.insert(worker.Of(lead)[i].event().id());
    // It can give nothing back any more, as if it had been killed.
    LeaveAGhost(name, ghost, 600);
  }
  LetTheLeaseRunOut(ghost);
  Consumer other(admin_, name);
  EXPECT_TRUE(Eventually([&] {
    for (const auto& delivery : other.Of(lead)) missing.erase(delivery.event().id());
    return missing.empty();
  }));
}

TEST_F(ConsumeTest, AWorkerThatWasThoughtDeadMovesNothing) {
  const std::string name = Subscribe();
  const std::string lead = CreateLead().name();
  Consumer worker(admin_, name);
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 1));
  ASSERT_TRUE(worker.WaitForHeartbeat());
  const std::string before = Stats(name).cursor();
  // Its partitions went to another meanwhile, which has not dealt with the event.
  LeaveAGhost(name, NewRequestId(), 3);
  worker.Ack(worker.Of(lead)[0].event().id());
  ASSERT_TRUE(Eventually([&] { return worker.partitions().empty(); }));
  EXPECT_EQ(Stats(name).cursor(), before);
  // When the other is gone too, the event comes again.
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 2));
  worker.Ack(worker.Of(lead)[1].event().id());
  EXPECT_TRUE(Eventually([&] { return Stats(name).backlog() == 0; }));
}

TEST_F(ConsumeTest, ASeekForgetsWhatIsOutstandingAndWhatWaits) {
  const std::string name = Subscribe();
  const std::string outstanding = CreateLead("Outstanding").name();
  const std::string waiting = CreateLead("Waiting").name();
  const std::string parked = CreateLead("Parked").name();
  Consumer worker(admin_, name);
  ASSERT_TRUE(worker.WaitForDeliveries(3));
  worker.Nack(worker.Of(waiting)[0].event().id(), Nack::ACTION_RETRY, 60);
  worker.Nack(worker.Of(parked)[0].event().id(), Nack::ACTION_PARK);
  ASSERT_TRUE(Eventually([&] { return Stats(name).waiting_count() == 1 && Stats(name).parked_count() == 1; }));
  WaitUntilPositioned();
  pipeline::v1::SeekSubscriptionRequest seek;
  seek.set_name(name);
  seek.set_position(pipeline::v1::TailStart::POSITION_LATEST);
  const std::string cursor = admin_.Must<pipeline::v1::SeekSubscriptionResponse>(seek).cursor();
  EXPECT_EQ(Stats(name).waiting_count(), 0);
  EXPECT_EQ(Stats(name).parked_count(), 1);
  // The worker learns of the seek a moment later, and would be sent again what it gets until then.
  EXPECT_TRUE(Eventually([&] {
    const auto last = worker.responses().back();
    return last.has_heartbeat() && last.heartbeat().outstanding() == 0;
  }));
  // Neither an acknowledgement that comes late nor a deadline that passes brings it back or moves the place.
  worker.Ack(worker.Of(outstanding)[0].event().id());
  suite().Advance(seconds(120));
  const std::string next = CreateLead("Next").name();
  ASSERT_TRUE(worker.WaitForDeliveriesOf(next, 1));
  ASSERT_TRUE(worker.WaitForHeartbeat());
  EXPECT_THAT(worker.deliveries(), SizeIs(4));
  EXPECT_EQ(Stats(name).cursor(), cursor);
  worker.Ack(worker.Of(next)[0].event().id());
  EXPECT_TRUE(Eventually([&] { return Stats(name).backlog() == 0; }));
}

TEST_F(ConsumeTest, AnAcknowledgementThatComesAfterASeekBackDoesNotUndoIt) {
  const std::string name = Subscribe();
  const std::string start = Stats(name).cursor();
  const std::string lead = CreateLead().name();
  Consumer worker(admin_, name);
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 1));
  pipeline::v1::SeekSubscriptionRequest seek;
  seek.set_name(name);
  seek.set_cursor(start);
  admin_.Must<pipeline::v1::SeekSubscriptionResponse>(seek);
  worker.Ack(worker.Of(lead)[0].event().id());
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 2));
  EXPECT_EQ(worker.Of(lead)[1].attempt(), 1);
}

TEST_F(ConsumeTest, SendsNoMoreThanItsCredit) {
  const std::string name = Subscribe();
  for (int i = 0; i < 8; ++i) CreateLead("Deal " + std::to_string(i));
  Consumer worker(admin_, name, 2);
  ASSERT_TRUE(worker.WaitForDeliveries(2));
  ASSERT_TRUE(worker.WaitForHeartbeat());
  EXPECT_THAT(worker.deliveries(), SizeIs(2));
  // Credit is what allows another delivery, an acknowledgement is not.
  worker.AckAll();
  ASSERT_TRUE(worker.WaitForHeartbeat());
  EXPECT_THAT(worker.deliveries(), SizeIs(2));
  worker.Credit(1);
  worker.Credit(2);
  ASSERT_TRUE(worker.WaitForDeliveries(5));
  ASSERT_TRUE(worker.WaitForHeartbeat());
  EXPECT_THAT(worker.deliveries(), SizeIs(5));
  EXPECT_EQ(worker.responses().back().heartbeat().outstanding(), 3);
}

TEST_F(ConsumeTest, APausedOneDeliversNothingAndKeepsItsPlace) {
  const std::string name = Subscribe([](Subscription& subscription) { subscription.set_paused(true); });
  const std::string lead = CreateLead().name();
  WaitUntilPositioned();
  for (int i = 0; i < 3; ++i) {
    Consumer worker(admin_, name);
    ASSERT_TRUE(worker.WaitFor(Consumer::Response::kAssigned));
    EXPECT_THAT(worker.deliveries(), IsEmpty());
  }
  Consumer worker(admin_, name);
  ASSERT_TRUE(worker.WaitForHeartbeat());
  EXPECT_THAT(worker.deliveries(), IsEmpty());
  Change(name, "paused", [](Subscription& subscription) { subscription.set_paused(false); });
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 1));
  worker.AckAll();
  Change(name, "paused", [](Subscription& subscription) { subscription.set_paused(true); });
  ASSERT_TRUE(worker.WaitForHeartbeat());
  ASSERT_TRUE(worker.WaitForHeartbeat());
  SetPain(lead, "one");
  ASSERT_TRUE(worker.WaitForHeartbeat());
  EXPECT_THAT(worker.Of(lead), SizeIs(1));
}

TEST_F(ConsumeTest, APausedOneSaysSo) {
  const std::string name = Subscribe([](Subscription& subscription) { subscription.set_paused(true); });
  Consumer worker(admin_, name);
  ASSERT_TRUE(worker.WaitForHeartbeat());
  EXPECT_TRUE(worker.responses().back().heartbeat().paused());
}

TEST_F(ConsumeTest, OneLeadOfWhichMuchHappensStopsNoOther) {
  const std::string name = Subscribe();
  const std::string busy = CreateLead("Busy").name();
  // More than a worker holds in memory.
  constexpr int kEvents = 2200;
  for (int i = 0; i < kEvents; ++i) SetPain(busy, std::to_string(i));
  const std::string other = CreateLead("Other").name();
  WaitUntilPositioned();
  Consumer worker(admin_, name, 10000);
  ASSERT_TRUE(worker.WaitForDeliveriesOf(other, 1));
  EXPECT_THAT(worker.Of(busy), SizeIs(1));
  EXPECT_TRUE(Eventually([&] { return Stats(name).waiting_count() > 1000; }));
  // They come in their order all the same, each after the one before.
  size_t acked = 0;
  ASSERT_TRUE(Eventually([&] {
    const auto of_busy = worker.Of(busy);
    for (; acked < of_busy.size(); ++acked) worker.Ack(of_busy[acked].event().id());
    return acked >= 300;
  }));
  const auto of_busy = worker.Of(busy);
  for (size_t i = 1; i < of_busy.size(); ++i) {
    EXPECT_EQ(of_busy[i].event().data().lead().pain(), std::to_string(i - 1));
    EXPECT_EQ(of_busy[i].attempt(), 1);
  }
}

TEST_F(ConsumeTest, MetersTellWhatWaitsAndWhatIsParked) {
  const std::string name = Subscribe();
  const std::string lead = CreateLead().name();
  Consumer worker(admin_, name);
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 1));
  worker.Nack(worker.Of(lead)[0].event().id(), pipeline::v1::Nack::ACTION_PARK);
  const std::string labels = "{subscription=\"" + name.substr(name.find('/') + 1) + "\",tenant=\"" + tenant_ + "\"}";
  const auto has = [&](const std::string& line) {
    return Eventually([&] { return suite().metrics().Text().find(line) != std::string::npos; });
  };
  EXPECT_TRUE(has("embudo_subscription_parked_events" + labels + " 1")) << suite().metrics().Text();
  EXPECT_TRUE(has("embudo_subscription_lag_places" + labels + " 0"));
  EXPECT_TRUE(has("embudo_consume_deliveries_total{outcome=\"parked\"}"));
  EXPECT_TRUE(has("embudo_subscriptions{state=\"paused\"}"));
}

TEST_F(ConsumeTest, OrderThatIsGivenUpHoldsNothingBack) {
  const std::string name = Subscribe();
  const std::string lead = CreateLead().name();
  for (const char* pain : {"one", "two"}) SetPain(lead, pain);
  Consumer worker(admin_, name);
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 1));
  ASSERT_TRUE(worker.WaitForHeartbeat());
  EXPECT_THAT(worker.Of(lead), SizeIs(1));
  Change(name, "unordered", [](Subscription& subscription) { subscription.set_unordered(true); });
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 3));
  worker.AckAll();
  EXPECT_TRUE(Eventually([&] { return Stats(name).backlog() == 0; }));
}

TEST_F(ConsumeTest, WithoutOrderARefusedEventHoldsUpNoneOfItsLead) {
  const std::string name = Subscribe([](Subscription& subscription) { subscription.set_unordered(true); });
  const std::string lead = CreateLead().name();
  Consumer worker(admin_, name);
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 1));
  worker.Nack(worker.Of(lead)[0].event().id(), Nack::ACTION_RETRY, 60);
  ASSERT_TRUE(Eventually([&] { return Stats(name).waiting_count() == 1; }));
  SetPain(lead, "one");
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 2));
  EXPECT_EQ(worker.Of(lead)[1].event().data().lead().pain(), "one");
  // Before the time for that has run out, too.
  worker.Ack(worker.Of(lead)[1].event().id());
  ASSERT_TRUE(worker.WaitForHeartbeat());
  suite().Advance(seconds(61));
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 3));
  EXPECT_EQ(worker.Of(lead)[2].attempt(), 2);
  worker.AckAll();
  EXPECT_TRUE(Eventually([&] { return Stats(name).waiting_count() == 0 && Stats(name).backlog() == 0; }));
}

TEST_F(ConsumeTest, APauseBeyondAllMeasureIsAPause) {
  const std::string name = Subscribe();
  const std::string lead = CreateLead().name();
  Consumer worker(admin_, name);
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 1));
  worker.Nack(worker.Of(lead)[0].event().id(), Nack::ACTION_RETRY, std::numeric_limits<int64_t>::max() / 1000);
  ASSERT_TRUE(Eventually([&] { return Stats(name).waiting_count() == 1; }));
  suite().Advance(seconds(3600));
  ASSERT_TRUE(worker.WaitForHeartbeat());
  EXPECT_THAT(worker.Of(lead), SizeIs(1));
}

}  // namespace
}  // namespace embudo::testing
