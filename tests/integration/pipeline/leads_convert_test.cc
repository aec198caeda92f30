// ConvertLead: the way from an unqualified lead to an opportunity with its customer; deleting and bringing back;
// following.

#include <set>
#include <thread>

#include "services/pipeline/events/maintenance.h"
#include "tests/integration/pipeline/lead_case.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::ConvertLeadRequest;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using type::v1::Contact;
using type::v1::Lead;

class ConvertTest : public LeadCase {
 protected:
  static void FillCustomer(Lead& lead) {
    lead.set_contact_name("Ada Frase");
    lead.set_company_name("Acme Inc.");
    lead.set_email("ada@acme.example");
    lead.set_phone("+12025550123");
    lead.set_job_title("CTO");
    lead.set_website("https://www.acme.example/about");
    lead.set_industry("Robots");
    lead.set_headcount(120);
    lead.set_country("US");
  }
  Contact CreateContact(const std::string& name, Contact::Kind kind, const std::function<void(Contact&)>& fill) const {
    pipeline::v1::CreateContactRequest request;
    request.mutable_contact()->set_display_name(name);
    request.mutable_contact()->set_kind(kind);
    fill(*request.mutable_contact());
    return admin_.Must<Contact>(request);
  }
  Contact GetContact(const std::string& name) const {
    pipeline::v1::GetContactRequest request;
    request.set_name(name);
    return admin_.Must<Contact>(request);
  }
  Lead Convert(const std::string& name, ConvertLeadRequest::CustomerMode mode = {}) const {
    const auto lead = Do<ConvertLeadRequest>(name, [&](auto& request) { request.set_customer_mode(mode); });
    EXPECT_TRUE(lead.ok()) << lead.status();
    return lead.ok() ? *lead : Lead();
  }
};

TEST_F(ConvertTest, ThoseThatConvertAtOnceMakeOneCustomer) {
  std::vector<std::string> leads;
  for (int i = 0; i < 8; ++i) leads.push_back(CreateUnqualified(FillCustomer).name());
  std::vector<std::thread> threads;
  for (const std::string& lead : leads) threads.emplace_back([&, lead] { Convert(lead); });
  for (std::thread& thread : threads) thread.join();
  std::set<std::pair<std::string, std::string>> customers;
  for (const std::string& name : leads) {
    const Lead lead = GetLead(name);
    customers.emplace(lead.contact(), lead.company());
  }
  EXPECT_EQ(customers.size(), 1u);
  const db::Result rows =
      suite().Query("SELECT count(*) FROM pipeline.contact WHERE tenant_id = $1", db::Params::Of(tenant_));
  EXPECT_EQ(rows[0].Int(0), 2);
}

TEST_F(ConvertTest, MakesThePersonAndTheCompanyInOneStep) {
  const Lead before = CreateUnqualified(FillCustomer);
  EXPECT_EQ(before.lead_status(), Lead::LEAD_STATUS_NEW);
  suite().Advance(std::chrono::hours(2));
  const Lead lead = Convert(before.name());
  EXPECT_EQ(lead.kind(), Lead::KIND_OPPORTUNITY);
  EXPECT_EQ(lead.lead_status(), Lead::LEAD_STATUS_UNSPECIFIED);
  EXPECT_EQ(lead.stage(), kNew);
  EXPECT_EQ(FromTimestamp(lead.convert_time()), suite().clock().Now());
  EXPECT_EQ(FromTimestamp(lead.stage_enter_time()), suite().clock().Now());
  EXPECT_LT(lead.rank(), before.rank());

  const Contact person = GetContact(lead.contact());
  EXPECT_EQ(person.display_name(), "Ada Frase");
  EXPECT_EQ(person.kind(), Contact::KIND_PERSON);
  EXPECT_EQ(person.email(), "ada@acme.example");
  EXPECT_EQ(person.phone(), "+12025550123");
  EXPECT_EQ(person.job_title(), "CTO");
  EXPECT_EQ(person.company(), lead.company());
  const Contact company = GetContact(lead.company());
  EXPECT_EQ(company.kind(), Contact::KIND_COMPANY);
  EXPECT_EQ(company.display_name(), "Acme Inc.");
  EXPECT_EQ(company.headcount(), 120);
  EXPECT_EQ(company.industry(), "Robots");

  EXPECT_THAT(TypesOf(EventsAbout(lead.name())), ElementsAre("lead.created", "lead.converted"));
  EXPECT_THAT(TypesOf(EventsAbout(person.name())), ElementsAre("contact.created"));
  EXPECT_THAT(TypesOf(EventsAbout(company.name())), ElementsAre("contact.created"));
  const auto event = EventsAbout(lead.name()).back();
  EXPECT_EQ(event.data().lead().contact(), person.name());
  EXPECT_EQ(event.previous().lead().kind(), Lead::KIND_LEAD);

  EXPECT_THAT(Do<ConvertLeadRequest>(lead.name()), IsError(StatusCode::kFailedPrecondition, "LEAD_CONVERTED"));
}

