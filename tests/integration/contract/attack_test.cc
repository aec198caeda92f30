// The attack list: what somebody might try who has read the code, and the answer that it gets. Each line is printed.
// Another tenant's ids in every field of every request are AccessTest's AnotherTenantReachesNothing, calls without a
// token to every method its WithoutAGoodTokenNothingAnswers; raw bytes that are no message, slow clients and broken
// HTTP are common/rpc's and common/http's; here stands what a caller can say in proper words.

#include <cstdio>

#include "common/http/webhook_signature.h"
#include "common/testing/eventually.h"
#include "embudo/automation/v1/rule_service.pb.h"
#include "embudo/automation/v1/template_service.pb.h"
#include "embudo/automation/v1/webhook_service.pb.h"
#include "embudo/capture/v1/capture_service.pb.h"
#include "embudo/capture/v1/enrichment_service.pb.h"
#include "embudo/pipeline/v1/attachment_service.pb.h"
#include "embudo/pipeline/v1/contact_service.pb.h"
#include "embudo/pipeline/v1/event_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/subscription_service.pb.h"
#include "embudo/pipeline/v1/tenant_service.pb.h"
#include "embudo/reporting/v1/reporting_service.pb.h"
#include "tests/integration/contract/locked.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using nlohmann::json;
using type::v1::Lead;

class AttackTest : public AllServicesTest {
 protected:
  static void Print(const std::string& attack, const absl::Status& status) {
    std::printf("  %-58s %s %s\n", attack.c_str(), absl::StatusCodeToString(status.code()).c_str(),
                ReasonOf(status).c_str());
  }
  static void Expect(const std::string& attack, const absl::Status& status, StatusCode code,
                     const std::string& reason) {
    Print(attack, status);
    EXPECT_EQ(status.code(), code) << attack << ": " << status;
    EXPECT_EQ(ReasonOf(status), reason) << attack << ": " << status;
  }

  Caller Admin(const std::string& service = "pipeline") const {
    return suite_->As(tenant_, type::v1::ROLE_ADMIN, "users/admin", service);
  }
  Caller Other() const { return suite_->As(other_, type::v1::ROLE_ADMIN, "users/mallory"); }
  Lead CreateLead(const std::string& name, const std::string& email = "") const {
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name(name);
    request.mutable_lead()->set_email(email);
    return Admin().Must<Lead>(request);
  }

  const std::string tenant_ = suite_->NewTenant();
  const std::string other_ = suite_->NewTenant();
};

