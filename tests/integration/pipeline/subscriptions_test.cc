// Durable subscriptions: the server keeps the place, workers share it, and what can't be dealt with is parked.

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/subscription_service.pb.h"
#include "tests/integration/pipeline/consumer.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::Nack;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using type::v1::Lead;
using type::v1::Subscription;

class SubscriptionTest : public PipelineTest {
 protected:
  void SetUp() override { WaitUntilPositioned(); }

  /// One of leads alone, from now on.
  std::string Subscribe(const std::function<void(Subscription&)>& change = {}) const {
    pipeline::v1::CreateSubscriptionRequest request;
    Subscription& subscription = *request.mutable_subscription();
    subscription.set_display_name("Search index");
    subscription.set_start(Subscription::START_LATEST);
    subscription.set_filter(R"(type = "lead.created" OR type = "lead.updated")");
    if (change) change(subscription);
    return admin_.Must<Subscription>(request).name();
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
  std::vector<pipeline::v1::ParkedEvent> Parked(const std::string& name) const {
    pipeline::v1::ListParkedEventsRequest request;
    request.set_name(name);
    const auto response = admin_.Must<pipeline::v1::ListParkedEventsResponse>(request);
    return {response.parked_events().begin(), response.parked_events().end()};
  }
  bool WaitUntilDealtWith(const std::string& name) const {
    return Eventually([&] { return Stats(name).backlog() == 0; });
  }
};

TEST_F(SubscriptionTest, TheServerKeepsThePlace) {
  const std::string name = Subscribe();
  const std::string first = CreateLead("First").name();
  const std::string second = CreateLead("Second").name();
  {
    Consumer worker(admin_, name);
    ASSERT_TRUE(worker.WaitForDeliveries(2));
    EXPECT_EQ(worker.deliveries()[0].attempt(), 1);
    EXPECT_THAT(worker.Of(first), SizeIs(1));
    EXPECT_THAT(worker.Of(second), SizeIs(1));
    worker.AckAll();
    ASSERT_TRUE(WaitUntilDealtWith(name));
  }
  const std::string third = CreateLead("Third").name();
  Consumer next(admin_, name);
  ASSERT_TRUE(next.WaitForDeliveries(1));
  ASSERT_TRUE(next.WaitForHeartbeat());
  ASSERT_THAT(next.deliveries(), SizeIs(1));
  EXPECT_EQ(next.deliveries()[0].event().subject(), third);
}

TEST_F(SubscriptionTest, ALeadsNextEventWaitsForTheAcknowledgementOfTheOneBefore) {
  const std::string name = Subscribe();
  const std::string lead = CreateLead().name();
  SetPain(lead, "one");
  SetPain(lead, "two");
  const std::string other = CreateLead("Other").name();
  Consumer worker(admin_, name);
  ASSERT_TRUE(worker.WaitForDeliveriesOf(other, 1));
  ASSERT_TRUE(worker.WaitForHeartbeat());
  ASSERT_THAT(worker.Of(lead), SizeIs(1));
  worker.Ack(worker.Of(lead)[0].event().id());
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 2));
  ASSERT_TRUE(worker.WaitForHeartbeat());
  ASSERT_THAT(worker.Of(lead), SizeIs(2));
  EXPECT_EQ(worker.Of(lead)[1].event().data().lead().pain(), "one");
  worker.Ack(worker.Of(lead)[1].event().id());
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 3));
  EXPECT_EQ(worker.Of(lead)[2].event().data().lead().pain(), "two");

  // Where order is not asked for, all come at once.
  const std::string unordered = Subscribe([](Subscription& subscription) {
    subscription.set_unordered(true);
    subscription.set_start(Subscription::START_EARLIEST);
  });
  Consumer all(admin_, unordered);
  EXPECT_TRUE(all.WaitForDeliveriesOf(lead, 3));
}

