// Merging contacts: what the survivor takes, what moves to it, and what becomes of the others.

#include "embudo/pipeline/v1/contact_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::MergeContactsRequest;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using type::v1::Contact;
using type::v1::Lead;

class ContactMergeTest : public PipelineTest {
 protected:
  std::string Create(const std::string& display_name, const std::function<void(Contact&)>& change = {},
                     Contact::Kind kind = Contact::KIND_PERSON) const {
    suite().Advance(seconds(1));
    pipeline::v1::CreateContactRequest request;
    request.mutable_contact()->set_display_name(display_name);
    request.mutable_contact()->set_kind(kind);
    if (change) change(*request.mutable_contact());
    return rep_.Must<Contact>(request).name();
  }
  std::string CreateCompany(const std::string& display_name, const std::string& parent = "") const {
    return Create(
        display_name, [&](Contact& contact) { contact.set_company(parent); }, Contact::KIND_COMPANY);
  }
  static MergeContactsRequest Merge(const std::vector<std::string>& names, const std::string& survivor = "") {
    MergeContactsRequest request;
    for (const std::string& name : names) request.add_names(name);
    request.set_survivor(survivor);
    return request;
  }
  Contact Get(const std::string& name) const {
    pipeline::v1::GetContactRequest request;
    request.set_name(name);
    return rep_.Must<Contact>(request);
  }
  std::string LeadWith(const std::string& contact, const std::string& company) const {
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name("A deal");
    request.mutable_lead()->set_contact(contact);
    request.mutable_lead()->set_company(company);
    return admin_.Must<Lead>(request).name();
  }
};

TEST_F(ContactMergeTest, TheSurvivorTakesInWhatItLacks) {
  const auto with = [](const std::string& email, const std::string& phone, const std::string& title) {
    return [=](Contact& contact) {
      contact.set_email(email);
      contact.set_phone(phone);
      contact.set_job_title(title);
    };
  };
  const std::string oldest = Create("Ada", with("", "+14155552671", ""));
  const std::string second = Create("Ada L.", with("ada@a.com", "+14155552672", "Analyst"));
  const std::string third = Create("A. L.", with("ada@b.com", "", "Countess"));
  suite().Advance(seconds(1));
  const auto merged = rep_.Must<Contact>(Merge({third, oldest, second}));
  EXPECT_EQ(merged.name(), oldest);
  EXPECT_EQ(merged.display_name(), "Ada");
  EXPECT_EQ(merged.email(), "ada@a.com");
  EXPECT_THAT(merged.other_emails(), ElementsAre("ada@b.com"));
  EXPECT_EQ(merged.phone(), "+14155552671");
  EXPECT_THAT(merged.other_phones(), ElementsAre("+14155552672"));
  EXPECT_EQ(merged.job_title(), "Analyst");
  // The others' names are the survivor's from now on.
  EXPECT_THAT(Get(second), SameAs(merged));
  EXPECT_THAT(Get(third), SameAs(merged));
  EXPECT_THAT(TypesOf(EventsAbout(oldest)), ElementsAre("contact.created", "contact.merged"));
  EXPECT_THAT(TypesOf(EventsAbout(second)), ElementsAre("contact.created", "contact.deleted"));
  EXPECT_EQ(EventsAbout(second)[1].data().contact().merged_into(), oldest);
  pipeline::v1::UndeleteContactRequest undelete;
  undelete.set_name(second);
  EXPECT_THAT(rep_.Call<Contact>(undelete), IsError(StatusCode::kFailedPrecondition, "CONTACT_MERGED"));
  pipeline::v1::SearchContactsRequest search;
  search.set_query("ada@b.com");
  const auto found = rep_.Must<pipeline::v1::SearchContactsResponse>(search);
  ASSERT_EQ(found.contacts_size(), 1);
  EXPECT_EQ(found.contacts(0).name(), oldest);
}

TEST_F(ContactMergeTest, ASurvivorMayBeChosen) {
  const std::string first = Create("Ada");
  const std::string second = Create("Ada L.");
  EXPECT_EQ(rep_.Must<Contact>(Merge({first, second}, second)).name(), second);
  EXPECT_EQ(Get(first).display_name(), "Ada L.");
}

TEST_F(ContactMergeTest, LeadsAndPersonsMove) {
  const std::string acme = CreateCompany("Acme");
  const std::string acme2 = CreateCompany("ACME Inc.");
  const std::string person = Create("Ada", [&](Contact& contact) { contact.set_company(acme2); });
  const std::string daughter = CreateCompany("Acme Tools", acme2);
  const std::string lead = LeadWith(person, acme2);
  const std::string lost = LeadWith("", acme2);
  pipeline::v1::LoseLeadRequest lose;
  lose.set_name(lost);
  admin_.Must<Lead>(lose);
  rep_.Must<Contact>(Merge({acme, acme2}));
  EXPECT_EQ(Get(person).company(), acme);
  EXPECT_EQ(Get(daughter).company(), acme);
  EXPECT_EQ(GetLead(lead).company(), acme);
  EXPECT_EQ(GetLead(lead).contact(), person);
  EXPECT_EQ(GetLead(lost).company(), acme);
  EXPECT_THAT(TypesOf(EventsAbout(lead)), ElementsAre("lead.created", "lead.updated"));
  EXPECT_EQ(EventsAbout(lead)[1].previous().lead().company(), acme2);
  EXPECT_THAT(TypesOf(EventsAbout(person)), ElementsAre("contact.created", "contact.updated"));
  const std::string person2 = Create("A. L.");
  const std::string other = LeadWith(person2, "");
  rep_.Must<Contact>(Merge({person, person2}));
  EXPECT_EQ(GetLead(other).contact(), person);
}

