// Templates and mails as their callers meet them.

#include "tests/integration/outbound/outbound_case.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kRequestId[] = "7f0d3e3a-4d2b-4c53-9a54-0d7f1c1f1a11";

class TemplatesTest : public OutboundCase {
 protected:
  static void SetUpTestSuite() { StartSuite({{"mail-domain-rate", "60"}}); }
  static void TearDownTestSuite() { StopSuite(); }

  automation::v1::CreateMailTemplateRequest Creating(const std::string& text) {
    automation::v1::CreateMailTemplateRequest create;
    create.set_mail_template_id("mine");
    create.mutable_mail_template()->set_display_name("Mine");
    create.mutable_mail_template()->set_subject("About {{lead.display_name}}");
    create.mutable_mail_template()->set_text_body(text);
    return create;
  }
  Caller Rep() { return suite_->As(tenant_, type::v1::ROLE_REP, "users/ana", "automation"); }
};

TEST_F(TemplatesTest, ATenantHasTheDefaults) {
  const auto page =
      automation_.Must<automation::v1::ListMailTemplatesResponse>(automation::v1::ListMailTemplatesRequest());
  EXPECT_THAT(page.mail_templates(), SizeIs(6));
  EXPECT_EQ(Rep()
                .Must<MailTemplate>([] {
                  automation::v1::GetMailTemplateRequest get;
                  get.set_name("mailTemplates/proposal");
                  return get;
                }())
                .display_name(),
            "Proposal with next steps");
}