TEST_F(SubscriptionTest, WhatAWorkerThatEndsHadNotAcknowledgedComesAgainInOrder) {
  const std::string name = Subscribe();
  const std::string lead = CreateLead().name();
  const std::string done = CreateLead("Done").name();
  for (const char* pain : {"one", "two", "three"}) SetPain(lead, pain);
  {
    Consumer worker(admin_, name);
    ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 1));
    ASSERT_TRUE(worker.WaitForDeliveriesOf(done, 1));
    worker.Ack(worker.Of(lead)[0].event().id());
    worker.Ack(worker.Of(done)[0].event().id());
    ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 2));
  }
  Consumer next(admin_, name);
  std::vector<std::string> pains;
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(next.WaitForDeliveriesOf(lead, i + 1));
    const auto delivery = next.Of(lead)[i];
    pains.push_back(delivery.event().data().lead().pain());
    EXPECT_EQ(delivery.attempt(), i == 0 ? 2 : 1);
    next.Ack(delivery.event().id());
  }
  EXPECT_THAT(pains, ElementsAre("one", "two", "three"));
  EXPECT_THAT(next.Of(done), IsEmpty());
  EXPECT_TRUE(WaitUntilDealtWith(name));
}

TEST_F(SubscriptionTest, WorkersShareThePartitions) {
  const std::string name = Subscribe();
  Consumer one(admin_, name);
  ASSERT_TRUE(Eventually([&] { return one.partitions().size() == 16; }));
  auto other = std::make_unique<Consumer>(admin_, name);
  ASSERT_TRUE(Eventually([&] { return one.partitions().size() == 8 && other->partitions().size() == 8; }));
  std::set<int> all;
  for (Consumer* worker : {&one, other.get()}) {
    for (const int partition : worker->partitions()) all.insert(partition);
  }
  EXPECT_THAT(all, SizeIs(16));
  EXPECT_EQ(Stats(name).worker_count(), 2);
  std::vector<std::string> leads;
  for (int i = 0; i < 30; ++i) leads.push_back(CreateLead("Deal " + std::to_string(i)).name());
  ASSERT_TRUE(Eventually([&] { return one.deliveries().size() + other->deliveries().size() == 30; }));
  EXPECT_FALSE(one.deliveries().empty());
  EXPECT_FALSE(other->deliveries().empty());
  // What one has not acknowledged when it ends is the other's.
  other = nullptr;
  for (const std::string& lead : leads) EXPECT_TRUE(one.WaitForDeliveriesOf(lead, 1));
}

TEST_F(SubscriptionTest, WhatIsNotAcknowledgedInTimeComesAgainAndIsParkedInTheEnd) {
  const std::string name = Subscribe([](Subscription& subscription) {
    subscription.set_ack_deadline_seconds(60);
    subscription.set_max_deliveries(2);
  });
  const std::string lead = CreateLead().name();
  Consumer worker(admin_, name);
  ASSERT_TRUE(worker.WaitForDeliveries(1));
  const std::string id = worker.deliveries()[0].event().id();
  suite().Advance(seconds(40));
  worker.Extend(id);
  ASSERT_TRUE(worker.WaitForHeartbeat());
  suite().Advance(seconds(40));
  ASSERT_TRUE(worker.WaitForHeartbeat());
  EXPECT_THAT(worker.deliveries(), SizeIs(1));
  suite().Advance(seconds(30));
  ASSERT_TRUE(worker.WaitForDeliveries(2));
  EXPECT_EQ(worker.deliveries()[1].attempt(), 2);
  suite().Advance(seconds(70));
  ASSERT_TRUE(Eventually([&] { return Parked(name).size() == 1; }));
  const auto parked = Parked(name)[0];
  EXPECT_EQ(parked.event().id(), id);
  EXPECT_EQ(parked.event().subject(), lead);
  EXPECT_EQ(parked.delivery_count(), 2);
  EXPECT_EQ(parked.reason(), "it was not acknowledged in time");
  EXPECT_TRUE(parked.has_park_time());
  EXPECT_TRUE(WaitUntilDealtWith(name));
  EXPECT_THAT(worker.deliveries(), SizeIs(2));
}

