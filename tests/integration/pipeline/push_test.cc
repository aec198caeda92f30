// Events pushed to webhooks: signed, in order per lead, tried again, parked in the end.

#include <openssl/hmac.h>
#include <unistd.h>

#include <future>
#include <sstream>

#include "absl/strings/escaping.h"
#include "services/pipeline/bind.h"
#include "services/pipeline/storage/migrations.h"
#include "tests/integration/pipeline/consumer.h"
#include "tests/integration/pipeline/push_fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using std::chrono::hours;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using type::v1::Subscription;

/// As the receiver computes it, by https://www.standardwebhooks.com.
std::string SignatureOf(const Webhook::Push& push, const std::string& secret) {
  std::string key;
  EXPECT_TRUE(secret.starts_with("whsec_"));
  EXPECT_TRUE(absl::Base64Unescape(secret.substr(6), &key));
  EXPECT_THAT(key, SizeIs(32));
  const std::string text = push.id + "." + push.time + "." + push.body;
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), mac, &size);
  return "v1," + absl::Base64Escape({reinterpret_cast<const char*>(mac), size});
}

std::vector<std::string> SignaturesOf(const Webhook::Push& push) {
  std::istringstream words(push.signature);
  return {std::istream_iterator<std::string>(words), {}};
}

std::vector<std::string> PainsOf(const std::vector<Webhook::Push>& pushes) {
  std::vector<std::string> pains;
  for (const auto& push : pushes) pains.push_back(push.Event()["data"]["data"]["lead"].value("pain", ""));
  return pains;
}

TEST_F(PushTest, NothingIsPushedUnsigned) {
  Webhook unsigned_hook;
  Webhook signed_hook;
  const std::string name = Subscribe(unsigned_hook.uri());
  SubscribeSigned(signed_hook.uri());
  ASSERT_TRUE(Eventually([&] { return Stats(name).worker_count() == 1; }));
  const std::string lead = CreateLead().name();
  ASSERT_TRUE(signed_hook.WaitForPushesOf(lead, 1));
  EXPECT_THAT(unsigned_hook.pushes(), IsEmpty());
  const auto first = Rotate(name);
  EXPECT_FALSE(first.has_previous_expire_time());
  ASSERT_TRUE(unsigned_hook.WaitForPushesOf(lead, 1));
  const auto push = unsigned_hook.Of(lead)[0];
  EXPECT_THAT(SignaturesOf(push), ElementsAre(SignatureOf(push, first.secret())));
}

TEST_F(PushTest, TheBodyIsACloudEvent) {
  Webhook hook;
  const std::string name = SubscribeSigned(hook.uri("/in?key=1"));
  const std::string lead = CreateLead("Bicycle").name();
  ASSERT_TRUE(hook.WaitForPushesOf(lead, 1));
  const Webhook::Push push = hook.Of(lead)[0];
  EXPECT_EQ(push.path, "/in");
  EXPECT_THAT(push.content_type, HasSubstr("application/cloudevents+json"));
  EXPECT_EQ(push.time, std::to_string(std::chrono::floor<seconds>(suite().clock().Now()).time_since_epoch().count()));
  const auto event = EventsAbout(lead)[0];
  EXPECT_EQ(push.id, event.id());
  EXPECT_EQ(push.Text("specversion"), "1.0");
  EXPECT_EQ(push.Text("id"), event.id());
  EXPECT_EQ(push.Text("source"), "/tenants/" + tenant_);
  EXPECT_EQ(push.Text("type"), "lead.created");
  EXPECT_EQ(push.Text("time"), FormatTime(FromTimestamp(event.time())));
  EXPECT_EQ(push.Text("partitionkey"), lead.substr(6));
  EXPECT_THAT(push.Text("sequence"), SizeIs(20));
  EXPECT_EQ(push.Text("datacontenttype"), "application/json");
  EXPECT_EQ(push.Event()["data"]["actor"], "users/admin");
  EXPECT_EQ(push.Event()["data"]["data"]["lead"]["displayName"], "Bicycle");
  ASSERT_TRUE(WaitForDeliveries(name, 1));
  EXPECT_EQ(Deliveries(name)[0].status_code(), 204);
  EXPECT_TRUE(Eventually([&] { return Stats(name).backlog() == 0; }));
}