TEST_F(AttackTest, Tokens) {
  const SigningKey key;
  const SigningKey thief;
  const Locked locked("pipeline", pipeline::Bind, *suite_, key.jwks());
  const int64_t now = ToTimestamp(suite_->clock().Now()).seconds();
  const json good = {{"sub", "jane"}, {"aud", "embudo"},    {"iss", "idp"},     {"exp", now + 300},
                     {"iat", now},    {"roles", {"admin"}}, {"tenant", tenant_}};
  const auto call = [&](const std::string& token) {
    rpc::Client client({.target = locked.address(), .credentials = rpc::TokenCredentials(token)});
    pipeline::v1::GetTenantRequest request;
    request.set_name("tenants/" + tenant_);
    return client
        .Call<type::v1::Tenant>("embudo.pipeline.v1.TenantService/GetTenant", rpc::Identity(), request,
                                std::chrono::seconds(20))
        .status();
  };
  const auto with = [&](const char* claim, const json& value) {
    json claims = good;
    claims[claim] = value;
    return key.Sign(claims);
  };
  Expect("a good token, for comparison", call(key.Sign(good)), StatusCode::kOk, "");
  const auto refused = [&](const std::string& attack, const std::string& token, const std::string& reason) {
    Expect(attack, call(token), StatusCode::kUnauthenticated, reason);
  };
  const std::string token = key.Sign(good);
  const std::string head = token.substr(0, token.find('.'));
  const std::string signature = token.substr(token.rfind('.'));
  json admin_of_other = good;
  admin_of_other["tenant"] = other_;
  refused("claims changed under another token's signature", head + "." + SigningKey::Text(admin_of_other) + signature,
          "TOKEN_INVALID");
  const std::string stolen_kid = SigningKey::Text({{"alg", "ES256"}, {"kid", key.kid()}});
  const std::string forged = thief.Sign(good);
  refused("signed by another key", forged, "TOKEN_INVALID");
  refused("signed by another key under the true key's id", stolen_kid + forged.substr(forged.find('.')),
          "TOKEN_INVALID");
  refused("alg none, no signature", SigningKey::Text({{"alg", "none"}}) + "." + SigningKey::Text(good) + ".",
          "TOKEN_INVALID");
  refused("alg none, a signature of another",
          SigningKey::Text({{"alg", "none"}, {"kid", key.kid()}}) + "." + SigningKey::Text(good) + signature,
          "TOKEN_INVALID");
  refused("HS256 with the public key as secret",
          SigningKey::Text({{"alg", "HS256"}, {"kid", key.kid()}}) + "." + SigningKey::Text(good) + signature,
          "TOKEN_INVALID");
  refused("expired", with("exp", now - 3600), "TOKEN_EXPIRED");
  refused("of another audience", with("aud", "somebody-else"), "TOKEN_INVALID");
  refused("of another issuer", with("iss", "evil"), "TOKEN_INVALID");
  refused("no token at all", "", "TOKEN_MISSING");
  Expect("a token without a role", call(with("roles", json::array())), StatusCode::kPermissionDenied, "ROLE_REQUIRED");
  Expect("a token of no tenant", call(with("tenant", "")), StatusCode::kPermissionDenied, "TENANT_REQUIRED");
}

TEST_F(AttackTest, Input) {
  pipeline::v1::CreateLeadRequest create;
  create.mutable_lead()->set_display_name(std::string(5 << 20, 'x'));
  const absl::Status oversized = Admin().Call<Lead>(create).status();
  Print("a message of 5 MiB", oversized);
  EXPECT_EQ(oversized.code(), StatusCode::kResourceExhausted);
  create.mutable_lead()->set_display_name(std::string(10000, 'x'));
  Expect("a name of 10,000 letters", Admin().Call<Lead>(create).status(), StatusCode::kInvalidArgument,
         "INVALID_FIELD");
  pipeline::v1::ListLeadsRequest list;
  list.set_filter(std::string(1000, '(') + "state = OPEN" + std::string(1000, ')'));
  const absl::Status nested = Admin().Call<pipeline::v1::ListLeadsResponse>(list).status();
  Print("a filter of 1,000 parentheses in each other", nested);
  EXPECT_EQ(nested.code(), StatusCode::kInvalidArgument);
  // Actions have branches, which have actions.
  automation::v1::CreateRuleRequest rule;
  rule.mutable_rule()->set_display_name("deep");
  rule.mutable_rule()->mutable_trigger()->mutable_lead_created();
  auto* action = rule.mutable_rule()->add_actions();
  for (int depth = 0; depth < 200; ++depth) {
    action->mutable_branch()->set_condition("state = OPEN");
    action = action->mutable_branch()->add_then();
  }
  action->mutable_stop();
  const absl::Status deep = Admin("automation").Call<automation::v1::Rule>(rule).status();
  Print("a rule of 200 branches in each other", deep);
  EXPECT_EQ(deep.code(), StatusCode::kInvalidArgument);
  list.set_filter("display_name = \"x' OR '1'='1\"");
  const auto quoted = Admin().Call<pipeline::v1::ListLeadsResponse>(list);
  Print("SQL in a filter's text: it is text, and finds nothing", quoted.status());
  ASSERT_TRUE(quoted.ok());
  EXPECT_EQ(quoted->leads_size(), 0);
  list.set_filter("tenant_id = \"" + other_ + "\"");
  Expect("a filter by a column that is no field", Admin().Call<pipeline::v1::ListLeadsResponse>(list).status(),
         StatusCode::kInvalidArgument, "INVALID_FILTER");
  list.set_filter("");
  list.set_order_by("display_name; DROP TABLE pipeline.lead");
  const absl::Status ordered = Admin().Call<pipeline::v1::ListLeadsResponse>(list).status();
  Print("SQL in order_by", ordered);
  EXPECT_EQ(ordered.code(), StatusCode::kInvalidArgument);
}