TEST_F(ConvertTest, FindsAPersonByAnyMailAddress) {
  const Contact company = CreateContact("Acme", Contact::KIND_COMPANY, [](Contact&) {});
  const Contact person = CreateContact("A. Frase", Contact::KIND_PERSON, [&](Contact& contact) {
    contact.set_email("frase@home.example");
    contact.add_other_emails("ada@acme.example");
    contact.set_company(company.name());
  });
  const Lead lead = Convert(CreateUnqualified([](Lead& given) { given.set_email("Ada@ACME.example"); }).name());
  EXPECT_EQ(lead.contact(), person.name());
  EXPECT_EQ(lead.company(), company.name());  // the person's
  EXPECT_EQ(lead.contact_name(), "A. Frase");
}

TEST_F(ConvertTest, FindsCompanyAndPersonByName) {
  const Contact company =
      CreateContact("ACME", Contact::KIND_COMPANY, [](Contact& contact) { contact.set_website("acme.example"); });
  const Contact person =
      CreateContact("Frase, Ada", Contact::KIND_PERSON, [&](Contact& contact) { contact.set_company(company.name()); });
  const Contact stranger = CreateContact("Ada Frase", Contact::KIND_PERSON, [](Contact&) {});
  const Lead by_site = Convert(CreateUnqualified([](Lead& given) {
                                 given.set_company_name("The Acme people");
                                 given.set_website("http://www.acme.example");
                                 given.set_contact_name("Ada FRASE");
                               }).name());
  EXPECT_EQ(by_site.company(), company.name());
  EXPECT_EQ(by_site.contact(), person.name());
  const Lead by_name = Convert(CreateUnqualified([](Lead& given) { given.set_company_name("acme"); }).name());
  EXPECT_EQ(by_name.company(), company.name());
  EXPECT_EQ(by_name.contact(), "");
  const Lead without = Convert(CreateUnqualified([](Lead& given) { given.set_contact_name("Ada Frase"); }).name());
  EXPECT_EQ(without.contact(), stranger.name());
}

TEST_F(ConvertTest, DoesAsTheModeSays) {
  const Lead linked = Convert(CreateUnqualified(FillCustomer).name(), ConvertLeadRequest::CUSTOMER_MODE_LINK);
  EXPECT_EQ(linked.contact() + linked.company(), "");
  CreateContact("Ada", Contact::KIND_PERSON, [](Contact& contact) { contact.set_email("ada@acme.example"); });
  const Lead none = Convert(CreateUnqualified(FillCustomer).name(), ConvertLeadRequest::CUSTOMER_MODE_NONE);
  EXPECT_EQ(none.contact(), "");
  EXPECT_NE(Convert(CreateUnqualified(FillCustomer).name(), ConvertLeadRequest::CUSTOMER_MODE_LINK).contact(), "");
}

TEST_F(ConvertTest, TakesStageTeamAndOwner) {
  const std::string user = CreateUser("rep");
  const std::string team = CreateTeam("field");
  const auto lead = Do<ConvertLeadRequest>(CreateUnqualified().name(), [&](auto& request) {
    request.set_stage(kQualified);
    request.set_owner(user);
    request.set_team(team);
  });
  ASSERT_TRUE(lead.ok()) << lead.status();
  EXPECT_EQ(lead->stage(), kQualified);
  EXPECT_EQ(lead->owner(), user);
  EXPECT_EQ(lead->team(), team);
  const auto bad = [&](auto fill) {
    return BadFields(Do<ConvertLeadRequest>(CreateUnqualified().name(), fill).status());
  };
  EXPECT_THAT(bad([](auto& request) { request.set_stage(kWon); }), ElementsAre("stage"));
  EXPECT_THAT(bad([](auto& request) { request.set_stage("pipelines/none/stages/none"); }), ElementsAre("stage"));
  EXPECT_THAT(bad([](auto& request) { request.set_owner("users/nobody"); }), ElementsAre("owner"));
  EXPECT_THAT(bad([](auto& request) { request.set_contact("contacts/0190b0c0-0000-7000-8000-00000000beef"); }),
              ElementsAre("contact"));
}

TEST_F(ConvertTest, ARepeatIsTheSameAndValidationDoesNothing) {
  const Lead lead = CreateUnqualified(FillCustomer);
  ConvertLeadRequest request;
  request.set_name(lead.name());
  request.set_validate_only(true);
  EXPECT_EQ(admin_.Must<Lead>(request).stage(), kNew);
  EXPECT_EQ(GetLead(lead.name()).kind(), Lead::KIND_LEAD);
  EXPECT_EQ(suite().Query("SELECT FROM pipeline.contact WHERE tenant_id = $1", db::Params::Of(tenant_)).size(), 0);
  request.set_validate_only(false);
  request.set_request_id(NewRequestId());
  const Lead first = admin_.Must<Lead>(request);
  EXPECT_THAT(admin_.Must<Lead>(request), SameAs(first));
  EXPECT_EQ(suite().Query("SELECT FROM pipeline.contact WHERE tenant_id = $1", db::Params::Of(tenant_)).size(), 2);
  request.set_etag(lead.etag());
  request.set_request_id(NewRequestId());
  EXPECT_THAT(admin_.Call<Lead>(request), IsError(StatusCode::kAborted, "STALE_ETAG"));
}

