// What works without a caller stands still for a suspended tenant, and goes on when it is resumed. Beside it another
// tenant has the same work, which comes later and is done before: so the queue had its turn, and passed the first over.

#include "embudo/automation/v1/assignment_service.pb.h"
#include "embudo/automation/v1/mail_service.pb.h"
#include "embudo/automation/v1/rule_service.pb.h"
#include "embudo/automation/v1/template_service.pb.h"
#include "embudo/automation/v1/webhook_service.pb.h"
#include "embudo/capture/v1/import_service.pb.h"
#include "embudo/capture/v1/mail_service.pb.h"
#include "embudo/pipeline/v1/subscription_service.pb.h"
#include "embudo/scoring/v1/training_service.pb.h"
#include "google/longrunning/operations.pb.h"
#include "tests/integration/capture/dovecot.h"
#include "tests/integration/pipeline/webhook.h"
#include "tests/integration/tenancy/tenancy_case.h"

namespace embudo::testing {
namespace {

using automation::v1::Rule;
using google::longrunning::Operation;
using std::chrono::hours;
using std::chrono::seconds;

class SuspendedTest : public TenancyCase {
 protected:
  Tenant waiting_;
  Tenant beside_;
};

TEST_F(SuspendedTest, Mails) {
  for (const Tenant* tenant : {&waiting_, &beside_}) {
    ASSERT_TRUE(AwaitDefaults(*tenant));
    capture::v1::UpdateMailSettingsRequest settings;
    settings.mutable_mail_settings()->set_name("mailSettings/default");
    settings.mutable_mail_settings()->set_mail_domain("acme.test");
    settings.mutable_mail_settings()->add_own_addresses("sales@acme.test");
    tenant->capture.Must<capture::v1::MailSettings>(settings);
  }
  const auto send = [](const Caller& caller, const std::string& lead) {
    automation::v1::SendMailRequest request;
    request.set_lead(lead);
    request.set_template_("mailTemplates/first-outreach");
    return caller.Must<automation::v1::Mail>(request).name();
  };
  const std::string lead = MakeLead(waiting_.pipeline, "ada@waits.test").name();
  Suspend(waiting_);
  send(waiting_.Own("automation"), lead);
  send(beside_.automation, MakeLead(beside_.pipeline, "bob@beside.test").name());
  ASSERT_TRUE(Eventually([&] { return server_->MailsTo("bob@beside.test").size() == 1; }));
  EXPECT_EQ(server_->MailsTo("ada@waits.test").size(), 0u);
  EXPECT_EQ(Number(waiting_, "SELECT sum(attempts)::bigint FROM automation.mail WHERE tenant_id = $1"), 0);
  Resume(waiting_);
  EXPECT_TRUE(Eventually([&] { return server_->MailsTo("ada@waits.test").size() == 1; }));
}

TEST_F(SuspendedTest, CallsOfWebhooks) {
  Webhook away;
  Webhook there;
  away.AnswerWith({.status = 503});
  const auto call_for = [](const Tenant& tenant, const Webhook& webhook) {
    ASSERT_TRUE(AwaitDefaults(tenant));
    automation::v1::CreateWebhookRequest create;
    create.set_webhook_id("crm");
    create.mutable_webhook()->set_display_name("CRM");
    create.mutable_webhook()->set_uri(webhook.uri());
    tenant.automation.Must<automation::v1::Webhook>(create);
    automation::v1::RotateWebhookSecretRequest rotate;
    rotate.set_name("webhooks/crm");
    tenant.automation.Must<automation::v1::RotateWebhookSecretResponse>(rotate);
    automation::v1::CreateRuleRequest rule;
    rule.set_rule_id("tell");
    rule.mutable_rule()->set_display_name("Tell");
    rule.mutable_rule()->set_enabled(true);
    rule.mutable_rule()->mutable_trigger()->mutable_lead_created();
    rule.mutable_rule()->add_actions()->mutable_call_webhook()->set_webhook("webhooks/crm");
    tenant.automation.Must<Rule>(rule);
  };
  call_for(waiting_, away);
  call_for(beside_, there);
  MakeLead(waiting_.pipeline);
  ASSERT_TRUE(away.WaitForPushes(1));
  ASSERT_TRUE(Eventually([&] {
    return Number(waiting_,
                  "SELECT count(*) FROM automation.webhook_delivery WHERE tenant_id = $1 AND attempts = 1 AND"
                  " next_attempt_time > '" +
                      FormatTime(suite_->clock().Now()) + "'") == 1;
  }));
  Suspend(waiting_);
  away.AnswerWith({});
  suite_->Advance(hours(5));  // longer than any pause
  MakeLead(beside_.pipeline);
  ASSERT_TRUE(there.WaitForPushes(1));
  EXPECT_EQ(away.pushes().size(), 1u);
  Resume(waiting_);
  EXPECT_TRUE(away.WaitForPushes(2));
}

TEST_F(SuspendedTest, Pushes) {
  Webhook first;
  Webhook second;
  const auto subscribe = [](const Tenant& tenant, const Webhook& webhook) {
    pipeline::v1::CreateSubscriptionRequest request;
    auto& subscription = *request.mutable_subscription();
    subscription.set_display_name("Accounting");
    subscription.set_start(type::v1::Subscription::START_LATEST);
    subscription.set_filter(R"(type = "lead.created")");
    subscription.set_push_uri(webhook.uri());
    std::string name = tenant.pipeline.Must<type::v1::Subscription>(request).name();
    pipeline::v1::RotateSubscriptionSecretRequest rotate;
    rotate.set_name(name);
    tenant.pipeline.Must<pipeline::v1::RotateSubscriptionSecretResponse>(rotate);
    return name;
  };
  const auto pushed_by = [](const Caller& caller, const std::string& name, int workers) {
    pipeline::v1::GetSubscriptionStatsRequest request;
    request.set_name(name);
    return Eventually([&] { return caller.Must<pipeline::v1::SubscriptionStats>(request).worker_count() == workers; });
  };
  const std::string name = subscribe(waiting_, first);
  ASSERT_TRUE(pushed_by(waiting_.pipeline, name, 1));
  ASSERT_TRUE(pushed_by(beside_.pipeline, subscribe(beside_, second), 1));
  Suspend(waiting_);
  ASSERT_TRUE(pushed_by(waiting_.Own("pipeline"), name, 0));
  const std::string late = MakeLead(waiting_.Own("pipeline")).name();
  const std::string beside = MakeLead(beside_.pipeline).name();
  ASSERT_TRUE(second.WaitForPushesOf(beside, 1));
  EXPECT_EQ(first.Of(late).size(), 0u);
  Resume(waiting_);
  EXPECT_TRUE(first.WaitForPushesOf(late, 1));
}

TEST_F(SuspendedTest, AnImportUnderWay) {
  constexpr int kRows = 400;
  const auto import = [](const Tenant& tenant, int rows) {
    const auto stream = tenant.capture.Stream("embudo.capture.v1.ImportService/UploadFile");
    capture::v1::UploadFileRequest part;
    part.mutable_metadata()->set_filename("leads.csv");
    stream->Write(part);
    std::string csv = "id,title\n";
    for (int i = 0; i < rows; ++i) csv += std::to_string(i) + ",Ten looms\n";
    part.set_chunk(csv);
    stream->Write(part);
    stream->WritesDone();
    capture::v1::File file;
    EXPECT_TRUE(stream->Read(&file));
    EXPECT_TRUE(stream->Finish().ok());
    capture::v1::ImportLeadsRequest request;
    request.set_file(file.name());
    request.mutable_mapping()->set_target(capture::v1::ImportMapping::TARGET_LEAD);
    request.mutable_mapping()->set_system("crm");
    request.mutable_mapping()->set_id_column("id");
    auto& column = *request.mutable_mapping()->add_columns();
    column.set_column("title");
    column.set_field("display_name");
    tenant.capture.Must<Operation>(request);
  };
  const auto figure = [](const Tenant& tenant, const std::string& what) {
    return Text(tenant, "SELECT (" + what + ")::text FROM capture.import_job WHERE tenant_id = $1");
  };
  import(waiting_, kRows);
  ASSERT_TRUE(Eventually([&] { return figure(waiting_, "position > 0") == "true"; }));
  Suspend(waiting_);
  ASSERT_TRUE(Eventually([&] { return figure(waiting_, "lease_owner = ''") == "true"; }));
  EXPECT_EQ(figure(waiting_, "state"), "RUNNING");
  const std::string position = figure(waiting_, "position");
  EXPECT_LT(std::stoi(position), kRows);
  import(beside_, 3);
  ASSERT_TRUE(Eventually([&] { return figure(beside_, "state") == "SUCCEEDED"; }));
  EXPECT_EQ(figure(waiting_, "position"), position);
  Resume(waiting_);
  ASSERT_TRUE(Eventually([&] { return figure(waiting_, "state") == "SUCCEEDED"; }, seconds(120)));
  EXPECT_EQ(Number(waiting_, "SELECT count(*) FROM pipeline.lead WHERE tenant_id = $1"), kRows);
  EXPECT_EQ(Number(waiting_, "SELECT count(*) FROM capture.import_refusal WHERE tenant_id = $1"), 0);
}

TEST_F(SuspendedTest, Mailboxes) {
  Dovecot dovecot;
  const auto mail = [](const std::string& from) {
    return "From: " + from + "\r\nTo: hello@acme.test\r\nSubject: Engines\r\nMessage-ID: <1." + from +
           ">\r\n\r\nI want one.\r\n";
  };
  const auto leads = [](const Tenant& tenant) {
    return Number(tenant, "SELECT count(*) FROM pipeline.lead WHERE tenant_id = $1");
  };
  for (const Tenant* tenant : {&waiting_, &beside_}) {
    std::filesystem::create_directories(files_->path() / tenant->id);
    std::ofstream(files_->path() / tenant->id / "password") << "secret\n";
    dovecot.Deliver(tenant->id, mail("a@example.com"));
    capture::v1::CreateMailboxRequest request;
    request.set_mailbox_id("sales");
    auto& mailbox = *request.mutable_mailbox();
    mailbox.set_display_name("Sales");
    mailbox.set_host("127.0.0.1");
    mailbox.set_port(dovecot.port());
    mailbox.set_tls(capture::v1::Mailbox::TLS_NONE);
    mailbox.set_username(tenant->id);
    mailbox.set_password_file("password");
    mailbox.set_poll_seconds(60);
    tenant->capture.Must<capture::v1::Mailbox>(request);
  }
  const auto read = [&](const Tenant& tenant, int64_t count) {
    return leads(tenant) == count &&
           Number(tenant, "SELECT count(*) FROM capture.mailbox WHERE tenant_id = $1 AND lease_owner = ''") == 1;
  };
  ASSERT_TRUE(Eventually([&] { return read(waiting_, 1) && read(beside_, 1); }));
  Suspend(waiting_);
  dovecot.Deliver(waiting_.id, mail("b@example.com"));
  dovecot.Deliver(beside_.id, mail("b@example.com"));
  suite_->Advance(seconds(61));
  ASSERT_TRUE(Eventually([&] { return read(beside_, 2); }));
  EXPECT_EQ(leads(waiting_), 1);
  EXPECT_EQ(dovecot.Count(waiting_.id, "", /*seen_only=*/true), 1);
  Resume(waiting_);
  EXPECT_TRUE(Eventually([&] { return read(waiting_, 2); }));
}

TEST_F(SuspendedTest, Trainings) {
  const auto state = [](const Tenant& tenant) {
    return Text(tenant, "SELECT state FROM scoring.job WHERE tenant_id = $1");
  };
  const scoring::v1::StartTrainingRequest train;
  Suspend(waiting_);
  waiting_.Own("scoring").Must<Operation>(train);
  beside_.scoring.Must<Operation>(train);
  ASSERT_TRUE(Eventually([&] { return state(beside_) == "SUCCEEDED"; }));
  EXPECT_EQ(state(waiting_), "QUEUED");
  Resume(waiting_);
  EXPECT_TRUE(Eventually([&] { return state(waiting_) == "SUCCEEDED"; }));
}

TEST_F(SuspendedTest, Scores) {
  const auto scored = [](const Tenant& tenant) {
    return Number(tenant, "SELECT count(*) FROM scoring.pending WHERE tenant_id = $1") == 0 &&
           Number(tenant, "SELECT count(*) FROM scoring.lead WHERE tenant_id = $1") == 1;
  };
  Suspend(waiting_);
  MakeLead(waiting_.Own("pipeline"));
  ASSERT_TRUE(
      Eventually([&] { return Number(waiting_, "SELECT count(*) FROM scoring.pending WHERE tenant_id = $1") == 1; }));
  MakeLead(beside_.pipeline);
  ASSERT_TRUE(Eventually([&] { return scored(beside_); }));
  EXPECT_FALSE(scored(waiting_));
  Resume(waiting_);
  EXPECT_TRUE(Eventually([&] { return scored(waiting_); }));
}

TEST_F(SuspendedTest, RulesThatATimeSetsOff) {
  const auto runs = [](const Tenant& tenant) {
    return Number(tenant, "SELECT count(*) FROM automation.run WHERE tenant_id = $1");
  };
  for (const Tenant* tenant : {&waiting_, &beside_}) {
    ASSERT_TRUE(AwaitDefaults(*tenant));
    MakeLead(tenant->pipeline);
    automation::v1::CreateRuleRequest rule;
    rule.set_rule_id("weekly");
    rule.mutable_rule()->set_display_name("Weekly");
    rule.mutable_rule()->set_enabled(true);
    rule.mutable_rule()->set_condition("state = OPEN");
    rule.mutable_rule()->mutable_trigger()->mutable_schedule()->set_cron("0 12 * * *");
    (*rule.mutable_rule()->add_actions()->mutable_update_fields()->mutable_fields())["pain"].set_string_value("old");
    tenant->automation.Must<Rule>(rule);
  }
  Suspend(waiting_);
  suite_->Advance(hours(24));
  ASSERT_TRUE(Eventually([&] { return runs(beside_) == 1; }));
  EXPECT_EQ(runs(waiting_), 0);
  Resume(waiting_);
  EXPECT_TRUE(Eventually([&] { return runs(waiting_) == 1; }));
}

TEST_F(SuspendedTest, BulkAssignments) {
  const auto state = [](const Tenant& tenant) {
    return Text(tenant, "SELECT state FROM automation.operation WHERE tenant_id = $1");
  };
  const automation::v1::AssignLeadsRequest assign;
  Suspend(waiting_);
  waiting_.Own("automation").Must<Operation>(assign);
  beside_.automation.Must<Operation>(assign);
  ASSERT_TRUE(Eventually([&] { return state(beside_) == "SUCCEEDED"; }));
  EXPECT_EQ(state(waiting_), "QUEUED");
  Resume(waiting_);
  EXPECT_TRUE(Eventually([&] { return state(waiting_) == "SUCCEEDED"; }));
}

}  // namespace
}  // namespace embudo::testing
