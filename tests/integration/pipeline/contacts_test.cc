// Contacts: their form, their companies, what they give their leads, and how they are found.

#include "embudo/pipeline/v1/contact_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::DuplicateContact;
using std::chrono::days;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
using type::v1::Contact;
using type::v1::Lead;

class ContactTest : public PipelineTest {
 protected:
  using Change = std::function<void(Contact&)>;

  absl::StatusOr<Contact> TryCreate(const std::string& display_name, const Change& change = {}) const {
    pipeline::v1::CreateContactRequest request;
    request.mutable_contact()->set_display_name(display_name);
    if (change) change(*request.mutable_contact());
    return rep_.Call<Contact>(request);
  }
  std::string Create(const std::string& display_name, const Change& change = {}) const {
    const auto contact = TryCreate(display_name, change);
    EXPECT_TRUE(contact.ok()) << contact.status();
    return contact.ok() ? contact->name() : "";
  }
  std::string CreateCompany(const std::string& display_name, const Change& change = {}) const {
    return Create(display_name, [&](Contact& contact) {
      contact.set_kind(Contact::KIND_COMPANY);
      if (change) change(contact);
    });
  }
  absl::StatusOr<Contact> Update(const std::string& name, const std::vector<std::string>& mask,
                                 const Change& change) const {
    pipeline::v1::UpdateContactRequest request;
    request.mutable_contact()->set_name(name);
    change(*request.mutable_contact());
    for (const std::string& path : mask) request.mutable_update_mask()->add_paths(path);
    return rep_.Call<Contact>(request);
  }
  Contact Get(const std::string& name) const {
    pipeline::v1::GetContactRequest request;
    request.set_name(name);
    return rep_.Must<Contact>(request);
  }
  std::string LeadWith(const std::string& contact, const std::string& company,
                       const std::function<void(Lead&)>& change = {}) const {
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name("A deal");
    request.mutable_lead()->set_contact(contact);
    request.mutable_lead()->set_company(company);
    if (change) change(*request.mutable_lead());
    return admin_.Must<Lead>(request).name();
  }
  std::vector<std::string> Search(const std::string& query, Contact::Kind kind = Contact::KIND_UNSPECIFIED) const {
    pipeline::v1::SearchContactsRequest request;
    request.set_query(query);
    request.set_kind(kind);
    std::vector<std::string> names;
    const auto answer = rep_.Must<pipeline::v1::SearchContactsResponse>(request);
    for (const Contact& contact : answer.contacts()) {
      names.push_back(contact.display_name());
    }
    return names;
  }
  std::vector<std::string> Duplicates(const std::string& name) const {
    pipeline::v1::FindDuplicateContactsRequest request;
    request.set_name(name);
    std::vector<std::string> found;
    const auto answer = rep_.Must<pipeline::v1::FindDuplicateContactsResponse>(request);
    for (const auto& duplicate : answer.duplicates()) {
      std::string text = duplicate.contact().display_name() + ":";
      for (const int reason : duplicate.reasons()) {
        text += " " + DuplicateContact::Reason_Name(static_cast<DuplicateContact::Reason>(reason)).substr(7);
      }
      found.push_back(text);
    }
    return found;
  }
};

