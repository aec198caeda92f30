#include "services/pipeline/logic/quote_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "common/base/error.h"
#include "common/base/money.h"

namespace embudo::pipeline::logic {
namespace {

using type::v1::Contact;
using type::v1::Lead;
using type::v1::Order;
using type::v1::Quote;

constexpr Day kToday = std::chrono::sys_days(std::chrono::year(2026) / 3 / 1);
const std::string kHash(64, 'a');

class QuoteRulesTest : public ::testing::Test {
 protected:
  QuoteRulesTest() { catalog_.tenant.set_currency_code("USD"); }

  Scene At(Time now) const { return {catalog_, now, "users/ana"}; }
  Scene Now() const { return At(kToday + std::chrono::hours(12)); }

  static Lead Deal() {
    Lead lead;
    lead.set_name("leads/1");
    lead.set_kind(Lead::KIND_OPPORTUNITY);
    lead.set_state(Lead::STATE_OPEN);
    lead.set_display_name("Ten laptops");
    *lead.mutable_expected_revenue() = *MoneyFromNumeric("1000", "EUR");
    return lead;
  }
  /// A quote of one line, in that state; valid until today.
  Quote QuoteIn(Quote::State state) const {
    Quote quote;
    quote.set_name("quotes/1");
    quote.set_lead("leads/1");
    quote.set_number("Q-000001");
    quote.set_revision_number(1);
    quote.set_state(state);
    quote.set_currency_code("EUR");
    *quote.mutable_expire_date() = ToDate(kToday);
    quote.set_document_sha256(kHash);
    quote.add_lines()->set_description("Laptop");
    *quote.mutable_lines(0)->mutable_unit_price() = *MoneyFromNumeric("1000", "EUR");
    EXPECT_TRUE(PrepareDraft(Now(), {}, &quote, quote).ok());
    return quote;
  }
  static type::v1::Signature Signed() {
    type::v1::Signature signature;
    signature.set_signer_name("Ada");
    signature.set_document_sha256(kHash);
    return signature;
  }