TEST_F(PushTest, TwoSecretsSignForADayAfterARotation) {
  Webhook hook;
  const std::string name = Subscribe(hook.uri());
  const auto push_of_new_lead = [&] {
    const std::string lead = CreateLead().name();
    EXPECT_TRUE(hook.WaitForPushesOf(lead, 1));
    return hook.Of(lead).at(0);
  };
  // The new secret is in use a moment after its making.
  const auto push_with = [&](const std::vector<std::string>& secrets) {
    Webhook::Push push;
    for (int i = 0; i < 100; ++i) {
      push = push_of_new_lead();
      if (SignaturesOf(push)[0] == SignatureOf(push, secrets[0]) && SignaturesOf(push).size() == secrets.size()) break;
    }
    return push;
  };
  const std::string first = Rotate(name).secret();
  push_with({first});
  suite().Advance(seconds(60));
  const auto rotated = Rotate(name);
  EXPECT_EQ(FromTimestamp(rotated.previous_expire_time()), suite().clock().Now() + hours(24));
  const Webhook::Push both = push_with({rotated.secret(), first});
  EXPECT_THAT(SignaturesOf(both), ElementsAre(SignatureOf(both, rotated.secret()), SignatureOf(both, first)));
  // One more, and the first of all is gone.
  suite().Advance(seconds(60));
  const std::string third = Rotate(name).secret();
  const Webhook::Push next = push_with({third, rotated.secret()});
  EXPECT_THAT(SignaturesOf(next), ElementsAre(SignatureOf(next, third), SignatureOf(next, rotated.secret())));
  suite().Advance(hours(24) + seconds(1));
  const Webhook::Push last = push_with({third});
  EXPECT_THAT(SignaturesOf(last), ElementsAre(SignatureOf(last, third)));
}

TEST_F(PushTest, ASecretIsKeptInOnePlaceAndARepeatedCallStillGetsIt) {
  Webhook hook;
  const std::string name = Subscribe(hook.uri());
  pipeline::v1::RotateSubscriptionSecretRequest request;
  request.set_name(name);
  request.set_request_id(NewRequestId());
  const auto first = admin_.Must<pipeline::v1::RotateSubscriptionSecretResponse>(request);
  const db::Result kept =
      suite().Query("SELECT response FROM pipeline.request WHERE tenant_id = $1 AND request_id = $2::uuid",
                    db::Params::Of(tenant_, request.request_id()));
  ASSERT_EQ(kept.size(), 1);
  EXPECT_THAT(kept[0].Bytes(0), Not(HasSubstr("whsec_")));
  EXPECT_THAT(admin_.Must<pipeline::v1::RotateSubscriptionSecretResponse>(request), SameAs(first));
  for (int i = 0; i < 2; ++i) {
    suite().Advance(seconds(1));
    Rotate(name);
  }
  EXPECT_THAT(admin_.Call<pipeline::v1::RotateSubscriptionSecretResponse>(request).status(),
              IsError(StatusCode::kFailedPrecondition, "SECRET_REPLACED"));
}

TEST_F(PushTest, AFilterThatIsNoneAnyMorePausesIt) {
  Webhook hook;
  const std::string name = SubscribeSigned(hook.uri());
  suite().Query("UPDATE pipeline.subscription SET filter = 'lead.no_such_field = 1' WHERE tenant_id = $1",
                db::Params::Of(tenant_));
  ASSERT_TRUE(Eventually([&] { return Get(name).paused(); }));
  EXPECT_THAT(Get(name).pause_reason(), HasSubstr("no_such_field"));
  const std::string lead = CreateLead().name();
  pipeline::v1::UpdateSubscriptionRequest update;
  update.mutable_subscription()->set_name(name);
  update.mutable_subscription()->set_filter(R"(type = "lead.created")");
  update.mutable_update_mask()->add_paths("filter");
  update.mutable_update_mask()->add_paths("paused");
  EXPECT_EQ(admin_.Must<Subscription>(update).pause_reason(), "");
  EXPECT_TRUE(hook.WaitForPushesOf(lead, 1));
}

