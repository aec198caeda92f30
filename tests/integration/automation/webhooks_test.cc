// Webhooks out: signed, in order per lead, tried again, disabled after lasting failure, others unaffected. Webhooks in:
// another system sets a rule off.

#include <httplib.h>

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "common/http/webhook_signature.h"
#include "embudo/automation/v1/webhook_service.pb.h"
#include "embudo/pipeline/v1/notification_service.pb.h"
#include "tests/integration/automation/suite.h"
#include "tests/integration/pipeline/webhook.h"

namespace embudo::testing {
namespace {

using automation::v1::WebhookDelivery;
using Target = automation::v1::Webhook;
using std::chrono::hours;
using std::chrono::seconds;

std::string SecretOf(const std::string& shown) {
  std::string secret;
  EXPECT_TRUE(absl::Base64Unescape(shown.substr(6), &secret)) << shown;
  return secret;
}

class WebhooksTest : public AutomationCase {
 protected:
  std::string MakeTarget(const std::string& id, const std::string& uri) {
    automation::v1::CreateWebhookRequest request;
    request.set_webhook_id(id);
    request.mutable_webhook()->set_display_name(id);
    request.mutable_webhook()->set_uri(uri);
    const auto made = Automation<Target>(request);
    EXPECT_TRUE(made.ok()) << made.status();
    automation::v1::RotateWebhookSecretRequest rotate;
    rotate.set_name("webhooks/" + id);
    const auto rotated = Automation<automation::v1::RotateWebhookSecretResponse>(rotate);
    EXPECT_TRUE(rotated.ok()) << rotated.status();
    secret_ = SecretOf(rotated->secret());
    return "webhooks/" + id;
  }
  Rule Calls(const std::string& webhook, const std::string& field = "description") {
    Rule rule;
    rule.mutable_trigger()->mutable_lead_updated()->add_fields(field);
    rule.add_actions()->mutable_call_webhook()->set_webhook(webhook);
    return rule;
  }
  std::vector<WebhookDelivery> Deliveries(const std::string& webhook, const std::string& filter = "") {
    automation::v1::ListWebhookDeliveriesRequest request;
    request.set_parent(webhook);
    request.set_filter(filter);
    request.set_page_size(1000);
    const auto page = Automation<automation::v1::ListWebhookDeliveriesResponse>(request);
    EXPECT_TRUE(page.ok()) << page.status();
    return {page->deliveries().begin(), page->deliveries().end()};
  }
  /// The answer to a call is kept, and what must not be in it is not.
  void ExpectKeptWithout(const std::string& request_id, const std::string& secret) {
    const db::Result kept =
        suite_->Query("SELECT response FROM automation.request WHERE tenant_id = $1 AND request_id = $2::uuid",
                      db::Params::Of(tenant_, request_id));
    ASSERT_EQ(kept.size(), 1);
    EXPECT_THAT(kept[0].Bytes(0), ::testing::Not(::testing::HasSubstr(secret)));
  }
  Target GetTarget(const std::string& name) {
    automation::v1::GetWebhookRequest request;
    request.set_name(name);
    return *Automation<Target>(request);
  }