TEST_F(ContactMergeTest, ManyLeadsMoveToo) {
  const std::string first = Create("Ada");
  const std::string second = Create("Ada L.");
  for (int batch = 0; batch < 2; ++batch) {
    pipeline::v1::BatchCreateLeadsRequest request;
    for (int i = 0; i < 505; ++i) {
      Lead& lead = *request.add_requests()->mutable_lead();
      lead.set_display_name("A deal");
      lead.set_contact(second);
    }
    admin_.Must<pipeline::v1::BatchCreateLeadsResponse>(request);
  }
  rep_.Must<Contact>(Merge({first, second}));
  EXPECT_EQ(suite()
                .Query("SELECT count(*) FROM pipeline.lead WHERE tenant_id = $1 AND contact_id = $2::uuid",
                       db::Params::Of(tenant_, first.substr(first.find('/') + 1)))[0]
                .Int(0),
            1010);
}

TEST_F(ContactMergeTest, ExternalIdsMove) {
  const auto with = [](const char* id) {
    return [=](Contact& contact) {
      contact.add_external_ids()->set_system("crm");
      contact.mutable_external_ids(0)->set_id(id);
    };
  };
  const std::string first = Create("Ada", with("1"));
  const std::string second = Create("Ada L.", with("2"));
  EXPECT_EQ(rep_.Must<Contact>(Merge({first, second})).external_ids_size(), 2);
  pipeline::v1::BulkUpsertContactsRequest upsert;
  upsert.add_contacts()->set_job_title("Countess");
  with("2")(*upsert.mutable_contacts(0));
  const auto results = admin_.Must<pipeline::v1::BulkUpsertContactsResponse>(upsert);
  EXPECT_EQ(results.results(0).name(), first) << results.DebugString();
  EXPECT_EQ(Get(first).job_title(), "Countess");
}

TEST_F(ContactMergeTest, NoneBecomesItsOwnParent) {
  const std::string top = CreateCompany("Top");
  const std::string middle = CreateCompany("Middle", top);
  const std::string bottom = CreateCompany("Bottom", middle);
  // Bottom goes into top: top stays the top.
  EXPECT_EQ(rep_.Must<Contact>(Merge({top, bottom})).company(), "");
  EXPECT_EQ(Get(middle).company(), top);
  // Top goes into middle, whose parent it was.
  EXPECT_EQ(rep_.Must<Contact>(Merge({top, middle}, middle)).company(), "");
}

TEST_F(ContactMergeTest, RefusesWhatIsNoMerge) {
  const std::string person = Create("Ada");
  const std::string other = Create("Ada L.");
  const std::string company = CreateCompany("Acme");
  const auto fields = [&](const MergeContactsRequest& request) {
    return BadFields(rep_.Call<Contact>(request).status());
  };
  EXPECT_THAT(fields(Merge({person})), ElementsAre("names"));
  EXPECT_THAT(fields(Merge({person, person})), ElementsAre("names[1]"));
  EXPECT_THAT(fields(Merge({person, company})), ElementsAre("names[1]"));
  EXPECT_THAT(fields(Merge({person, other}, company)), ElementsAre("survivor"));
  const auto not_found = IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND");
  EXPECT_THAT(rep_.Call<Contact>(Merge({person, "contacts/" + NewRequestId()})), not_found);
  EXPECT_THAT(suite().As(suite().NewTenant(), type::v1::ROLE_ADMIN).Call<Contact>(Merge({person, other})), not_found);
  MergeContactsRequest only = Merge({person, other});
  only.set_validate_only(true);
  EXPECT_EQ(rep_.Must<Contact>(only).name(), person);
  EXPECT_EQ(Get(other).name(), other);
}

TEST_F(ContactMergeTest, ARepeatedCallGetsTheFirstAnswer) {
  const std::string first = Create("Ada");
  const std::string second = Create("Ada L.");
  MergeContactsRequest request = Merge({first, second});
  request.set_request_id(NewRequestId());
  const auto merged = rep_.Must<Contact>(request);
  const size_t events = Events().size();
  EXPECT_THAT(rep_.Must<Contact>(request), SameAs(merged));
  EXPECT_EQ(Events().size(), events);
  request.clear_request_id();
  EXPECT_THAT(BadFields(rep_.Call<Contact>(request).status()), ElementsAre("names[1]"));
}

}  // namespace
}  // namespace embudo::testing