TEST_F(SubscriptionTest, ARefusedEventComesAgainAfterItsPauseWithItsLeadsLaterOnesBehindIt) {
  const std::string name = Subscribe();
  const std::string lead = CreateLead().name();
  SetPain(lead, "one");
  Consumer worker(admin_, name);
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 1));
  worker.Nack(worker.Of(lead)[0].event().id(), Nack::ACTION_RETRY, 300, "index is away");
  // The place moves on: other leads are not held up, and what comes of this one waits behind it.
  ASSERT_TRUE(Eventually([&] { return Stats(name).waiting_count() == 2; }));
  const std::string other = CreateLead("Other").name();
  SetPain(lead, "two");
  ASSERT_TRUE(worker.WaitForDeliveriesOf(other, 1));
  worker.Ack(worker.Of(other)[0].event().id());
  ASSERT_TRUE(WaitUntilDealtWith(name));
  ASSERT_TRUE(Eventually([&] { return Stats(name).waiting_count() == 3; }));
  EXPECT_THAT(worker.Of(lead), SizeIs(1));
  suite().Advance(seconds(301));
  std::vector<std::string> pains;
  for (size_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, i + 1));
    const auto delivery = worker.Of(lead)[i];
    EXPECT_EQ(delivery.attempt(), i == 1 ? 2 : 1);
    pains.push_back(delivery.event().data().lead().pain());
    worker.Ack(delivery.event().id());
  }
  EXPECT_THAT(pains, ElementsAre("", "one", "two"));
  EXPECT_TRUE(Eventually([&] { return Stats(name).waiting_count() == 0; }));
  // And from then on they come by the log again.
  SetPain(lead, "three");
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 5));
}

TEST_F(SubscriptionTest, ParkedEventsAreRedrivenBesideTheOthers) {
  const std::string name = Subscribe();
  std::map<std::string, std::string> ids;
  Consumer worker(admin_, name);
  for (const char* title : {"A", "B", "C", "D"}) {
    const std::string lead = CreateLead(title).name();
    ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 1));
    ids[title] = worker.Of(lead)[0].event().id();
  }
  worker.Nack(ids["A"], Nack::ACTION_PARK, 0, "no such customer");
  worker.Nack(ids["B"], Nack::ACTION_PARK, 0, "no such customer");
  worker.Nack(ids["C"], Nack::ACTION_SKIP, 0, "of no use");
  worker.Ack(ids["D"]);
  ASSERT_TRUE(Eventually([&] { return Parked(name).size() == 2; }));
  ASSERT_TRUE(WaitUntilDealtWith(name));
  EXPECT_EQ(Parked(name)[0].reason(), "no such customer");
  const std::string cursor = Stats(name).cursor();

  pipeline::v1::RedriveParkedEventsRequest redrive;
  redrive.set_name(name);
  redrive.add_event_ids(ids["A"]);
  redrive.set_request_id(NewRequestId());
  EXPECT_EQ(admin_.Must<pipeline::v1::RedriveParkedEventsResponse>(redrive).redriven_count(), 1);
  // The same call again has the same answer and does nothing.
  EXPECT_EQ(admin_.Must<pipeline::v1::RedriveParkedEventsResponse>(redrive).redriven_count(), 1);
  ASSERT_TRUE(worker.WaitForDeliveries(5));
  EXPECT_EQ(worker.deliveries()[4].event().id(), ids["A"]);
  EXPECT_EQ(Stats(name).cursor(), cursor);
  // Parked again, it is there once, after the one that was parked before.
  suite().Advance(seconds(1));
  worker.Nack(ids["A"], Nack::ACTION_PARK, 0, "still none");
  ASSERT_TRUE(Eventually([&] {
    const auto parked = Parked(name);
    return parked.size() == 2 && std::any_of(parked.begin(), parked.end(), [](const auto& one) {
             return one.reason() == "still none" && one.delivery_count() == 1;
           });
  }));

  pipeline::v1::DiscardParkedEventsRequest discard;
  discard.set_name(name);
  EXPECT_EQ(admin_.Must<pipeline::v1::DiscardParkedEventsResponse>(discard).discarded_count(), 2);
  EXPECT_THAT(Parked(name), IsEmpty());
  EXPECT_EQ(Stats(name).cursor(), cursor);
  ASSERT_TRUE(worker.WaitForHeartbeat());
  EXPECT_THAT(worker.deliveries(), SizeIs(5));
}