TEST_F(PushTest, WhatFailsIsTriedAgainAndHoldsUpItsLeadAlone) {
  Webhook hook;
  hook.AnswerWith({500, "out of order", {}});
  const std::string name = SubscribeSigned(hook.uri());
  const Time start = suite().clock().Now();
  const std::string lead = CreateLead().name();
  SetPain(lead, "one");
  ASSERT_TRUE(WaitForDeliveries(name, 1));
  hook.AnswerWith({});
  const std::string other = CreateLead("Other").name();
  ASSERT_TRUE(hook.WaitForPushesOf(other, 1));
  EXPECT_THAT(hook.Of(lead), SizeIs(1));
  const auto failed = Deliveries(name).back();
  EXPECT_EQ(failed.event_id(), hook.Of(lead)[0].id);
  EXPECT_EQ(failed.attempt(), 1);
  EXPECT_EQ(failed.status_code(), 500);
  EXPECT_EQ(failed.error(), "out of order");
  EXPECT_EQ(FromTimestamp(failed.time()), start);
  EXPECT_EQ(FromTimestamp(failed.next_time()), start + seconds(10));

  suite().Advance(seconds(9));
  const std::string later = CreateLead("Later").name();
  ASSERT_TRUE(hook.WaitForPushesOf(later, 1));
  EXPECT_THAT(hook.Of(lead), SizeIs(1));
  suite().Advance(seconds(2));
  SetPain(lead, "two");
  ASSERT_TRUE(hook.WaitForPushesOf(lead, 4));
  EXPECT_THAT(PainsOf(hook.Of(lead)), ElementsAre("", "", "one", "two"));
  EXPECT_EQ(hook.Of(lead)[1].id, hook.Of(lead)[0].id);
  ASSERT_TRUE(Eventually([&] { return Deliveries(name, failed.event_id()).size() == 2; }));
  EXPECT_EQ(Deliveries(name, failed.event_id())[0].attempt(), 2);
  EXPECT_FALSE(Deliveries(name, failed.event_id())[0].has_next_time());
  EXPECT_TRUE(Eventually([&] { return Stats(name).waiting_count() == 0; }));
}

TEST_F(PushTest, APauseThatTheTargetAsksForIsKept) {
  Webhook hook;
  hook.AnswerWith({503, "", {{"Retry-After", "120"}}});
  const std::string name = SubscribeSigned(hook.uri());
  const Time start = suite().clock().Now();
  const std::string lead = CreateLead().name();
  ASSERT_TRUE(WaitForDeliveries(name, 1));
  EXPECT_EQ(FromTimestamp(Deliveries(name)[0].next_time()), start + seconds(120));
  hook.AnswerWith({});
  suite().Advance(seconds(119));
  const std::string other = CreateLead("Other").name();
  ASSERT_TRUE(hook.WaitForPushesOf(other, 1));
  EXPECT_THAT(hook.Of(lead), SizeIs(1));
  suite().Advance(seconds(2));
  ASSERT_TRUE(hook.WaitForPushesOf(lead, 2));
  // One that would wait for longer than the event is kept is not followed.
  hook.AnswerWith({503, "", {{"Retry-After", "9223372036854775807"}}});
  const std::string last = CreateLead("Last").name();
  ASSERT_TRUE(WaitForDeliveries(name, 4));
  const auto refused = Deliveries(name)[0];
  EXPECT_GT(FromTimestamp(refused.next_time()), suite().clock().Now());
  EXPECT_LE(FromTimestamp(refused.next_time()), suite().clock().Now() + hours(24));
}

