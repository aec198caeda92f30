// What the add-ins of mail programs call.

#include "embudo/capture/v1/add_in_service.pb.h"
#include "tests/integration/capture/mail_case.h"

namespace embudo::testing {
namespace {

using capture::v1::CreateLeadFromEmailRequest;
using capture::v1::CreateLeadFromEmailResponse;
using capture::v1::LogEmailRequest;
using capture::v1::LookUpSenderRequest;
using capture::v1::LookUpSenderResponse;
using ::testing::SizeIs;

class MailAddInTest : public MailTest {
 protected:
  /// From here on a rep calls, who sees own leads only.
  void ActAs(const std::string& user) {
    admin_.roles = {type::v1::ROLE_ADMIN};
    pipeline::v1::CreateUserRequest request;
    request.mutable_user()->set_display_name(user);
    request.mutable_user()->set_email(user + "@acme.test");
    request.mutable_user()->set_visibility(type::v1::User::VISIBILITY_OWN);
    request.set_user_id(user);
    Pipeline<type::v1::User>("TeamService/CreateUser", request);
    admin_.actor = "users/" + user;
    admin_.roles = {type::v1::ROLE_REP};
  }
};

TEST_F(MailAddInTest, OneCallMakesALeadOfAMail) {
  ActAs("bea");
  CreateLeadFromEmailRequest request;
  request.mutable_email()->set_raw(Mail("1@example.com", "", "I want an engine."));
  const auto made = Capture<CreateLeadFromEmailResponse>("AddInService/CreateLeadFromEmail", request);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->outcome(), Submission::OUTCOME_CREATED);
  EXPECT_EQ(GetLead(made->lead()).owner(), "users/bea");
  const Message message = GetMessage(made->message());
  EXPECT_EQ(message.body(), "I want an engine.");
  EXPECT_EQ(message.from_address(), "Ada Lovelace <ada@example.com>");

  LookUpSenderRequest look;
  look.set_address("Ada <ADA@example.com>");
  const auto found = Capture<LookUpSenderResponse>("AddInService/LookUpSender", look);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->open_leads_size(), 1);
  EXPECT_EQ(found->open_leads(0).name(), made->lead());
  ASSERT_EQ(found->last_messages_size(), 1);
  EXPECT_EQ(found->last_messages(0).name(), made->message());
}

TEST_F(MailAddInTest, TheContactAndItsCompanyAreFound) {
  pipeline::v1::CreateContactRequest create;
  create.mutable_contact()->set_display_name("Acme");
  create.mutable_contact()->set_kind(type::v1::Contact::KIND_COMPANY);
  const auto company = Pipeline<type::v1::Contact>("ContactService/CreateContact", create);
  create.Clear();
  create.mutable_contact()->set_display_name("Ada");
  create.mutable_contact()->set_kind(type::v1::Contact::KIND_PERSON);
  create.mutable_contact()->set_email("ada@example.com");
  create.mutable_contact()->set_company(company.name());
  const auto person = Pipeline<type::v1::Contact>("ContactService/CreateContact", create);
  LookUpSenderRequest look;
  look.set_address("ada@example.com");
  const auto found = Capture<LookUpSenderResponse>("AddInService/LookUpSender", look);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->contact().name(), person.name());
  EXPECT_EQ(found->company().name(), company.name());
  look.set_address("nobody@example.com");
  EXPECT_EQ(Capture<LookUpSenderResponse>("AddInService/LookUpSender", look)->ByteSizeLong(), 0u);
  look.set_address("no address");
  EXPECT_EQ(ReasonOf(Capture<LookUpSenderResponse>("AddInService/LookUpSender", look).status()), "INVALID_FIELD");
}

TEST_F(MailAddInTest, AMailIsLoggedOnceAndOnlyWhereTheCallerMay) {
  const std::string hidden = CaptureLead(ByEmail("joseph@example.com")).lead();
  ActAs("bea");
  CreateLeadFromEmailRequest create;
  create.mutable_email()->mutable_fields()->set_from("Eva <eva@example.com>");
  create.mutable_email()->mutable_fields()->set_subject("Looms");
  create.mutable_email()->mutable_fields()->set_html("<p>Twelve <i>looms</i></p>");
  const auto own = Capture<CreateLeadFromEmailResponse>("AddInService/CreateLeadFromEmail", create);
  ASSERT_TRUE(own.ok()) << own.status();
  LogEmailRequest request;
  request.set_lead(own->lead());
  auto& fields = *request.mutable_email()->mutable_fields();
  fields.set_message_id("<9@example.com>");
  fields.set_from("bea@acme.test");
  fields.add_to("eva@example.com");
  fields.set_subject("Re: Looms");
  fields.set_text("Here they are.");
  const auto logged = Capture<Message>("AddInService/LogEmail", request);
  ASSERT_TRUE(logged.ok()) << logged.status();
  EXPECT_EQ(logged->internet_message_id(), "9@example.com");
  const auto again = Capture<Message>("AddInService/LogEmail", request);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->name(), logged->name());
  EXPECT_THAT(MessagesOf(own->lead()), SizeIs(2));
  request.set_lead(hidden);
  fields.set_message_id("<10@example.com>");
  EXPECT_EQ(Capture<Message>("AddInService/LogEmail", request).status().code(), absl::StatusCode::kNotFound);
  request.clear_email();
  EXPECT_EQ(Capture<Message>("AddInService/LogEmail", request).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace embudo::testing