  Catalog catalog_;
};

constexpr Quote::State kStates[] = {Quote::STATE_DRAFT,     Quote::STATE_SENT,     Quote::STATE_ACCEPTED,
                                    Quote::STATE_CONFIRMED, Quote::STATE_DECLINED, Quote::STATE_CANCELLED,
                                    Quote::STATE_REVISED,   Quote::STATE_EXPIRED};

TEST_F(QuoteRulesTest, EachStepIsFromTheStatesThatItMayBeFrom) {
  const std::set<Quote::State> open = {Quote::STATE_SENT, Quote::STATE_ACCEPTED};
  for (const Quote::State state : kStates) {
    SCOPED_TRACE(Quote::State_Name(state));
    const Quote before = QuoteIn(state);
    Quote quote = before;
    EXPECT_EQ(SendQuote(Now(), quote).ok(), state == Quote::STATE_DRAFT);
    EXPECT_EQ(AcceptQuote(Now(), Signed(), quote = before).ok(), state == Quote::STATE_SENT);
    EXPECT_EQ(DeclineQuote("", quote = before).ok(), state == Quote::STATE_SENT);
    Order order;
    EXPECT_EQ(ConfirmQuote(Now(), order, quote = before).ok(), open.contains(state));
    const bool closed =
        state == Quote::STATE_CONFIRMED || state == Quote::STATE_CANCELLED || state == Quote::STATE_REVISED;
    EXPECT_EQ(CancelQuote(quote = before).ok(), !closed);
    Quote revision;
    const bool revisable =
        state != Quote::STATE_DRAFT && state != Quote::STATE_CONFIRMED && state != Quote::STATE_REVISED;
    EXPECT_EQ(ReviseQuote(Now(), before, revision).ok(), revisable);
    EXPECT_EQ(IsOpen(before), open.contains(state) || state == Quote::STATE_DRAFT);
  }
}

TEST_F(QuoteRulesTest, TheLastDayCountsWhereTheTenantIs) {
  catalog_.tenant.set_time_zone("Asia/Tokyo");  // nine hours ahead
  const Quote quote = QuoteIn(Quote::STATE_SENT);
  const Time last = kToday + std::chrono::hours(15) - std::chrono::microseconds(1);
  EXPECT_FALSE(IsOverdue(At(last), quote));
  EXPECT_TRUE(IsOverdue(At(last + std::chrono::microseconds(1)), quote));
  EXPECT_FALSE(IsOverdue(At(last + std::chrono::hours(9)), QuoteIn(Quote::STATE_ACCEPTED)));

  Quote late = quote;
  EXPECT_EQ(ReasonOf(AcceptQuote(At(last + std::chrono::hours(1)), Signed(), late)), "QUOTE_EXPIRED");
  EXPECT_TRUE(AcceptQuote(At(last), Signed(), late).ok());
}

TEST_F(QuoteRulesTest, TheCustomerIsTheCompanyOrElseThePerson) {
  Lead lead = Deal();
  Contact person;
  person.set_display_name("Ada Lovelace");
  person.set_email("ada@example.com");
  const auto name = [&](const Contact* contact, const Contact* company) {
    Quote quote;
    FillCustomer(lead, contact, company, quote);
    return quote.customer_name();
  };
  EXPECT_EQ(name(nullptr, nullptr), "Ten laptops");
  lead.set_contact_name("A. Lovelace");
  EXPECT_EQ(name(nullptr, nullptr), "A. Lovelace");
  EXPECT_EQ(name(&person, nullptr), "Ada Lovelace");
  lead.set_company_name("Acme");
  EXPECT_EQ(name(&person, nullptr), "Acme");
  Contact company;
  company.set_display_name("Acme Holding");
  EXPECT_EQ(name(&person, &company), "Acme Holding");

  // What the lead says is not said of a person of the quote's own.
  lead.set_email("other@example.com");
  Quote quote;
  quote.set_contact("contacts/2");
  FillCustomer(lead, &person, nullptr, quote);
  EXPECT_EQ(quote.customer_email(), "ada@example.com");
  // And nothing that is given is filled.
  quote.set_customer_name("Given");
  FillCustomer(lead, &person, &company, quote);
  EXPECT_EQ(quote.customer_name(), "Given");
}

TEST_F(QuoteRulesTest, ARevisionTakesOverWhatTheCustomerSees) {
  Quote quote = QuoteIn(Quote::STATE_EXPIRED);
  quote.set_terms("Net 30");
  quote.set_decline_reason("Too slow");
  Quote revision;
  ASSERT_TRUE(ReviseQuote(Now(), quote, revision).ok());
  EXPECT_EQ(revision.terms(), "Net 30");
  EXPECT_EQ(revision.lines_size(), 1);
  EXPECT_EQ(revision.revised_from(), "quotes/1");
  EXPECT_EQ(revision.document_sha256(), "");
  EXPECT_EQ(revision.decline_reason(), "");
  EXPECT_EQ(FromDate(revision.expire_date()), kToday);
  Quote later;
  ASSERT_TRUE(ReviseQuote(At(kToday + std::chrono::hours(24)), quote, later).ok());
  EXPECT_FALSE(later.has_expire_date());  // that has passed
}

TEST_F(QuoteRulesTest, NumbersTellTheirKindAndRevision) {
  EXPECT_EQ(DocumentNumber('Q', 12), "Q-000012");
  EXPECT_EQ(DocumentNumber('S', 1234567), "S-1234567");
  Quote quote;
  quote.set_number("Q-000012");
  quote.set_revision_number(1);
  EXPECT_EQ(BaseNumber(quote), "Q-000012");
  quote.set_number("Q-000012-3");
  quote.set_revision_number(3);
  EXPECT_EQ(BaseNumber(quote), "Q-000012");
}

}  // namespace
}  // namespace embudo::pipeline::logic