TEST_F(PushTest, GoneSwitchesItOffUntilSomebodySwitchesItOn) {
  Webhook hook;
  hook.AnswerWith({410, "", {}});
  const std::string name = SubscribeSigned(hook.uri());
  const std::string before = Get(name).etag();
  const std::string lead = CreateLead().name();
  ASSERT_TRUE(Eventually([&] { return Get(name).paused(); }));
  EXPECT_EQ(Get(name).pause_reason(), "the target answered 410 Gone");
  EXPECT_NE(Get(name).etag(), before);
  EXPECT_FALSE(Get(name).has_delete_time());
  hook.AnswerWith({});
  SetPain(lead, "one");
  suite().Advance(hours(1));
  Webhook control;
  SubscribeSigned(control.uri());
  const std::string other = CreateLead("Other").name();
  ASSERT_TRUE(control.WaitForPushesOf(other, 1));
  ASSERT_TRUE(Eventually([&] { return Stats(name).worker_count() == 0; }));
  EXPECT_THAT(hook.pushes(), SizeIs(1));

  pipeline::v1::UpdateSubscriptionRequest update;
  update.mutable_subscription()->set_name(name);
  update.mutable_update_mask()->add_paths("paused");
  const Subscription on = admin_.Must<Subscription>(update);
  EXPECT_FALSE(on.paused());
  EXPECT_EQ(on.pause_reason(), "");
  ASSERT_TRUE(hook.WaitForPushesOf(lead, 3));
  EXPECT_THAT(PainsOf(hook.Of(lead)), ElementsAre("", "", "one"));
  EXPECT_TRUE(hook.WaitForPushesOf(other, 1));
}

TEST_F(PushTest, AfterThreeDaysAnEventIsParked) {
  Webhook hook;
  hook.AnswerWith({500, "", {}});
  const std::string name = SubscribeSigned(hook.uri());
  const std::string lead = CreateLead().name();
  ASSERT_TRUE(WaitForDeliveries(name, 1));
  suite().Advance(hours(71));
  ASSERT_TRUE(WaitForDeliveries(name, 2));
  EXPECT_THAT(Parked(name), IsEmpty());
  // The pause doubles with each attempt.
  EXPECT_EQ(FromTimestamp(Deliveries(name)[0].next_time()), suite().clock().Now() + seconds(20));
  SetPain(lead, "one");
  suite().Advance(hours(2));
  ASSERT_TRUE(Eventually([&] { return Parked(name).size() == 1; }));
  const auto parked = Parked(name)[0];
  EXPECT_EQ(parked.event().subject(), lead);
  EXPECT_EQ(parked.event().type(), "lead.created");
  EXPECT_EQ(parked.delivery_count(), 3);
  EXPECT_EQ(parked.reason(), "HTTP 500");
  // The lead's next event has its own three days.
  ASSERT_TRUE(hook.WaitForPushesOf(lead, 4));
  EXPECT_EQ(PainsOf(hook.Of(lead))[3], "one");
  hook.AnswerWith({});
  pipeline::v1::RedriveParkedEventsRequest redrive;
  redrive.set_name(name);
  EXPECT_EQ(admin_.Must<pipeline::v1::RedriveParkedEventsResponse>(redrive).redriven_count(), 1);
  ASSERT_TRUE(Eventually([&] { return hook.Of(lead).back().id == parked.event().id(); }));
  EXPECT_TRUE(Eventually([&] { return Parked(name).empty(); }));
}