TEST_F(TemplatesTest, ATemplateIsCheckedWhenItIsSaved) {
  const auto wrong = automation_.Call<MailTemplate>(Creating("Hi,\n{{lead.nmae}}"));
  EXPECT_THAT(wrong, IsError(StatusCode::kInvalidArgument, "INVALID_TEMPLATE"));
  EXPECT_THAT(BadFields(wrong.status()), ElementsAre("mail_template.text_body"));
  EXPECT_THAT(MessageOf(wrong.status()), HasSubstr("line 2, column 1"));
  EXPECT_THAT(Rep().Call<MailTemplate>(Creating("x")), IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));

  const auto unknown = automation_.Call<MailTemplate>(Creating("In {{lead.custom_fields.region}}"));
  EXPECT_THAT(unknown, IsError(StatusCode::kInvalidArgument, "INVALID_FIELD"));
  EXPECT_THAT(BadFields(unknown.status()), ElementsAre("mail_template.text_body"));

  auto create = Creating("Hi {{lead.contact_name}}");
  create.set_request_id(kRequestId);
  const auto made = automation_.Must<MailTemplate>(create);
  EXPECT_EQ(made.language(), "en");
  EXPECT_THAT(automation_.Must<MailTemplate>(create), SameAs(made));
  create.set_request_id("");
  EXPECT_THAT(automation_.Call<MailTemplate>(create), IsError(StatusCode::kAlreadyExists, "RESOURCE_EXISTS"));

  automation::v1::UpdateMailTemplateRequest update;
  update.mutable_mail_template()->set_name(made.name());
  update.mutable_mail_template()->set_html_body("{{lead.contact_name | shout}}");
  EXPECT_THAT(automation_.Call<MailTemplate>(update), IsError(StatusCode::kInvalidArgument, "INVALID_TEMPLATE"));
  update.mutable_mail_template()->set_html_body("<p>{{lead.contact_name}}</p>");
  update.mutable_mail_template()->set_etag(made.etag());
  EXPECT_NE(automation_.Must<MailTemplate>(update).etag(), made.etag());
  EXPECT_THAT(automation_.Call<MailTemplate>(update), IsError(StatusCode::kAborted, "STALE_ETAG"));

  const std::string other = suite_->NewTenant();
  automation::v1::GetMailTemplateRequest get;
  get.set_name(made.name());
  EXPECT_THAT(suite_->As(other, type::v1::ROLE_ADMIN, "users/x", "automation").Call<MailTemplate>(get),
              IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

TEST_F(TemplatesTest, APreviewIsWhatTheLeadWouldGet) {
  const Lead lead = MakeLead("ada@preview.test", MakeContact("ada@preview.test"));
  automation::v1::PreviewMailTemplateRequest preview;
  preview.set_lead(lead.name());
  preview.set_name("mailTemplates/first-outreach");
  const auto shown = Rep().Must<automation::v1::PreviewMailTemplateResponse>(preview);
  EXPECT_EQ(shown.subject(), "Your request: Ten looms");
  EXPECT_THAT(shown.text_body(), HasSubstr("Hello Ada,"));
  EXPECT_THAT(shown.text_body(), HasSubstr("Ana Pérez"));
  EXPECT_THAT(shown.html_body(), HasSubstr("https://example.com/u/"));
  EXPECT_THAT(shown.empty_placeholders(), IsEmpty());

  preview.clear_name();
  EXPECT_THAT(automation_.Call<automation::v1::PreviewMailTemplateResponse>(preview),
              IsError(StatusCode::kInvalidArgument, "INVALID_FIELD"));
  preview.mutable_mail_template()->set_display_name("x");
  preview.mutable_mail_template()->set_subject("{{object.partner_id.name}}");
  preview.mutable_mail_template()->set_text_body("{{lead.stage}} {{lead.phone}}");
  const auto inline_one = automation_.Must<automation::v1::PreviewMailTemplateResponse>(preview);
  EXPECT_EQ(inline_one.subject(), "Ada Lovelace");
  EXPECT_EQ(inline_one.text_body(), "New ");
  EXPECT_THAT(inline_one.empty_placeholders(), ElementsAre("lead.phone"));
  preview.set_lead("leads/00000000-0000-0000-0000-000000000000");
  EXPECT_THAT(automation_.Call<automation::v1::PreviewMailTemplateResponse>(preview),
              IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

TEST_F(TemplatesTest, AMailIsSentOnceForARequestAndCanBeCalledBack) {
  MakeTemplate("t", "s", "text");
  const Lead lead = MakeLead("ada@send.test");
  auto send = Sending(lead.name(), "t");
  send.set_validate_only(true);
  automation_.Must<Mail>(send);
  EXPECT_THAT(Messages(lead.name()), IsEmpty());
  send.set_validate_only(false);
  send.set_request_id(kRequestId);
  const Mail mail = Rep().Must<Mail>(send);
  EXPECT_EQ(mail.state(), Mail::STATE_QUEUED);
  EXPECT_THAT(mail.to_addresses(), ElementsAre("ada@send.test"));
  EXPECT_EQ(Rep().Must<Mail>(send).name(), mail.name());
  EXPECT_THAT(Messages(lead.name()), SizeIs(1));
  send.set_template_("mailTemplates/none");
  EXPECT_THAT(Rep().Call<Mail>(send), IsError(StatusCode::kInvalidArgument, "REQUEST_ID_REUSED"));
  send.set_request_id("");
  EXPECT_THAT(automation_.Call<Mail>(send), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  auto unreachable = Sending(MakeLead("").name(), "t");
  EXPECT_THAT(BadFields(automation_.Call<Mail>(unreachable).status()), ElementsAre("to_addresses"));

  automation::v1::CancelMailRequest cancel;
  cancel.set_name(mail.name());
  cancel.set_etag("stale");
  EXPECT_THAT(automation_.Call<Mail>(cancel), IsError(StatusCode::kAborted, "STALE_ETAG"));
  cancel.set_etag("");
  EXPECT_THAT(Rep().Call<Mail>(cancel), IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));
  EXPECT_EQ(automation_.Must<Mail>(cancel).state(), Mail::STATE_CANCELLED);
  // Without a mail server nobody else tells it.
  EXPECT_EQ(Messages(lead.name())[0].delivery_state(), Message::DELIVERY_STATE_FAILED);
  EXPECT_THAT(Messages(lead.name())[0].delivery_error(), ::testing::StartsWith("CANCELLED: called back"));
  EXPECT_THAT(automation_.Call<Mail>(cancel), IsError(StatusCode::kFailedPrecondition, "MAIL_NOT_WAITING"));

  automation::v1::ListMailsRequest list;
  list.set_filter("state = CANCELLED AND lead = \"" + lead.name() + "\"");
  EXPECT_THAT(automation_.Must<automation::v1::ListMailsResponse>(list).mails(), SizeIs(1));
  const std::string other = suite_->NewTenant();
  EXPECT_THAT(suite_->As(other, type::v1::ROLE_ADMIN, "users/x", "automation").Call<Mail>(cancel),
              IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

}  // namespace
}  // namespace embudo::testing