TEST_F(ContactTest, IsKeptInOneForm) {
  const auto contact = TryCreate("Ada", [](Contact& given) {
    given.set_email("ADA@Example.com");
    given.add_other_emails("ada@example.com");
    given.add_other_emails("ada@Math.org");
    given.set_phone("(415) 555-2671");
    given.add_other_phones("+1 415 555 2671");
    given.set_do_not_contact(true);
    given.mutable_address()->set_region_code("us");
    given.mutable_address()->add_address_lines(" 1  Main St ");
  });
  ASSERT_TRUE(contact.ok()) << contact.status();
  EXPECT_EQ(contact->kind(), Contact::KIND_PERSON);
  EXPECT_EQ(contact->email(), "ada@example.com");
  EXPECT_THAT(contact->other_emails(), ElementsAre("ada@math.org"));
  EXPECT_EQ(contact->phone(), "+14155552671");
  EXPECT_THAT(contact->other_phones(), IsEmpty());
  EXPECT_TRUE(contact->do_not_contact());
  EXPECT_EQ(contact->address().region_code(), "US");
  EXPECT_THAT(contact->address().address_lines(), ElementsAre("1 Main St"));
  EXPECT_THAT(Get(contact->name()), SameAs(*contact));
  EXPECT_THAT(
      BadFields(TryCreate("X", [](Contact& given) { given.mutable_address()->set_region_code("Atlantis"); }).status()),
      ElementsAre("contact.address.region_code"));
}

TEST_F(ContactTest, ACompanyIsACompanyAndNoneIsItsOwnParent) {
  const std::string person = Create("Ada");
  const std::string top = CreateCompany("Top");
  const std::string middle = CreateCompany("Middle", [&](Contact& contact) { contact.set_company(top); });
  const std::string bottom = CreateCompany("Bottom", [&](Contact& contact) { contact.set_company(middle); });
  const auto refused = [&](const std::string& name, const std::string& company) {
    return BadFields(Update(name, {"company"}, [&](Contact& contact) { contact.set_company(company); }).status());
  };
  EXPECT_THAT(refused(bottom, person), ElementsAre("contact.company"));
  EXPECT_THAT(refused(top, top), ElementsAre("contact.company"));
  EXPECT_THAT(refused(top, bottom), ElementsAre("contact.company"));
  EXPECT_THAT(refused(person, "contacts/" + NewRequestId()), ElementsAre("contact.company"));
  EXPECT_THAT(refused(person, bottom), IsEmpty());
  EXPECT_EQ(Get(person).company(), bottom);
}

TEST_F(ContactTest, ChangesFlowIntoItsOpenLeads) {
  const std::string person = Create("Ada", [](Contact& contact) {
    contact.set_email("ada@old.com");
    contact.set_job_title("Analyst");
  });
  const std::string company = CreateCompany("Acme", [](Contact& contact) { contact.set_industry("Steel"); });
  const std::string follows = LeadWith(person, company);
  const std::string own = LeadWith(person, company, [](Lead& lead) { lead.set_email("other@acme.com"); });
  const std::string lost = LeadWith(person, company);
  pipeline::v1::LoseLeadRequest lose;
  lose.set_name(lost);
  admin_.Must<Lead>(lose);
  ASSERT_EQ(GetLead(follows).email(), "ada@old.com");
  const size_t before = Events().size();
  ASSERT_TRUE(Update(person, {"email", "display_name", "phone"}, [](Contact& contact) {
                contact.set_email("ada@new.com");
                contact.set_display_name("Ada L.");
                contact.set_phone("+1 415 555 2671");
              }).ok());
  EXPECT_EQ(GetLead(follows).email(), "ada@new.com");
  EXPECT_EQ(GetLead(follows).contact_name(), "Ada L.");
  EXPECT_EQ(GetLead(follows).phone(), "+14155552671");
  EXPECT_EQ(GetLead(follows).job_title(), "Analyst");
  EXPECT_EQ(GetLead(own).email(), "other@acme.com");
  EXPECT_EQ(GetLead(own).contact_name(), "Ada L.");
  EXPECT_EQ(GetLead(lost).email(), "ada@old.com");
  auto events = Events();
  events.erase(events.begin(), events.begin() + static_cast<long>(before));
  EXPECT_THAT(TypesOf(events), ElementsAre("contact.updated", "lead.updated", "lead.updated"));
  for (const auto& event : events) {
    if (event.subject() != follows) continue;
    EXPECT_THAT(event.changed_fields().paths(), UnorderedElementsAre("email", "contact_name", "phone"));
    EXPECT_EQ(event.previous().lead().email(), "ada@old.com");
    EXPECT_EQ(event.actor(), "users/rep");
  }

  ASSERT_TRUE(Update(company, {"display_name", "industry", "headcount", "country", "website"}, [](Contact& contact) {
                contact.set_display_name("Acme Group");
                contact.set_industry("Tools");
                contact.set_headcount(50);
                contact.set_country("Germany");
                contact.set_website("https://acme.com");
              }).ok());
  const Lead lead = GetLead(own);
  EXPECT_EQ(lead.company_name(), "Acme Group");
  EXPECT_EQ(lead.industry(), "Tools");
  EXPECT_EQ(lead.headcount(), 50);
  EXPECT_EQ(lead.country(), "DE");
  EXPECT_EQ(lead.website(), "https://acme.com");
  // What flows nowhere changes no lead.
  const size_t quiet = Events().size();
  ASSERT_TRUE(Update(person, {"language"}, [](Contact& contact) { contact.set_language("de"); }).ok());
  EXPECT_EQ(Events().size(), quiet + 1);
}