TEST_F(SubscriptionTest, ASeekMovesThePlaceOfWorkersThatRead) {
  const std::string name = Subscribe();
  const std::string start = Stats(name).cursor();
  const std::string lead = CreateLead().name();
  Consumer worker(admin_, name);
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 1));
  worker.AckAll();
  ASSERT_TRUE(WaitUntilDealtWith(name));
  pipeline::v1::SeekSubscriptionRequest seek;
  seek.set_name(name);
  seek.set_cursor(start);
  EXPECT_EQ(admin_.Must<pipeline::v1::SeekSubscriptionResponse>(seek).cursor(), start);
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 2));
  seek.set_position(pipeline::v1::TailStart::POSITION_LATEST);
  admin_.Must<pipeline::v1::SeekSubscriptionResponse>(seek);
  EXPECT_TRUE(WaitUntilDealtWith(name));

  seek.clear_to();
  EXPECT_THAT(BadFields(admin_.Call<pipeline::v1::SeekSubscriptionResponse>(seek).status()), ElementsAre("to"));
  seek.set_cursor("forged");
  EXPECT_THAT(admin_.Call<pipeline::v1::SeekSubscriptionResponse>(seek).status(),
              IsError(StatusCode::kInvalidArgument, "INVALID_CURSOR"));
}

TEST_F(SubscriptionTest, StreamsFollowTheRecord) {
  const std::string name = Subscribe();
  Consumer worker(admin_, name);
  ASSERT_TRUE(worker.WaitFor(Consumer::Response::kStarted));
  pipeline::v1::UpdateSubscriptionRequest update;
  update.mutable_subscription()->set_name(name);
  update.mutable_subscription()->set_filter(R"(lead.display_name = "Wanted")");
  admin_.Must<Subscription>(update);
  const std::string wanted = CreateLead("Wanted").name();
  ASSERT_TRUE(worker.WaitForDeliveriesOf(wanted, 1));
  pipeline::v1::DeleteSubscriptionRequest gone;
  gone.set_name(name);
  admin_.Must<Subscription>(gone);
  EXPECT_THAT(worker.WaitForEnd(), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

TEST_F(SubscriptionTest, RefusesWhatIsNoneOfTheCallers) {
  const std::string name = Subscribe();
  const Caller other = suite().As(suite().NewTenant(), type::v1::ROLE_ADMIN);
  EXPECT_THAT(Consumer(other, name).WaitForEnd(), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Consumer(admin_, "subscriptions/none").WaitForEnd(),
              IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  pipeline::v1::GetSubscriptionStatsRequest stats;
  stats.set_name(name);
  EXPECT_THAT(other.Call<pipeline::v1::SubscriptionStats>(stats).status(),
              IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  pipeline::v1::CreateSubscriptionRequest create;
  create.mutable_subscription()->set_display_name("Bad");
  create.mutable_subscription()->set_start(Subscription::START_LATEST);
  create.mutable_subscription()->set_filter("type = ");
  EXPECT_THAT(BadFields(admin_.Call<Subscription>(create).status()), ElementsAre("subscription.filter"));
}

}  // namespace
}  // namespace embudo::testing