  Webhook receiver_;
  std::string secret_;
};

TEST_F(WebhooksTest, ADeliveryIsSignedAndTellsTheLead) {
  const std::string target = MakeTarget("crm", receiver_.uri());
  Install("tell", Calls(target));
  const std::string lead = CreateLead().name();
  Describe(lead, "news");
  ASSERT_TRUE(receiver_.WaitForPushes(1));
  const Webhook::Push push = receiver_.pushes()[0];
  EXPECT_EQ(push.content_type, "application/cloudevents+json");
  EXPECT_EQ(push.Text("type"), "rule.fired");
  EXPECT_EQ(push.subject(), lead);
  EXPECT_EQ(push.Event()["data"]["lead"]["description"], "news");
  EXPECT_EQ(push.Event()["data"]["rule"], "rules/tell");
  EXPECT_TRUE(http::VerifyWebhook(secret_, push.id, push.time, push.signature, push.body, suite_->clock().Now()).ok());
  EXPECT_FALSE(
      http::VerifyWebhook(secret_, push.id, push.time, push.signature, push.body + " ", suite_->clock().Now()).ok());
  ASSERT_TRUE(Eventually([&] { return Deliveries(target, "state = DELIVERED").size() == 1; }));
  const WebhookDelivery delivery = Deliveries(target)[0];
  EXPECT_EQ(delivery.name(), target + "/deliveries/" + push.id);
  EXPECT_EQ(delivery.attempts(), 1);
  EXPECT_EQ(delivery.status_code(), 204);
  EXPECT_EQ(SettledRuns(1).at(0).results(0).resource(), delivery.name());

  automation::v1::RetryWebhookDeliveryRequest again;
  again.set_name(delivery.name());
  ASSERT_TRUE(Automation<WebhookDelivery>(again).ok());
  ASSERT_TRUE(receiver_.WaitForPushes(2));
  EXPECT_EQ(receiver_.pushes()[1].id, push.id);
  EXPECT_EQ(receiver_.pushes()[1].body, push.body);
}

TEST_F(WebhooksTest, ThoseOfALeadArriveInOrderAndOthersDoNotWait) {
  const std::string target = MakeTarget("crm", receiver_.uri());
  Install("tell", Calls(target));
  const std::string failing = CreateLead().name();
  const std::string fine = CreateLead().name();
  std::atomic<bool> refuse = true;
  receiver_.AnswerBy([&](const Webhook::Push& push) {
    return Webhook::Answer{.status = refuse && push.subject() == failing ? 500 : 204};
  });
  Describe(failing, "1");
  ASSERT_TRUE(receiver_.WaitForPushesOf(failing, 1));
  for (const char* text : {"2", "3"}) Describe(failing, text);
  Describe(fine, "a");
  ASSERT_TRUE(Eventually([&] {
    suite_->Advance(seconds(1));  // a webhook that has failed is left alone for a moment
    return receiver_.Of(fine).size() == 1;
  }));
  refuse = false;
  ASSERT_TRUE(Eventually([&] {
    suite_->Advance(seconds(10));
    return Deliveries(target, "state = DELIVERED").size() == 4;
  }));
  std::vector<std::string> arrived;
  for (const Webhook::Push& push : receiver_.Of(failing)) {
    const std::string event = push.Event()["data"]["eventId"];
    if (arrived.empty() || arrived.back() != event) arrived.push_back(event);
  }
  std::vector<std::string> in_order;
  for (const AutomationRun& run : Runs("lead = \"" + failing + "\"")) in_order.push_back(run.event_id());
  EXPECT_EQ(in_order.size(), 3u);
  std::sort(in_order.begin(), in_order.end());  // ids of events grow
  EXPECT_EQ(arrived, in_order);
}

TEST_F(WebhooksTest, OneThatAnswers500ForADayIsBoundedAndForThreeDisabledWithANotice) {
  Webhook fine_receiver;
  const std::string fine = MakeTarget("fine", fine_receiver.uri());
  const std::string broken = MakeTarget("broken", receiver_.uri());
  AddUser("chief", false, type::v1::ROLE_ADMIN);
  receiver_.AnswerWith({.status = 500, .body = "broken"});
  Install("to-broken", Calls(broken));
  Install("to-fine", Calls(fine, "pain"));
  std::vector<std::string> leads;
  for (int i = 0; i < 20; ++i) {
    leads.push_back(CreateLead().name());
    Describe(leads.back(), "x");
  }
  ASSERT_TRUE(Eventually([&] { return Deliveries(broken).size() == 20; }));
  // What has arrived is not written down yet: how long the webhook is left alone counts from there.
  const auto failures = [&] {
    return Sql("SELECT coalesce(max(count), 0)::bigint FROM automation.webhook_failure WHERE tenant_id = $1")[0].Int(0);
  };
  for (int hour = 0; hour < 24; ++hour) {
    const int64_t before = failures();
    suite_->Advance(hours(1));
    ASSERT_TRUE(Eventually([&] { return failures() > before; }));
  }
  // Twenty deliveries, each tried ever more seldom, one at a time while it fails.
  EXPECT_LE(receiver_.pushes().size(), 20u * 14);
  EXPECT_FALSE(GetTarget(broken).disabled());
  EXPECT_EQ(Deliveries(broken, "state = PENDING").size(), 20u);
  for (const auto& delivery : Deliveries(broken)) EXPECT_EQ(delivery.error().empty(), delivery.attempts() == 0);

  pipeline::v1::UpdateLeadRequest update;
  update.mutable_lead()->set_name(leads[0]);
  update.mutable_lead()->set_pain("p");
  update.mutable_update_mask()->add_paths("pain");
  Pipeline<Lead>(update);
  ASSERT_TRUE(fine_receiver.WaitForPushes(1));

  for (int hour = 0; hour < 60 && !GetTarget(broken).disabled(); ++hour) {
    suite_->Advance(hours(1));
    Eventually([&] { return GetTarget(broken).disabled(); }, std::chrono::milliseconds(400));
  }
  ASSERT_TRUE(GetTarget(broken).disabled());
  EXPECT_THAT(GetTarget(broken).disable_reason(), ::testing::StartsWith("it has failed since"));
  EXPECT_EQ(Deliveries(broken, "state = FAILED").size(), 20u);
  ASSERT_TRUE(Eventually([&] {
    pipeline::v1::ListNotificationsRequest request;
    request.set_parent("users/chief");
    const auto page =
        suite_->As(tenant_, type::v1::ROLE_ADMIN, "users/chief").Must<pipeline::v1::ListNotificationsResponse>(request);
    return page.notifications_size() == 1 &&
           page.notifications(0).text().find("webhooks/broken was disabled") != std::string::npos;
  }));
  Describe(leads[0], "later");
  ASSERT_TRUE(Eventually([&] { return Runs("state = SUCCEEDED").size() == 22; }));
  const auto last = Runs().back();
  EXPECT_EQ(last.results(0).outcome(), ActionResult::OUTCOME_SKIPPED);
  EXPECT_EQ(last.results(0).detail(), "webhooks/broken is disabled");
}

TEST_F(WebhooksTest, OneThatIsGoneIsDisabledAtOnce) {
  const std::string target = MakeTarget("gone", receiver_.uri());
  receiver_.AnswerWith({.status = 410});
  Install("tell", Calls(target));
  Describe(CreateLead().name(), "x");
  ASSERT_TRUE(Eventually([&] { return GetTarget(target).disabled(); }));
  EXPECT_EQ(GetTarget(target).disable_reason(), "it answered 410 Gone");
}

TEST_F(WebhooksTest, AnotherSystemSetsARuleOff) {
  Rule rule;
  auto& trigger = *rule.mutable_trigger()->mutable_webhook_received();
  trigger.set_lead_path("data.deal");
  trigger.set_external_id_system("erp");
  rule.set_condition("description != \"no\"");
  rule.add_actions()->mutable_set_priority()->set_priority(3);
  Install("called", rule);
  automation::v1::RotateRuleHookRequest rotate;
  rotate.set_name("rules/called");
  const auto hook = Automation<automation::v1::RotateRuleHookResponse>(rotate);
  ASSERT_TRUE(hook.ok()) << hook.status();
  Lead lead;
  auto& id = *lead.add_external_ids();
  id.set_system("erp");
  id.set_id("D-17");
  const std::string name = CreateLead(lead).name();

  const std::string secret = SecretOf(hook->secret());
  httplib::Client client("http://" + hook_address_);
  const auto call = [&](const std::string& message, const std::string& body, bool sign = true) {
    const std::string time = http::WebhookTimestamp(suite_->clock().Now());
    httplib::Headers headers = {{"webhook-id", message}, {"webhook-timestamp", time}};
    if (sign) headers.emplace("webhook-signature", http::WebhookSignature({secret}, message, time, body));
    const auto result = client.Post(hook->path(), headers, body, "application/json");
    EXPECT_TRUE(result) << httplib::to_string(result.error());
    return result ? std::pair(result->status, nlohmann::json::parse(result->body, nullptr, false))
                  : std::pair(0, nlohmann::json());
  };
  const std::string body = R"({"data": {"deal": "D-17"}})";
  EXPECT_EQ(call("m1", body, false).first, 401);
  EXPECT_EQ(call("m1", R"({"data": {}})").first, 400);
  EXPECT_EQ(call("m1", "no json").first, 400);
  EXPECT_EQ(call("m1", R"({"data": {"deal": "D-18"}})").first, 404);
  const auto [status, answer] = call("m1", body);
  EXPECT_EQ(status, 202);
  EXPECT_EQ(call("m1", body).second, answer);  // the same message, the same run
  const AutomationRun run = SettledRuns(1).at(0);
  EXPECT_EQ(run.name(), answer["run"]);
  EXPECT_EQ(run.state(), AutomationRun::STATE_SUCCEEDED) << run.DebugString();
  EXPECT_EQ(run.event_type(), "webhook.received");
  EXPECT_EQ(GetLead(name).priority(), 3);
  EXPECT_EQ(Runs().size(), 1u);
  EXPECT_EQ(client.Post("/hooks/00000000000000000000000000000000", body, "application/json")->status, 404);
  // A new address ends the old one.
  ASSERT_TRUE(Automation<automation::v1::RotateRuleHookResponse>(rotate).ok());
  EXPECT_EQ(call("m2", body).first, 404);
}

TEST_F(WebhooksTest, AddressesAreCheckedAndKeptFromOthers) {
  automation::v1::CreateWebhookRequest request;
  request.mutable_webhook()->set_display_name("x");
  request.mutable_webhook()->set_uri("ftp://example.com");
  EXPECT_THAT(BadFields(Automation<Target>(request).status()), ::testing::ElementsAre("webhook.uri"));
  const std::string target = MakeTarget("mine", receiver_.uri());
  const std::string other = suite_->NewTenant();
  automation::v1::GetWebhookRequest get;
  get.set_name(target);
  EXPECT_EQ(suite_->As(other, type::v1::ROLE_ADMIN, "users/admin", "automation").Call<Target>(get).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(suite_->As(tenant_, type::v1::ROLE_REP, "users/ada", "automation").Call<Target>(get).status().code(),
            absl::StatusCode::kPermissionDenied);
  automation::v1::RotateWebhookSecretRequest rotate;
  rotate.set_name(target);
  suite_->Advance(seconds(1));
  const auto again = Automation<automation::v1::RotateWebhookSecretResponse>(rotate);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(FromTimestamp(again->previous_expire_time()), suite_->clock().Now() + hours(24));
  automation::v1::RotateRuleHookRequest hook;
  hook.set_name("rules/lead-assignment");
  EXPECT_EQ(ReasonOf(Automation<automation::v1::RotateRuleHookResponse>(hook).status()), "NO_WEBHOOK");
}

TEST_F(WebhooksTest, ARotationThatIsRepeatedAnswersTheSameSecretWhichIsKeptInOnePlace) {
  using automation::v1::RotateWebhookSecretResponse;
  automation::v1::RotateWebhookSecretRequest request;
  request.set_name(MakeTarget("erp", receiver_.uri()));
  request.set_request_id(Uuid::V7(Clock::System().Now()).ToString());
  suite_->Advance(seconds(1));
  const auto first = Automation<RotateWebhookSecretResponse>(request);
  ASSERT_TRUE(first.ok()) << first.status();
  ExpectKeptWithout(request.request_id(), first->secret());
  suite_->Advance(seconds(1));
  const auto again = Automation<RotateWebhookSecretResponse>(request);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_THAT(*again, SameAs(*first));

  automation::v1::RotateWebhookSecretRequest later;
  later.set_name(request.name());
  for (int i = 0; i < 2; ++i) {
    suite_->Advance(seconds(1));
    const auto rotated = Automation<RotateWebhookSecretResponse>(later);
    ASSERT_TRUE(rotated.ok()) << rotated.status();
    EXPECT_NE(rotated->secret(), first->secret());
  }
  EXPECT_THAT(Automation<RotateWebhookSecretResponse>(request).status(),
              IsError(absl::StatusCode::kFailedPrecondition, "SECRET_REPLACED"));
  request.set_name(MakeTarget("other", receiver_.uri()));
  EXPECT_EQ(ReasonOf(Automation<RotateWebhookSecretResponse>(request).status()), "REQUEST_ID_REUSED");
}

TEST_F(WebhooksTest, ARuleIsGivenOneAddressAndSecretHoweverOftenItIsAsked) {
  using automation::v1::RotateRuleHookResponse;
  Rule rule;
  rule.mutable_trigger()->mutable_webhook_received();
  rule.add_actions()->mutable_stop();
  Install("called", rule);
  automation::v1::RotateRuleHookRequest request;
  request.set_name("rules/called");
  request.set_request_id(Uuid::V7(Clock::System().Now()).ToString());
  const auto first = Automation<RotateRuleHookResponse>(request);
  ASSERT_TRUE(first.ok()) << first.status();
  ExpectKeptWithout(request.request_id(), first->secret());
  ExpectKeptWithout(request.request_id(), first->path());
  const auto again = Automation<RotateRuleHookResponse>(request);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_THAT(*again, SameAs(*first));

  automation::v1::RotateRuleHookRequest later;
  later.set_name(request.name());
  const auto rotated = Automation<RotateRuleHookResponse>(later);
  ASSERT_TRUE(rotated.ok()) << rotated.status();
  EXPECT_NE(rotated->path(), first->path());
  EXPECT_NE(rotated->secret(), first->secret());
  EXPECT_THAT(Automation<RotateRuleHookResponse>(request).status(),
              IsError(absl::StatusCode::kFailedPrecondition, "SECRET_REPLACED"));
  request.set_name("rules/lead-assignment");
  EXPECT_EQ(ReasonOf(Automation<RotateRuleHookResponse>(request).status()), "REQUEST_ID_REUSED");
}

}  // namespace
}  // namespace embudo::testing