TEST_F(AttackTest, HeadersAndTables) {
  pipeline::v1::CreateLeadRequest create;
  create.mutable_lead()->set_display_name("x");
  create.mutable_lead()->set_email("a@example.com\r\nBcc: victims@example.com");
  const absl::Status header = Admin().Call<Lead>(create).status();
  Print("a header in a mail address", header);
  EXPECT_EQ(header.code(), StatusCode::kInvalidArgument);

  // What a spreadsheet would take for a formula.
  create.mutable_lead()->set_email("formula@example.com");
  create.mutable_lead()->set_industry("=HYPERLINK(\"http://evil.example\")");
  Admin().Must<Lead>(create);
  reporting::v1::ExportReportRequest report;
  report.mutable_pipeline()->add_group_by("industry");
  std::string csv;
  EXPECT_TRUE(Eventually([&] {
    const auto stream = Admin("reporting").Stream("embudo.reporting.v1.ReportingService/ExportReport");
    stream->Write(report);
    stream->WritesDone();
    csv.clear();
    for (reporting::v1::ExportReportResponse piece; stream->Read(&piece);) csv += piece.csv();
    return csv.find("HYPERLINK") != std::string::npos;
  })) << csv;
  std::printf("  %-58s %s\n", "a formula in a report as CSV", csv.substr(csv.find("HYPERLINK") - 4, 14).c_str());
  EXPECT_NE(csv.find("'=HYPERLINK"), std::string::npos) << csv;
}

TEST_F(AttackTest, CalledAddresses) {
  for (const char* uri :
       {"http://127.0.0.1:7001/", "http://169.254.169.254/latest/meta-data/", "http://[::1]/", "http://0x7f000001/",
        "http://10.0.0.1/x", "http://[::ffff:192.168.0.1]/", "file:///etc/passwd", "gopher://example.com/"}) {
    pipeline::v1::CreateSubscriptionRequest push;
    push.set_subscription_id("s");
    push.mutable_subscription()->set_display_name("x");
    push.mutable_subscription()->set_push_uri(uri);
    push.mutable_subscription()->set_start(type::v1::Subscription::START_LATEST);
    const absl::Status pushed = Admin().Call<type::v1::Subscription>(push).status();
    Print(std::string("events pushed to ") + uri, pushed);
    EXPECT_EQ(pushed.code(), StatusCode::kInvalidArgument) << uri;
    automation::v1::CreateWebhookRequest hook;
    hook.mutable_webhook()->set_display_name("x");
    hook.mutable_webhook()->set_uri(uri);
    const absl::Status called = Admin("automation").Call<automation::v1::Webhook>(hook).status();
    Print(std::string("a rule that calls ") + uri, called);
    EXPECT_EQ(called.code(), StatusCode::kInvalidArgument) << uri;
    capture::v1::CreateEnrichmentProviderRequest provider;
    provider.mutable_enrichment_provider()->set_display_name("x");
    provider.mutable_enrichment_provider()->mutable_http()->set_uri(std::string(uri) + "?of={domain}");
    auto& answer = *provider.mutable_enrichment_provider()->add_fields();
    answer.set_source("company.name");
    answer.set_field("company_name");
    const absl::Status asked = Admin("capture").Call<capture::v1::EnrichmentProvider>(provider).status();
    Print(std::string("enrichment that asks ") + uri, asked);
    EXPECT_EQ(asked.code(), StatusCode::kInvalidArgument) << uri;
    // For the address, and for nothing else.
    EXPECT_THAT(BadFields(pushed), ::testing::ElementsAre("subscription.push_uri")) << pushed;
    EXPECT_THAT(BadFields(called), ::testing::ElementsAre("webhook.uri")) << called;
    EXPECT_THAT(BadFields(asked), ::testing::ElementsAre("enrichment_provider.http.uri")) << asked;
  }
}

