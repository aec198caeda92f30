// How long services keep content and addresses: as long as the tenant says, by the suite's clock. What goes hourly goes
// when a service starts, too.

#include "embudo/automation/v1/mail_service.pb.h"
#include "embudo/automation/v1/rule_service.pb.h"
#include "embudo/capture/v1/capture_service.pb.h"
#include "embudo/capture/v1/mail_service.pb.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "embudo/pipeline/v1/retention_service.pb.h"
#include "tests/integration/tenancy/tenancy_case.h"

namespace embudo::testing {
namespace {

using pipeline::v1::RetentionSettings;
using std::chrono::days;

class KeepingTest : public TenancyCase {
 protected:
  static void Keep(const Tenant& tenant, int submission_days, int mail_days, int audit_days = 0) {
    pipeline::v1::UpdateRetentionSettingsRequest request;
    RetentionSettings& settings = *request.mutable_retention_settings();
    settings.set_name("retentionSettings/default");
    settings.set_submission_days(submission_days);
    settings.set_mail_days(mail_days);
    settings.set_audit_days(audit_days);
    tenant.pipeline.Must<RetentionSettings>(request);
  }

  Tenant tenant_;
  /// Wants nothing to go.
  Tenant keeper_;
};

/// With services of its own: others know capture by its address, which is another when it has started again.
class KeepingOfCaptureTest : public KeepingTest {};

TEST_F(KeepingOfCaptureTest, ContentOfWhatCameIn) {
  const auto receive = [](const Tenant& tenant) {
    const auto stream = tenant.capture.Stream("embudo.capture.v1.MailService/ReceiveMail");
    capture::v1::ReceiveMailRequest request;
    request.set_content("From: ada@example.com\r\nTo: hello@acme.test\r\nSubject: Engines\r\n\r\nI want one.\r\n");
    stream->Write(request);
    stream->WritesDone();
    capture::v1::ReceiveMailResponse response;
    EXPECT_TRUE(stream->Read(&response));
    EXPECT_TRUE(stream->Finish().ok());
    return response;
  };
  const auto kept = [](const Tenant& tenant) {
    return Number(tenant,
                  "SELECT count(*) FROM capture.submission s JOIN capture.submission_raw r USING (tenant_id,"
                  " submission_id) WHERE tenant_id = $1 AND length(r.bytes) > 0 AND length(s.request) > 0");
  };
  const auto response = receive(tenant_);
  receive(keeper_);
  Keep(tenant_, 180, 0);
  suite_->Advance(days(179));
  suite_->Restart("capture");
  tenant_ = Tenant{.id = tenant_.id};
  // A day on, another comes in.
  receive(tenant_);
  EXPECT_EQ(kept(tenant_), 2) << Text(
      tenant_,
      "SELECT string_agg(concat_ws(' ', s.create_time, s.state, s.outcome, length(s.request), length(r.bytes)), '; ')"
      " FROM capture.submission s LEFT JOIN capture.submission_raw r USING (tenant_id, submission_id)"
      " WHERE tenant_id = $1");
  suite_->Advance(days(2));
  suite_->Restart("capture");
  EXPECT_TRUE(Eventually([&] { return kept(tenant_) == 1; }));
  EXPECT_EQ(kept(keeper_), 1);
  // What became of it stays, and the lead.
  EXPECT_EQ(Text(tenant_, "SELECT outcome FROM capture.submission WHERE tenant_id = $1 ORDER BY create_time LIMIT 1"),
            "CREATED");
  pipeline::v1::GetLeadRequest get;
  get.set_name(response.lead());
  EXPECT_EQ(tenant_.pipeline.Must<Lead>(get).email(), "ada@example.com");
}

TEST_F(KeepingTest, AddressesOfMails) {
  for (const Tenant* tenant : {&tenant_, &keeper_}) {
    ASSERT_TRUE(AwaitDefaults(*tenant));
    capture::v1::UpdateMailSettingsRequest settings;
    settings.mutable_mail_settings()->set_name("mailSettings/default");
    settings.mutable_mail_settings()->set_mail_domain("acme.test");
    settings.mutable_mail_settings()->add_own_addresses("sales@acme.test");
    tenant->capture.Must<capture::v1::MailSettings>(settings);
    automation::v1::SendMailRequest send;
    send.set_lead(MakeLead(tenant->pipeline, "ada@kept.test").name());
    send.set_template_("mailTemplates/first-outreach");
    tenant->automation.Must<automation::v1::Mail>(send);
    ASSERT_TRUE(Eventually([&] {
      return Number(*tenant,
                    "SELECT count(*) FROM automation.mail WHERE tenant_id = $1 AND state = 'SENT' AND"
                    " next_attempt_time IS NULL") == 1;
    }));
  }
  const auto addresses = [](const Tenant& tenant) {
    return Text(tenant, "SELECT to_addresses::text FROM automation.mail WHERE tenant_id = $1");
  };
  Keep(tenant_, 0, 365);
  suite_->Advance(days(364));
  suite_->Restart("automation");
  EXPECT_EQ(addresses(tenant_), "{ada@kept.test}");
  suite_->Advance(days(2));
  suite_->Restart("automation");
  EXPECT_TRUE(Eventually([&] { return addresses(tenant_) == "{}"; })) << addresses(tenant_);
  EXPECT_EQ(addresses(keeper_), "{ada@kept.test}");
  // What was said stays in the conversation.
  EXPECT_EQ(Number(tenant_, "SELECT count(*) FROM pipeline.message WHERE tenant_id = $1 AND length(body) > 0"), 1);
}

TEST_F(KeepingTest, RunsOfRules) {
  ASSERT_TRUE(AwaitDefaults(tenant_));
  const auto make_rule = [&](const std::string& id, auto&& act) {
    automation::v1::CreateRuleRequest rule;
    rule.set_rule_id(id);
    rule.mutable_rule()->set_display_name(id);
    rule.mutable_rule()->set_enabled(true);
    rule.mutable_rule()->mutable_trigger()->mutable_lead_created();
    act(*rule.mutable_rule()->add_actions());
    tenant_.automation.Must<automation::v1::Rule>(rule);
  };
  make_rule("mark",
            [](auto& action) { (*action.mutable_update_fields()->mutable_fields())["pain"].set_string_value("x"); });
  make_rule("wait", [](auto& action) { action.mutable_wait()->mutable_duration()->set_seconds(86400 * 200); });
  MakeLead(tenant_.pipeline);
  const auto runs = [&](const std::string& state) {
    return Number(tenant_, "SELECT count(*) FROM automation.run WHERE tenant_id = $1 AND state = '" + state + "'");
  };
  ASSERT_TRUE(Eventually([&] { return runs("SUCCEEDED") == 1 && runs("WAITING") == 1; }));
  suite_->Advance(days(89));
  suite_->Restart("automation");
  ASSERT_TRUE(AwaitDefaults(tenant_));
  EXPECT_EQ(runs("SUCCEEDED"), 1);
  suite_->Advance(days(2));
  suite_->Restart("automation");
  EXPECT_TRUE(Eventually([&] { return runs("SUCCEEDED") == 0; }));
  EXPECT_EQ(runs("WAITING"), 1);
}

/// Of the pipeline service alone: others know it by its address.
TEST(KeepingOfPipelineTest, TheAuditLogAndPersonsOfLostLeads) {
  Suite suite({{"pipeline", pipeline::Bind, &pipeline::storage::Migrations()}});
  const std::string tenant = suite.NewTenant();
  const Caller admin = suite.As(tenant, type::v1::ROLE_ADMIN);
  pipeline::v1::UpdateRetentionSettingsRequest request;
  request.mutable_retention_settings()->set_name("retentionSettings/default");
  request.mutable_retention_settings()->set_audit_days(30);
  request.mutable_retention_settings()->set_lost_lead_days(60);
  admin.Must<RetentionSettings>(request);
  pipeline::v1::CreateLeadRequest create;
  create.mutable_lead()->set_display_name("Ten looms");
  create.mutable_lead()->set_email("ada@example.com");
  pipeline::v1::LoseLeadRequest lose;
  lose.set_name(admin.Must<Lead>(create).name());
  admin.Must<Lead>(lose);
  const auto count = [&](const std::string& what) {
    return suite.Query("SELECT count(*) FROM pipeline." + what, db::Params::Of(tenant))[0].Int(0);
  };
  const std::string entries = "audit_entry WHERE tenant_id = $1 AND method LIKE '%UpdateRetentionSettings'";
  const std::string persons = "lead WHERE tenant_id = $1 AND email = 'ada@example.com'";
  // Its answer came, so it is kept.
  EXPECT_EQ(count(entries), 1);
  suite.Advance(days(29));
  suite.Restart("pipeline");
  EXPECT_EQ(count(entries), 1);
  suite.Advance(days(2));
  suite.Restart("pipeline");
  EXPECT_TRUE(Eventually([&] { return count(entries) == 0; }));
  EXPECT_EQ(count(persons), 1);
  suite.Advance(days(30));
  suite.Restart("pipeline");
  EXPECT_TRUE(Eventually([&] { return count(persons) == 0; }));
}

}  // namespace
}  // namespace embudo::testing
