#include "services/pipeline/logic/contact_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"

namespace embudo::pipeline::logic {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using type::v1::Contact;
using type::v1::Lead;

Catalog German() {
  Catalog catalog;
  catalog.tenant.set_region_code("DE");
  catalog.tenant.set_currency_code("EUR");
  return catalog;
}

TEST(ContactRulesTest, EachValueStandsOnceInItsForm) {
  Contact contact;
  contact.set_email("Ada@Example.COM");
  for (const char* email : {"ada@example.com", "A.L@math.org", "a.l@MATH.org"}) contact.add_other_emails(email);
  contact.set_phone("030 1234567");
  for (const char* phone : {"+49 30 1234567", "0171 2345678"}) contact.add_other_phones(phone);
  contact.set_country("Germany");
  contact.mutable_annual_revenue()->set_units(5);
  contact.mutable_address()->set_region_code("deu");
  for (const char* line : {" Hauptstr.  1 ", " "}) contact.mutable_address()->add_address_lines(line);
  ASSERT_TRUE(NormaliseContact(German(), contact).ok());
  EXPECT_EQ(contact.email(), "ada@example.com");
  EXPECT_THAT(contact.other_emails(), ElementsAre("a.l@math.org"));
  EXPECT_EQ(contact.phone(), "+49301234567");
  EXPECT_THAT(contact.other_phones(), ElementsAre("+491712345678"));
  EXPECT_EQ(contact.country(), "DE");
  EXPECT_EQ(contact.annual_revenue().currency_code(), "EUR");
  EXPECT_EQ(contact.address().region_code(), "DE");
  EXPECT_THAT(contact.address().address_lines(), ElementsAre("Hauptstr. 1"));
}

TEST(ContactRulesTest, RefusesWhatIsNoAddress) {
  Contact contact;
  contact.add_other_emails("ada@example.com");
  contact.add_other_emails("nobody");
  EXPECT_EQ(NormaliseContact(German(), contact).code(), absl::StatusCode::kInvalidArgument);
  contact.Clear();
  contact.mutable_address()->set_region_code("Atlantis");
  EXPECT_EQ(NormaliseContact(German(), contact).code(), absl::StatusCode::kInvalidArgument);
  contact.mutable_address()->set_region_code(" ");
  ASSERT_TRUE(NormaliseContact(German(), contact).ok());
  EXPECT_FALSE(contact.has_address());
}

TEST(ContactRulesTest, ASurvivorKeepsItsOwnAndTakesTheRest) {
  Contact survivor;
  survivor.set_name("contacts/1");
  survivor.set_display_name("Ada");
  survivor.set_email("ada@a.com");
  survivor.set_etag("3");
  (*survivor.mutable_custom_fields())["tier"].set_string_value("gold");
  survivor.add_external_ids()->set_system("crm");
  survivor.mutable_external_ids(0)->set_id("1");
  Contact other;
  other.set_name("contacts/2");
  other.set_display_name("A. Lovelace");
  other.set_email("ada@b.com");
  other.add_other_emails("ada@a.com");
  other.set_phone("+491");
  other.set_job_title("Analyst");
  other.set_headcount(3);
  other.set_do_not_contact(true);
  other.set_etag("9");
  other.mutable_create_time()->set_seconds(1);
  other.mutable_annual_revenue()->set_units(7);
  (*other.mutable_custom_fields())["tier"].set_string_value("silver");
  (*other.mutable_custom_fields())["size"].set_number_value(2);
  *other.add_external_ids() = survivor.external_ids(0);
  other.add_external_ids()->set_system("erp");
  TakeIn(other, survivor);
  EXPECT_EQ(survivor.name() + survivor.display_name() + survivor.email() + survivor.etag(), "contacts/1Adaada@a.com3");
  EXPECT_THAT(survivor.other_emails(), ElementsAre("ada@b.com"));
  EXPECT_EQ(survivor.phone(), "+491");
  EXPECT_THAT(survivor.other_phones(), IsEmpty());
  EXPECT_EQ(survivor.job_title(), "Analyst");
  EXPECT_EQ(survivor.headcount(), 3);
  EXPECT_TRUE(survivor.do_not_contact());
  EXPECT_EQ(survivor.annual_revenue().units(), 7);
  EXPECT_FALSE(survivor.has_create_time());
  EXPECT_EQ(survivor.custom_fields().at("tier").string_value(), "gold");
  EXPECT_EQ(survivor.custom_fields().at("size").number_value(), 2);
  EXPECT_EQ(survivor.external_ids_size(), 2);
}

TEST(ContactRulesTest, OpenLeadsThatHoldTheOldValueGetTheNew) {
  Contact before;
  before.set_name("contacts/1");
  before.set_display_name("Acme");
  before.set_email("info@acme.com");
  before.set_headcount(10);
  before.set_industry("Steel");
  Contact after = before;
  after.set_display_name("Acme Group");
  after.set_email("office@acme.com");
  after.set_headcount(20);
  Lead lead;
  lead.set_state(Lead::STATE_OPEN);
  lead.set_company("contacts/1");
  lead.set_company_name("Acme");
  lead.set_email("info@acme.com");
  lead.set_headcount(11);
  Lead changed = lead;
  Flow(before, after, changed);
  EXPECT_EQ(changed.company_name(), "Acme Group");
  EXPECT_EQ(changed.headcount(), 11);           // a person knew better
  EXPECT_EQ(changed.email(), "info@acme.com");  // the address of its contact, not of its company
  lead.set_contact("contacts/1");
  lead.set_contact_name("Somebody");
  changed = lead;
  Flow(before, after, changed);
  EXPECT_EQ(changed.email(), "office@acme.com");
  EXPECT_EQ(changed.contact_name(), "Somebody");
  lead.set_state(Lead::STATE_WON);
  changed = lead;
  Flow(before, after, changed);
  EXPECT_EQ(changed.company_name(), "Acme");
  EXPECT_EQ(ChangedFlow(before, after, true).size(), 2u);
  EXPECT_EQ(ChangedFlow(before, before, true).size(), 0u);
}

}  // namespace
}  // namespace embudo::pipeline::logic