TEST_F(PushTest, DeliveriesAreListedByPages) {
  Webhook hook;
  const std::string name = SubscribeSigned(hook.uri());
  std::vector<std::string> ids;
  for (const char* title : {"A", "B", "C"}) {
    suite().Advance(seconds(1));
    const std::string lead = CreateLead(title).name();
    ASSERT_TRUE(hook.WaitForPushesOf(lead, 1));
    ids.insert(ids.begin(), hook.Of(lead)[0].id);
    ASSERT_TRUE(WaitForDeliveries(name, ids.size()));
  }
  pipeline::v1::ListDeliveriesRequest request;
  request.set_name(name);
  request.set_page_size(2);
  const auto first = manager_.Must<pipeline::v1::ListDeliveriesResponse>(request);
  request.set_page_token(first.next_page_token());
  const auto second = manager_.Must<pipeline::v1::ListDeliveriesResponse>(request);
  EXPECT_EQ(second.next_page_token(), "");
  std::vector<std::string> listed;
  for (const auto& page : {first, second}) {
    for (const auto& delivery : page.deliveries()) listed.push_back(delivery.event_id());
  }
  EXPECT_EQ(listed, ids);
  request.set_page_size(1);
  request.set_event_id(ids[0]);
  EXPECT_EQ(manager_.Call<pipeline::v1::ListDeliveriesResponse>(request).status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(Deliveries(name, ids[1]), SizeIs(1));
  request.Clear();
  request.set_name(name);
  request.set_event_id("no id");
  EXPECT_THAT(BadFields(manager_.Call<pipeline::v1::ListDeliveriesResponse>(request).status()),
              ElementsAre("event_id"));
}

TEST_F(PushTest, AnEventIsPushedOnceMoreOnRequest) {
  Webhook hook;
  const std::string name = SubscribeSigned(hook.uri());
  const std::string lead = CreateLead().name();
  ASSERT_TRUE(WaitForDeliveries(name, 1));
  const std::string id = hook.Of(lead)[0].id;
  ASSERT_TRUE(Redeliver(name, id).ok());
  ASSERT_TRUE(hook.WaitForPushesOf(lead, 2));
  EXPECT_EQ(hook.Of(lead)[1].id, id);
  EXPECT_EQ(hook.Of(lead)[1].body, hook.Of(lead)[0].body);
  ASSERT_TRUE(WaitForDeliveries(name, 2));
  EXPECT_TRUE(Eventually([&] { return Stats(name).waiting_count() == 0; }));
  EXPECT_THAT(Redeliver(name, NewRequestId()), IsError(StatusCode::kNotFound, "EVENT_NOT_FOUND"));
  EXPECT_THAT(BadFields(Redeliver(name, "x")), ElementsAre("event_id"));
}

TEST_F(PushTest, ARequestForOneThatWaitsForItsNextAttemptLetsThoseBehindItFollow) {
  Webhook hook;
  hook.AnswerWith({500, "", {}});
  const std::string name = SubscribeSigned(hook.uri());
  const std::string lead = CreateLead().name();
  ASSERT_TRUE(WaitForDeliveries(name, 1));
  SetPain(lead, "one");
  ASSERT_TRUE(Eventually([&] { return Stats(name).waiting_count() == 2; }));
  hook.AnswerWith({});
  ASSERT_TRUE(Redeliver(name, hook.Of(lead)[0].id).ok());
  ASSERT_TRUE(hook.WaitForPushesOf(lead, 3));
  EXPECT_THAT(PainsOf(hook.Of(lead)), ElementsAre("", "", "one"));
  EXPECT_TRUE(Eventually([&] { return Stats(name).waiting_count() == 0; }));
}

TEST_F(PushTest, ASlowTargetHoldsUpNobodyElse) {
  Webhook slow;
  Webhook quick;
  std::promise<void> go;
  const std::shared_future<void> gone = go.get_future().share();
  slow.AnswerBy([gone](const Webhook::Push&) {
    gone.wait();
    return Webhook::Answer();
  });
  const std::string name = SubscribeSigned(slow.uri());
  SubscribeSigned(quick.uri());
  std::vector<std::string> leads;
  for (int i = 0; i < 12; ++i) leads.push_back(CreateLead("Deal " + std::to_string(i)).name());
  for (const std::string& lead : leads) EXPECT_TRUE(quick.WaitForPushesOf(lead, 1));
  // So many at once, and no more.
  EXPECT_TRUE(slow.WaitForPushes(8));
  EXPECT_THAT(slow.pushes(), SizeIs(8));
  go.set_value();
  for (const std::string& lead : leads) EXPECT_TRUE(slow.WaitForPushesOf(lead, 1));
  EXPECT_TRUE(Eventually([&] { return Stats(name).backlog() == 0; }));
  EXPECT_THAT(slow.pushes(), SizeIs(12));
}

TEST_F(PushTest, RedirectionsAreNotFollowed) {
  Webhook elsewhere;
  Webhook hook;
  hook.AnswerWith({302, "", {{"Location", elsewhere.uri()}}});
  const std::string name = SubscribeSigned(hook.uri());
  CreateLead();
  ASSERT_TRUE(WaitForDeliveries(name, 1));
  EXPECT_EQ(Deliveries(name)[0].status_code(), 302);
  EXPECT_TRUE(Deliveries(name)[0].has_next_time());
  EXPECT_THAT(elsewhere.pushes(), IsEmpty());
}

TEST_F(PushTest, ATargetThatIsNotThereIsTriedAgain) {
  std::string uri;
  {
    Webhook gone;
    uri = gone.uri();
  }
  const std::string name = SubscribeSigned(uri);
  CreateLead();
  ASSERT_TRUE(WaitForDeliveries(name, 1));
  EXPECT_EQ(Deliveries(name)[0].status_code(), 0);
  EXPECT_NE(Deliveries(name)[0].error(), "");
  EXPECT_TRUE(Deliveries(name)[0].has_next_time());
}

TEST_F(PushTest, PushedAndReadByWorkersAreTwoThings) {
  Webhook hook;
  const std::string pushed = Subscribe(hook.uri());
  EXPECT_THAT(Consumer(admin_, pushed).WaitForEnd(), IsError(StatusCode::kFailedPrecondition, "PUSH_SUBSCRIPTION"));
  const std::string read = Subscribe("");
  pipeline::v1::RotateSubscriptionSecretRequest rotate;
  rotate.set_name(read);
  EXPECT_THAT(admin_.Call<pipeline::v1::RotateSubscriptionSecretResponse>(rotate).status(),
              IsError(StatusCode::kFailedPrecondition, "NOT_PUSHED"));
  // A worker's stream ends when the subscription becomes one that is pushed.
  Consumer worker(admin_, read);
  ASSERT_TRUE(worker.WaitFor(Consumer::Response::kStarted));
  pipeline::v1::UpdateSubscriptionRequest update;
  update.mutable_subscription()->set_name(read);
  update.mutable_subscription()->set_push_uri(hook.uri());
  admin_.Must<Subscription>(update);
  EXPECT_THAT(worker.WaitForEnd(), IsError(StatusCode::kFailedPrecondition, "PUSH_SUBSCRIPTION"));
}

TEST_F(PushTest, AnInstallationThatAllowsNoPrivateTargetsConnectsToNone) {
  char host[256] = "";
  ASSERT_EQ(gethostname(host, sizeof host), 0);
  Suite guarded(std::vector<ServiceUnderTest>{{"pipeline", pipeline::Bind, &pipeline::storage::Migrations()}});
  const Caller admin = guarded.As(guarded.NewTenant(), type::v1::ROLE_ADMIN);
  Webhook hook;
  pipeline::v1::CreateSubscriptionRequest create;
  create.mutable_subscription()->set_display_name("Accounting");
  create.mutable_subscription()->set_start(Subscription::START_EARLIEST);
  create.mutable_subscription()->set_push_uri(hook.uri());
  EXPECT_THAT(BadFields(admin.Call<Subscription>(create).status()), ElementsAre("subscription.push_uri"));
  // A name tells nothing of where it leads before it is asked for: this machine's own leads to this machine.
  create.mutable_subscription()->set_push_uri(hook.On(host));
  const std::string name = admin.Must<Subscription>(create).name();
  pipeline::v1::RotateSubscriptionSecretRequest rotate;
  rotate.set_name(name);
  admin.Must<pipeline::v1::RotateSubscriptionSecretResponse>(rotate);
  pipeline::v1::ListDeliveriesRequest list;
  list.set_name(name);
  ASSERT_TRUE(Eventually([&] { return admin.Must<pipeline::v1::ListDeliveriesResponse>(list).deliveries_size() > 0; }));
  const auto delivery = admin.Must<pipeline::v1::ListDeliveriesResponse>(list).deliveries(0);
  EXPECT_EQ(delivery.status_code(), 0);
  EXPECT_THAT(delivery.error(), HasSubstr("onnect"));
  EXPECT_THAT(hook.pushes(), IsEmpty());
}

}  // namespace
}  // namespace embudo::testing