TEST_F(ConvertTest, ADeletedOneComesBackUntilItIsPurged) {
  const Lead lead = Create([](Lead& given) {
    auto* id = given.add_external_ids();
    id->set_system("crm");
    id->set_id("1");
  });
  EXPECT_THAT(Do<pipeline::v1::UndeleteLeadRequest>(lead.name()),
              IsError(StatusCode::kFailedPrecondition, "LEAD_NOT_DELETED"));
  const auto deleted = Do<pipeline::v1::DeleteLeadRequest>(lead.name());
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(FromTimestamp(deleted->purge_time()) - FromTimestamp(deleted->delete_time()), std::chrono::days(30));
  EXPECT_THAT(CardsOf(kNew), IsEmpty());
  const auto back = Do<pipeline::v1::UndeleteLeadRequest>(lead.name());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_FALSE(back->has_delete_time() || back->has_purge_time());
  EXPECT_THAT(CardsOf(kNew), ElementsAre(lead.name()));
  EXPECT_THAT(TypesOf(EventsAbout(lead.name())), ElementsAre("lead.created", "lead.deleted", "lead.undeleted"));

  const Lead kept = Create();
  const Lead taken_in = Create();
  ASSERT_TRUE(Merge({lead.name(), taken_in.name()}, lead.name()).ok());
  ASSERT_TRUE(Do<pipeline::v1::DeleteLeadRequest>(lead.name()).ok());
  pipeline::events::Maintenance maintenance(suite().database().ConninfoAs("pipeline_worker"), suite().clock());
  suite().Advance(std::chrono::days(30) - std::chrono::seconds(1));
  ASSERT_TRUE(maintenance.RunOnce().ok());
  EXPECT_EQ(GetLead(taken_in.name()).name(), lead.name());
  suite().Advance(std::chrono::seconds(1));
  ASSERT_TRUE(maintenance.RunOnce().ok());
  const auto gone = IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND");
  pipeline::v1::GetLeadRequest get;
  for (const std::string& name : {lead.name(), taken_in.name()}) {
    get.set_name(name);
    EXPECT_THAT(admin_.Call<Lead>(get), gone);
  }
  EXPECT_EQ(GetLead(kept.name()).name(), kept.name());
  for (const char* table : {"lead_history", "lead_external_id"}) {
    EXPECT_EQ(
        suite()
            .Query(std::string("SELECT FROM pipeline.") + table + " WHERE tenant_id = $1", db::Params::Of(tenant_))
            .size(),
        0)
        << table;
  }
}

TEST_F(ConvertTest, WhoSeesALeadFollowsItAndWhoWorksOnItDecidesForOthers) {
  const std::string ana = CreateUser("ana", type::v1::User::VISIBILITY_OWN);
  const std::string bob = CreateUser("bob", type::v1::User::VISIBILITY_OWN);
  const Lead lead = Create();
  const Caller rep = As(type::v1::ROLE_REP, ana);
  pipeline::v1::FollowLeadRequest follow;
  follow.set_name(lead.name());
  EXPECT_THAT(rep.Call<Lead>(follow), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  follow.add_users(ana);
  EXPECT_THAT(admin_.Must<Lead>(follow).followers(), ElementsAre(ana));
  EXPECT_EQ(admin_.Must<Lead>(follow).etag(), "2");  // once is enough
  follow.clear_users();
  EXPECT_THAT(rep.Must<Lead>(follow).followers(), ElementsAre(ana));
  follow.add_users(bob);
  EXPECT_THAT(rep.Call<Lead>(follow), IsError(StatusCode::kPermissionDenied, "READ_ONLY_ACCESS"));
  follow.set_users(0, "users/nobody");
  EXPECT_THAT(BadFields(admin_.Call<Lead>(follow).status()), ElementsAre("users"));
  EXPECT_THAT(TypesOf(EventsAbout(lead.name())), ElementsAre("lead.created", "lead.updated"));

  pipeline::v1::UpdateLeadRequest update;
  update.mutable_lead()->set_name(lead.name());
  update.mutable_lead()->set_pain("none");
  EXPECT_THAT(rep.Call<Lead>(update), IsError(StatusCode::kPermissionDenied, "READ_ONLY_ACCESS"));
  update.mutable_lead()->clear_pain();
  update.mutable_lead()->add_collaborators(ana);
  admin_.Must<Lead>(update);
  update.mutable_lead()->set_pain("none");
  EXPECT_EQ(rep.Must<Lead>(update).pain(), "none");

  pipeline::v1::UnfollowLeadRequest unfollow;
  unfollow.set_name(lead.name());
  EXPECT_THAT(rep.Must<Lead>(unfollow).followers(), IsEmpty());
}

}  // namespace
}  // namespace embudo::testing