TEST_F(ContactTest, MoreLeadsThanOneTransactionTakes) {
  const std::string person = Create("Ada");
  for (int batch = 0; batch < 2; ++batch) {
    pipeline::v1::BatchCreateLeadsRequest request;
    for (int i = 0; i < 505; ++i) {
      Lead& lead = *request.add_requests()->mutable_lead();
      lead.set_display_name("A deal");
      lead.set_contact(person);
    }
    admin_.Must<pipeline::v1::BatchCreateLeadsResponse>(request);
  }
  ASSERT_TRUE(Update(person, {"display_name"}, [](Contact& contact) { contact.set_display_name("Ada L."); }).ok());
  EXPECT_EQ(suite()
                .Query("SELECT count(*) FROM pipeline.lead WHERE tenant_id = $1 AND contact_name = 'Ada L.'",
                       db::Params::Of(tenant_))[0]
                .Int(0),
            1010);
}

TEST_F(ContactTest, BulkChangesFlowToo) {
  pipeline::v1::BulkUpsertContactsRequest request;
  Contact& given = *request.add_contacts();
  given.set_display_name("Ada");
  given.set_email("ada@old.com");
  given.add_external_ids()->set_system("crm");
  given.mutable_external_ids(0)->set_id("1");
  const auto created = admin_.Must<pipeline::v1::BulkUpsertContactsResponse>(request);
  const std::string lead = LeadWith(created.results(0).name(), "");
  given.set_email("ada@new.com");
  admin_.Must<pipeline::v1::BulkUpsertContactsResponse>(request);
  EXPECT_EQ(GetLead(lead).email(), "ada@new.com");
}