TEST_F(AttackTest, WhatWasHeardOrStolen) {
  const Time now = suite_->clock().Now();
  const std::string secret(32, 's');
  const auto verify = [&](Time sent, const std::string& body, const std::string& signed_body) {
    const std::string time = http::WebhookTimestamp(sent);
    return http::VerifyWebhook(secret, "msg_1", time, http::WebhookSignature({secret}, "msg_1", time, signed_body),
                               body, now);
  };
  Expect("a webhook, for comparison", verify(now, "{}", "{}"), StatusCode::kOk, "");
  Expect("a webhook replayed after six minutes", verify(now - std::chrono::minutes(6), "{}", "{}"),
         StatusCode::kUnauthenticated, "TIMESTAMP_OUT_OF_RANGE");
  Expect("a webhook of which the body was changed", verify(now, "{\"a\":1}", "{}"), StatusCode::kUnauthenticated,
         "SIGNATURE_WRONG");

  for (int i = 0; i < 3; ++i) CreateLead("lead " + std::to_string(i));
  pipeline::v1::ListLeadsRequest list;
  list.set_page_size(1);
  const auto page = Admin().Must<pipeline::v1::ListLeadsResponse>(list);
  list.set_page_token(page.next_page_token());
  Expect("a page token of another tenant", Other().Call<pipeline::v1::ListLeadsResponse>(list).status(),
         StatusCode::kInvalidArgument, "PAGE_TOKEN_MISMATCH");
  list.set_filter("state = OPEN");
  Expect("a page token under another filter", Admin().Call<pipeline::v1::ListLeadsResponse>(list).status(),
         StatusCode::kInvalidArgument, "PAGE_TOKEN_MISMATCH");

  const std::string tail = "embudo.pipeline.v1.EventService/Tail";
  pipeline::v1::TailRequest start;
  start.mutable_start()->set_position(pipeline::v1::TailStart::POSITION_LATEST);
  pipeline::v1::TailResponse response;
  std::string cursor;
  {
    const auto stream = Admin().Stream(tail);
    stream->Write(start);
    while (cursor.empty() && stream->Read(&response)) cursor = response.cursor();
    stream->Cancel();
  }
  ASSERT_FALSE(cursor.empty());
  const auto use = [&](const Caller& caller, const std::string& stolen) {
    const auto stream = caller.Stream(tail);
    pipeline::v1::TailRequest request;
    request.mutable_start()->set_cursor(stolen);
    stream->Write(request);
    return stream->Finish();
  };
  Expect("an event cursor of another tenant", use(Other(), cursor), StatusCode::kInvalidArgument, "INVALID_CURSOR");
  cursor[5] = cursor[5] == 'A' ? 'B' : 'A';
  Expect("an event cursor that was changed", use(Admin(), cursor), StatusCode::kInvalidArgument, "INVALID_CURSOR");
}

TEST_F(AttackTest, ACallerWhoClaimsToBeTheInstallation) {
  const rpc::Identity nobody = suite_->As("-", type::v1::ROLE_ADMIN, "users/mallory").identity();
  pipeline::v1::ListLeadsRequest list;
  Expect("the installation's caller asks for a tenant's records",
         Caller(suite_->client(), nobody).Call<pipeline::v1::ListLeadsResponse>(list).status(),
         StatusCode::kPermissionDenied, "TENANT_REQUIRED");
}

}  // namespace
}  // namespace embudo::testing