TEST_F(ContactTest, ADeletedOneComesBack) {
  const std::string name = Create("Ada", [](Contact& contact) { contact.set_email("ada@example.com"); });
  pipeline::v1::UndeleteContactRequest undelete;
  undelete.set_name(name);
  EXPECT_THAT(rep_.Call<Contact>(undelete), IsError(StatusCode::kFailedPrecondition, "CONTACT_NOT_DELETED"));
  pipeline::v1::DeleteContactRequest remove;
  remove.set_name(name);
  const auto deleted = rep_.Must<Contact>(remove);
  EXPECT_EQ(FromTimestamp(deleted.purge_time()), FromTimestamp(deleted.delete_time()) + days(30));
  EXPECT_THAT(Search("ada@"), IsEmpty());
  undelete.set_etag("1");
  EXPECT_THAT(rep_.Call<Contact>(undelete), IsError(StatusCode::kAborted, "STALE_ETAG"));
  undelete.set_etag(deleted.etag());
  undelete.set_request_id(NewRequestId());
  const auto back = rep_.Must<Contact>(undelete);
  EXPECT_FALSE(back.has_delete_time());
  EXPECT_FALSE(back.has_purge_time());
  EXPECT_THAT(rep_.Must<Contact>(undelete), SameAs(back));  // the same call again
  EXPECT_THAT(Search("ada@"), ElementsAre("Ada"));
  EXPECT_THAT(TypesOf(EventsAbout(name)), ElementsAre("contact.created", "contact.deleted", "contact.undeleted"));
  EXPECT_THAT(suite().As(suite().NewTenant(), type::v1::ROLE_ADMIN).Call<Contact>(undelete),
              IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

TEST_F(ContactTest, IsFoundByTheBeginningOfAWord) {
  Create("Zoë Müller-Lüdenscheidt");
  Create("Mueller, Ada");
  Create("O'Brien, Pat");
  CreateCompany("Müllers Mühle");
  EXPECT_THAT(Search("mull"), UnorderedElementsAre("Zoë Müller-Lüdenscheidt", "Müllers Mühle"));
  EXPECT_THAT(Search("MÜLLER"), ElementsAre("Zoë Müller-Lüdenscheidt", "Müllers Mühle"));  // the whole word first
  EXPECT_THAT(Search("zoe lud"), ElementsAre("Zoë Müller-Lüdenscheidt"));
  EXPECT_THAT(Search("obr"), ElementsAre("O'Brien, Pat"));
  EXPECT_THAT(Search("O'Br"), ElementsAre("O'Brien, Pat"));
  EXPECT_THAT(Search("müll", Contact::KIND_COMPANY), ElementsAre("Müllers Mühle"));
  EXPECT_THAT(Search("uller"), IsEmpty());
  EXPECT_THAT(Search("zoe ada"), IsEmpty());
  EXPECT_THAT(Search("%_"), IsEmpty());
  pipeline::v1::SearchContactsRequest request;
  request.set_query(" m ");
  EXPECT_THAT(BadFields(rep_.Call<pipeline::v1::SearchContactsResponse>(request).status()), ElementsAre("query"));
  request.set_query("mu");
  request.set_page_size(1);
  EXPECT_EQ(rep_.Must<pipeline::v1::SearchContactsResponse>(request).contacts_size(), 1);
  const Caller other = suite().As(suite().NewTenant(), type::v1::ROLE_ADMIN);
  EXPECT_EQ(other.Must<pipeline::v1::SearchContactsResponse>(request).contacts_size(), 0);
}

TEST_F(ContactTest, IsFoundByAddressDomainAndNumber) {
  const std::string ada = Create("Ada", [](Contact& contact) {
    contact.set_email("al@math.org");
    contact.add_other_emails("countess@lovelace.co.uk");
    contact.set_phone("+49 30 1234567");
  });
  Create("Ben", [](Contact& contact) {
    contact.set_email("o'ben@math.org");
    contact.set_phone("(415) 555-2671");
  });
  CreateCompany("Mathematics", [](Contact& contact) { contact.set_website("https://www.theorem.de/about"); });
  EXPECT_THAT(Search("al@math.org"), ElementsAre("Ada"));
  EXPECT_THAT(Search("Countess@"), ElementsAre("Ada"));
  EXPECT_THAT(Search("o'ben@"), ElementsAre("Ben"));
  EXPECT_THAT(Search("@math"), UnorderedElementsAre("Ada", "Ben"));
  EXPECT_THAT(Search("lovelace.co"), ElementsAre("Ada"));
  EXPECT_THAT(Search("theorem.de"), ElementsAre("Mathematics"));
  EXPECT_THAT(Search("+49 30 12"), ElementsAre("Ada"));
  EXPECT_THAT(Search("0049 30"), ElementsAre("Ada"));
  EXPECT_THAT(Search("415 555"), ElementsAre("Ben"));
  EXPECT_THAT(Search("030 1234567"), ElementsAre("Ada"));
  EXPECT_THAT(Search("2671"), ElementsAre("Ben"));
  ASSERT_TRUE(Update(ada, {"phone", "display_name"}, [](Contact& contact) { contact.set_display_name("Eva"); }).ok());
  EXPECT_THAT(Search("0049 30"), IsEmpty());
  EXPECT_THAT(Search("ada"), IsEmpty());
  EXPECT_THAT(Search("eva"), ElementsAre("Eva"));
}

TEST_F(ContactTest, DuplicatesAreFoundWithTheirReasons) {
  const auto person = [](const std::string& email, const std::string& phone, const std::string& company = "") {
    return [=](Contact& contact) {
      contact.set_email(email);
      contact.set_phone(phone);
      contact.set_company(company);
    };
  };
  const std::string acme = CreateCompany("Acme, Inc.", [](Contact& contact) { contact.set_website("acme.com"); });
  CreateCompany("ACMÉ", [](Contact& contact) { contact.set_website("https://www.acme.com/"); });
  CreateCompany("Acme Tools", [](Contact& contact) { contact.set_website("http://acme.com:80/x"); });
  CreateCompany("Acme Ltd");
  EXPECT_THAT(Duplicates(acme), ElementsAre("ACMÉ: DOMAIN NAME", "Acme Tools: DOMAIN", "Acme Ltd: NAME"));

  const std::string ada = Create("Ada Lovelace", person("ada@acme.com", "+14155552671", acme));
  Create("Lovelace, Ada", person("", "", acme));
  Create("Ada Lovelace", person("", ""));  // elsewhere
  Create("A. L.", [](Contact& contact) { contact.add_other_emails("ADA@acme.com"); });
  Create("Someone", person("", "(415) 555-2671"));
  Create("Both", person("ada@acme.com", "415 555 2671"));
  Create("Colleague", person("ben@acme.com", "", acme));
  EXPECT_THAT(Duplicates(ada),
              ElementsAre("Both: EMAIL PHONE", "A. L.: EMAIL", "Someone: PHONE", "Lovelace, Ada: NAME"));

  const std::string free = CreateCompany("One", [](Contact& contact) { contact.set_website("gmail.com"); });
  CreateCompany("Two", [](Contact& contact) { contact.set_website("gmail.com"); });
  EXPECT_THAT(Duplicates(free), IsEmpty());
}

TEST_F(ContactTest, SearchWalksAnIndex) {
  suite().Query(
      "INSERT INTO pipeline.contact (tenant_id, contact_id, kind, display_name, email, phone, job_title, industry,"
      " headcount, country, website, founded_year, external_ids, create_time, update_time, revision, version)"
      " SELECT $1, gen_random_uuid(), 'PERSON', 'Maria Mar' || n, 'maria' || n || '@mail' || n % 100 || '.com',"
      " '+1415' || lpad(n::text, 7, '0'), '', '', 0, '', '', 0, '[]', now(), now(), 1, 1"
      " FROM generate_series(1, 20000) n",
      db::Params::Of(tenant_));
  EXPECT_EQ(Search("mar").size(), 20u);
  EXPECT_THAT(Search("maria mar777"), Contains("Maria Mar777"));
  suite().Query("ANALYZE pipeline.contact_key");
  const db::Result plan = suite().Query(
      "EXPLAIN (ANALYZE, COSTS off, TIMING off) SELECT k.contact_id FROM pipeline.contact_key k"
      " WHERE k.tenant_id = $1 AND k.key >= 'nmar' AND k.key < 'nmar' || chr(1114111)"
      " ORDER BY k.key, k.contact_id LIMIT 40",
      db::Params::Of(tenant_));
  std::string text;
  for (int i = 0; i < plan.size(); ++i) text += std::string(plan[i].Text(0)) + "\n";
  EXPECT_THAT(text, HasSubstr("using contact_key_pkey"));
  EXPECT_THAT(text, Not(HasSubstr("Sort")));
}

}  // namespace
}  // namespace embudo::testing
