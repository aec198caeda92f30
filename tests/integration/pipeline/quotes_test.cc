// Quotes: made from a lead, sent as a document, signed, revised, expired.

#include <openssl/sha.h>

#include "absl/strings/escaping.h"
#include "common/base/error.h"
#include "services/pipeline/events/quote_expiry.h"
#include "services/pipeline/rpc/records.h"
#include "tests/integration/pipeline/quote_fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using std::chrono::hours;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;
using type::v1::Lead;
using type::v1::Quote;

class QuoteTest : public QuoteFixture {
 protected:
  std::string CreateProduct(const std::string& display_name, const google::type::Money* price) const {
    pipeline::v1::CreateProductRequest request;
    request.mutable_product()->set_display_name(display_name);
    if (price != nullptr) *request.mutable_product()->mutable_price() = *price;
    return admin_.Must<type::v1::Product>(request).name();
  }
  std::string CreateProduct(const std::string& display_name, const std::string& price,
                            const std::string& currency = "USD") const {
    const google::type::Money money = Amount(price, currency);
    return CreateProduct(display_name, &money);
  }
  pipeline::v1::QuoteDocument Document(const std::string& quote) const {
    return admin_.Must<pipeline::v1::QuoteDocument>(Named<pipeline::v1::GetQuoteDocumentRequest>(quote));
  }
  absl::StatusOr<Quote> Update(const Quote& quote, std::initializer_list<const char*> paths) const {
    pipeline::v1::UpdateQuoteRequest request;
    *request.mutable_quote() = quote;
    request.mutable_quote()->clear_etag();
    for (const char* path : paths) request.mutable_update_mask()->add_paths(path);
    return admin_.Call<Quote>(request);
  }
  std::vector<std::string> ListAs(const Caller& caller) const {
    std::vector<std::string> names;
    const auto page = caller.Must<pipeline::v1::ListQuotesResponse>(pipeline::v1::ListQuotesRequest());
    for (const Quote& quote : page.quotes()) {
      names.push_back(quote.name());
    }
    return names;
  }
  /// One pass over the overdue quotes.
  static int Expire() {
    const std::string& postgres = suite().database().conninfo();
    db::Pool pool(db::ConninfoFor(postgres, "pipeline_rpc", "test"), 2);
    pipeline::rpc::Records records(pool, suite().clock(), [] {});
    pipeline::events::QuoteExpiry expiry(db::ConninfoFor(postgres, "pipeline_worker", "test"), records.quotes(),
                                         suite().clock());
    const auto expired = expiry.RunOnce();
    EXPECT_TRUE(expired.ok()) << expired.status();
    return expired.value_or(-1);
  }
  static std::string Sha256(const std::string& bytes) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
    return absl::BytesToHexString({reinterpret_cast<const char*>(digest), sizeof digest});
  }
};

TEST_F(QuoteTest, IsFilledFromTheExpectedRevenue) {
  const Lead lead = CreateDeal();
  const Quote quote = CreateQuote(lead.name());
  EXPECT_EQ(quote.state(), Quote::STATE_DRAFT);
  EXPECT_EQ(quote.number(), "Q-000001");
  EXPECT_EQ(quote.revision_number(), 1);
  EXPECT_EQ(quote.customer_name(), "Acme");
  EXPECT_EQ(quote.customer_email(), "ada@example.com");
  EXPECT_EQ(quote.currency_code(), "USD");
  EXPECT_EQ(quote.creator(), "users/admin");
  ASSERT_EQ(quote.lines_size(), 1);
  EXPECT_EQ(quote.lines(0).description(), "Ten laptops");
  EXPECT_EQ(quote.lines(0).quantity(), "1");
  EXPECT_THAT(quote.lines(0).net_amount(), SameAs(Amount("1000")));
  EXPECT_THAT(quote.total(), SameAs(Amount("1000")));
  EXPECT_EQ(FromDate(quote.expire_date()),
            std::chrono::floor<std::chrono::days>(suite().clock().Now()) + std::chrono::days(30));
  EXPECT_EQ(CreateQuote(lead.name()).number(), "Q-000002");

  const auto events = EventsAbout(quote.name());
  ASSERT_THAT(TypesOf(events), ElementsAre("quote.created"));
  EXPECT_THAT(events[0].data().quote(), SameAs(quote));
  EXPECT_EQ("leads/" + events[0].partition_key(), lead.name());
}

TEST_F(QuoteTest, IsFilledFromTheProductsDiscussed) {
  const std::string laptop = CreateProduct("Laptop", "1200.50");
  const std::string bag = CreateProduct("Bag", "49.99");
  const Lead lead = CreateDeal([&](Lead& l) {
    l.add_products(laptop);
    l.add_products(bag);
  });
  const Quote quote = CreateQuote(lead.name());
  ASSERT_EQ(quote.lines_size(), 2);
  EXPECT_EQ(quote.lines(0).product(), laptop);
  EXPECT_EQ(quote.lines(0).description(), "Laptop");
  EXPECT_THAT(quote.lines(0).unit_price(), SameAs(Amount("1200.50")));
  EXPECT_THAT(quote.net_total(), SameAs(Amount("1250.49")));
}

TEST_F(QuoteTest, IsFilledFromContactAndCompany) {
  pipeline::v1::CreateContactRequest company;
  company.mutable_contact()->set_display_name("Acme Holding");
  company.mutable_contact()->set_kind(type::v1::Contact::KIND_COMPANY);
  auto& address = *company.mutable_contact()->mutable_address();
  address.add_address_lines("1 Main St");
  address.set_locality("Springfield");
  address.set_postal_code("12345");
  address.set_region_code("US");
  const std::string company_name = admin_.Must<type::v1::Contact>(company).name();
  pipeline::v1::CreateContactRequest person;
  person.mutable_contact()->set_display_name("Ada");
  person.mutable_contact()->set_email("ada@acme.example");
  const std::string person_name = admin_.Must<type::v1::Contact>(person).name();
  const Lead lead = CreateDeal([&](Lead& l) {
    l.clear_company_name();
    l.clear_email();
    l.set_company(company_name);
    l.set_contact(person_name);
  });
  const Quote quote = CreateQuote(lead.name());
  EXPECT_EQ(quote.contact(), person_name);
  EXPECT_EQ(quote.company(), company_name);
  EXPECT_EQ(quote.customer_name(), "Acme Holding");
  EXPECT_EQ(quote.customer_email(), "ada@acme.example");
  EXPECT_EQ(quote.customer_address(), "1 Main St\n12345 Springfield\nUS");

  auto unknown = NewQuote(lead.name());
  unknown.mutable_quote()->set_contact("contacts/" + NewRequestId());
  EXPECT_THAT(BadFields(admin_.Call<Quote>(unknown).status()), ElementsAre("quote.contact"));
}

TEST_F(QuoteTest, GivenLinesGetTheirProductsNameAndPrice) {
  const std::string laptop = CreateProduct("Laptop", "1200");
  auto request = NewQuote(CreateDeal().name());
  auto& line = *request.mutable_quote()->add_lines();
  line.set_product(laptop);
  line.set_quantity("10.0");
  line.set_discount_percent("5");
  line.set_tax_percent("8.25");
  auto& text = *request.mutable_quote()->add_lines();
  text.set_description("Delivery");
  text.mutable_unit_price()->set_units(80);
  const Quote quote = admin_.Must<Quote>(request);
  EXPECT_EQ(quote.lines(0).description(), "Laptop");
  EXPECT_EQ(quote.lines(0).quantity(), "10");
  EXPECT_THAT(quote.lines(0).net_amount(), SameAs(Amount("11400")));
  EXPECT_THAT(quote.lines(1).unit_price(), SameAs(Amount("80")));
  EXPECT_THAT(quote.net_total(), SameAs(Amount("11480")));
  EXPECT_THAT(quote.tax_total(), SameAs(Amount("940.5")));
  EXPECT_THAT(quote.total(), SameAs(Amount("12420.5")));
  EXPECT_THAT(GetQuote(quote.name()), SameAs(quote));
}

TEST_F(QuoteTest, EachWrongFieldIsNamed) {
  const std::string lead = CreateDeal().name();
  const std::string laptop = CreateProduct("Laptop", "1200", "EUR");
  const std::string gift = CreateProduct("Gift", nullptr);
  const auto refused = [&](const std::function<void(type::v1::QuoteLine&)>& change) {
    auto request = NewQuote(lead);
    auto& line = *request.mutable_quote()->add_lines();
    line.set_description("Work");
    *line.mutable_unit_price() = Amount("10");
    change(line);
    const auto status = admin_.Call<Quote>(request).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status;
    const auto fields = BadFields(status);
    return fields.empty() ? "" : fields[0];
  };
  EXPECT_EQ(refused([](auto& line) { line.set_quantity("0"); }), "quote.lines[0].quantity");
  EXPECT_EQ(refused([](auto& line) { line.set_quantity("-1"); }), "quote.lines[0].quantity");
  EXPECT_EQ(refused([](auto& line) { line.set_discount_percent("101"); }), "quote.lines[0].discount_percent");
  EXPECT_EQ(refused([](auto& line) { line.set_tax_percent("100.5"); }), "quote.lines[0].tax_percent");
  EXPECT_EQ(refused([](auto& line) { *line.mutable_unit_price() = Amount("1", "EUR"); }), "quote.lines[0].unit_price");
  EXPECT_EQ(refused([](auto& line) { line.clear_unit_price(); }), "quote.lines[0].unit_price");
  EXPECT_EQ(refused([](auto& line) { line.set_product("products/none"); }), "quote.lines[0].product");
  EXPECT_EQ(refused([&](auto& line) { line.set_product(gift), line.clear_unit_price(); }), "quote.lines[0].unit_price");
  EXPECT_EQ(refused([](auto& line) {
              line.set_quantity("999999999999");
              *line.mutable_unit_price() = Amount("99999999999");
            }),
            "quote.lines[0].quantity");
  // A product in another currency is named; a price of its own makes it good.
  auto request = NewQuote(lead);
  request.mutable_quote()->add_lines()->set_product(laptop);
  const auto status = admin_.Call<Quote>(request).status();
  EXPECT_THAT(BadFields(status), ElementsAre("quote.lines[0].unit_price"));
  EXPECT_THAT(MessageOf(status), HasSubstr(laptop));
  *request.mutable_quote()->mutable_lines(0)->mutable_unit_price() = Amount("1300");
  EXPECT_TRUE(admin_.Call<Quote>(request).ok());
  const Lead discussed = CreateDeal([&](Lead& l) { l.add_products(laptop); });
  EXPECT_THAT(BadFields(admin_.Call<Quote>(NewQuote(discussed.name())).status()), ElementsAre("quote.lines"));

  auto past = NewQuote(lead);
  *past.mutable_quote()->mutable_expire_date() =
      ToDate(std::chrono::floor<std::chrono::days>(suite().clock().Now()) - std::chrono::days(1));
  EXPECT_THAT(BadFields(admin_.Call<Quote>(past).status()), ElementsAre("quote.expire_date"));
  EXPECT_THAT(BadFields(admin_.Call<Quote>(NewQuote("leads/" + NewRequestId())).status()), ElementsAre("quote.lead"));
  EXPECT_THAT(ListAs(admin_).size(), 1u);
}

TEST_F(QuoteTest, NeedsAnOpenOrWonOpportunity) {
  const Lead unqualified = CreateDeal([](Lead& l) { l.set_kind(Lead::KIND_LEAD); });
  EXPECT_THAT(admin_.Call<Quote>(NewQuote(unqualified.name())),
              IsError(StatusCode::kFailedPrecondition, "LEAD_NOT_CONVERTED"));
  const Lead lost = CreateDeal();
  Lose(lost.name());
  EXPECT_THAT(admin_.Call<Quote>(NewQuote(lost.name())), IsError(StatusCode::kFailedPrecondition, "LEAD_NOT_OPEN"));
  const Lead won = CreateDeal();
  auto win = Named<pipeline::v1::WinLeadRequest>(won.name());
  win.set_override_reason("they called");
  admin_.Must<Lead>(win);
  EXPECT_EQ(CreateQuote(won.name()).state(), Quote::STATE_DRAFT);
}

TEST_F(QuoteTest, OnlyADraftIsChangedOrDeleted) {
  const Quote draft = CreateQuote(CreateDeal().name());
  Quote changed = draft;
  changed.set_terms("Net 30");
  changed.mutable_lines(0)->set_quantity("2");
  const auto updated = Update(changed, {"terms", "lines"});
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->terms(), "Net 30");
  EXPECT_THAT(updated->total(), SameAs(Amount("2000")));
  EXPECT_EQ(updated->number(), draft.number());

  ASSERT_TRUE(Send(draft.name()).ok());
  const auto not_draft = IsError(StatusCode::kFailedPrecondition, "QUOTE_NOT_DRAFT");
  changed.set_terms("Net 60");
  EXPECT_THAT(Update(changed, {"terms"}), not_draft);
  EXPECT_THAT(Update(changed, {"note"}), not_draft);
  EXPECT_THAT(admin_.Call<Quote>(Named<pipeline::v1::DeleteQuoteRequest>(draft.name())), not_draft);
  EXPECT_THAT(Send(draft.name()), not_draft);
  EXPECT_EQ(GetQuote(draft.name()).terms(), "Net 30");
}

TEST_F(QuoteTest, ADeletedProductStaysInTheLinesThatHaveIt) {
  const std::string laptop = CreateProduct("Laptop", "1200");
  auto request = NewQuote(CreateDeal().name());
  request.mutable_quote()->add_lines()->set_product(laptop);
  Quote quote = admin_.Must<Quote>(request);
  admin_.Must<type::v1::Product>(Named<pipeline::v1::DeleteProductRequest>(laptop));
  quote.set_terms("Net 30");
  EXPECT_TRUE(Update(quote, {"terms"}).ok());
  ASSERT_TRUE(Send(quote.name()).ok());
  EXPECT_TRUE(Revise(quote.name()).ok());
  EXPECT_THAT(BadFields(admin_.Call<Quote>(request).status()), ElementsAre("quote.lines[0].product"));
}

TEST_F(QuoteTest, ItsDocumentIsFixedWhenItIsSent) {
  const Quote draft = CreateQuote(CreateDeal().name());
  const auto preview = Document(draft.name());
  EXPECT_THAT(preview.content(), StartsWith("%PDF-"));
  EXPECT_EQ(preview.file_name(), "Q-000001-draft.pdf");
  EXPECT_EQ(preview.sha256(), Sha256(preview.content()));

  const auto sent = Send(draft.name());
  ASSERT_TRUE(sent.ok()) << sent.status();
  EXPECT_EQ(sent->state(), Quote::STATE_SENT);
  EXPECT_EQ(FromTimestamp(sent->send_time()), suite().clock().Now());
  suite().Advance(hours(48));
  const auto document = Document(draft.name());
  EXPECT_EQ(document.file_name(), "Q-000001.pdf");
  EXPECT_EQ(document.sha256(), sent->document_sha256());
  EXPECT_EQ(Sha256(document.content()), sent->document_sha256());
  EXPECT_NE(document.sha256(), preview.sha256());  // which says that it is a draft
  EXPECT_THAT(TypesOf(EventsAbout(draft.name())), ElementsAre("quote.created", "quote.sent"));
}

TEST_F(QuoteTest, AQuoteWithoutLinesIsNotSent) {
  const Quote quote = CreateQuote(CreateDeal([](Lead& l) { l.clear_expected_revenue(); }).name());
  EXPECT_EQ(quote.lines_size(), 0);
  EXPECT_THAT(Send(quote.name()), IsError(StatusCode::kFailedPrecondition, "QUOTE_EMPTY"));
}

TEST_F(QuoteTest, ValidateOnlySendsNothing) {
  const Quote draft = CreateQuote(CreateDeal().name());
  auto request = Named<pipeline::v1::SendQuoteRequest>(draft.name());
  request.set_validate_only(true);
  EXPECT_EQ(admin_.Must<Quote>(request).state(), Quote::STATE_SENT);
  EXPECT_THAT(GetQuote(draft.name()), SameAs(draft));
  auto create = NewQuote(draft.lead());
  create.set_validate_only(true);
  EXPECT_EQ(admin_.Must<Quote>(create).number(), "");
  EXPECT_EQ(CreateQuote(draft.lead()).number(), "Q-000002");  // no number was used up
}

TEST_F(QuoteTest, ARepeatedSendGetsTheFirstAnswer) {
  const Quote draft = CreateQuote(CreateDeal().name());
  auto request = Named<pipeline::v1::SendQuoteRequest>(draft.name());
  request.set_request_id(NewRequestId());
  const Quote sent = admin_.Must<Quote>(request);
  ASSERT_TRUE(Accept(sent).ok());
  EXPECT_THAT(admin_.Must<Quote>(request), SameAs(sent));
  request.set_etag("17");
  EXPECT_THAT(admin_.Call<Quote>(request), IsError(StatusCode::kInvalidArgument, "REQUEST_ID_REUSED"));
}

TEST_F(QuoteTest, ARevisionTakesThePlaceOfTheOneBefore) {
  const Quote first = SentQuote(CreateDeal().name());
  const auto revision = Revise(first.name());
  ASSERT_TRUE(revision.ok()) << revision.status();
  EXPECT_EQ(revision->state(), Quote::STATE_DRAFT);
  EXPECT_EQ(revision->number(), "Q-000001-2");
  EXPECT_EQ(revision->revision_number(), 2);
  EXPECT_EQ(revision->revised_from(), first.name());
  EXPECT_EQ(revision->document_sha256(), "");
  EXPECT_FALSE(revision->has_send_time());
  EXPECT_THAT(revision->total(), SameAs(first.total()));
  EXPECT_EQ(GetQuote(first.name()).state(), Quote::STATE_SENT);

  ASSERT_TRUE(Send(revision->name()).ok());
  const Quote older = GetQuote(first.name());
  EXPECT_EQ(older.state(), Quote::STATE_REVISED);
  EXPECT_EQ(older.revised_by(), revision->name());
  EXPECT_EQ(older.document_sha256(), first.document_sha256());
  const auto events = EventsAbout(first.name());
  EXPECT_THAT(TypesOf(events), ElementsAre("quote.created", "quote.sent", "quote.revised"));
  EXPECT_EQ(events[2].previous().quote().state(), Quote::STATE_SENT);
  EXPECT_THAT(Accept(older), IsError(StatusCode::kFailedPrecondition, "QUOTE_NOT_SENT"));

  const auto third = Revise(revision->name());
  ASSERT_TRUE(third.ok()) << third.status();
  EXPECT_EQ(third->number(), "Q-000001-3");
  EXPECT_THAT(Revise(first.name()), IsError(StatusCode::kFailedPrecondition, "QUOTE_REVISED"));
  EXPECT_THAT(Revise(third->name()), IsError(StatusCode::kFailedPrecondition, "QUOTE_NOT_SENT"));
}

TEST_F(QuoteTest, OfTwoRevisionsOneTakesThePlace) {
  const Quote first = SentQuote(CreateDeal().name());
  const auto one = Revise(first.name());
  const auto two = Revise(first.name());
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_EQ(two->number(), "Q-000001-3");
  ASSERT_TRUE(Send(two->name()).ok());
  EXPECT_THAT(Send(one->name()), IsError(StatusCode::kFailedPrecondition, "QUOTE_REVISED"));
  EXPECT_EQ(GetQuote(first.name()).revised_by(), two->name());
}

TEST_F(QuoteTest, ARepeatedReviseGetsTheFirstAnswer) {
  const Quote first = SentQuote(CreateDeal().name());
  auto request = Named<pipeline::v1::ReviseQuoteRequest>(first.name());
  request.set_request_id(NewRequestId());
  const Quote revision = admin_.Must<Quote>(request);
  EXPECT_THAT(admin_.Must<Quote>(request), SameAs(revision));
  ASSERT_TRUE(Send(revision.name()).ok());
  EXPECT_THAT(admin_.Must<Quote>(request), SameAs(revision));
  EXPECT_THAT(ListAs(admin_), UnorderedElementsAre(first.name(), revision.name()));

  auto other = Named<pipeline::v1::ReviseQuoteRequest>(revision.name());
  other.set_etag("1");
  EXPECT_THAT(admin_.Call<Quote>(other), IsError(StatusCode::kAborted, "STALE_ETAG"));
  other.clear_etag();
  other.set_validate_only(true);
  EXPECT_EQ(admin_.Must<Quote>(other).number(), "Q-000001-3");
  EXPECT_THAT(ListAs(admin_).size(), 2u);
}

TEST_F(QuoteTest, IsAcceptedWithASignatureOfItsVeryDocument) {
  const Quote quote = SentQuote(CreateDeal().name());
  const auto mismatch = admin_.Call<Quote>(Signed(quote.name(), std::string(64, 'a')));
  EXPECT_THAT(mismatch, IsError(StatusCode::kFailedPrecondition, "DOCUMENT_MISMATCH"));
  EXPECT_THAT(Violations(mismatch.status()), ElementsAre(quote.name()));
  EXPECT_THAT(BadFields(admin_.Call<Quote>(Signed(quote.name(), "abc")).status()),
              ElementsAre("signature.document_sha256"));
  EXPECT_EQ(GetQuote(quote.name()).state(), Quote::STATE_SENT);

  suite().Advance(hours(1));
  auto request = Signed(quote.name(), Document(quote.name()).sha256());
  *request.mutable_signature()->mutable_sign_time() = ToTimestamp(Time());  // the caller's clock does not count
  const Quote accepted = admin_.Must<Quote>(request);
  EXPECT_EQ(accepted.state(), Quote::STATE_ACCEPTED);
  EXPECT_EQ(accepted.signature().signer_name(), "Ada Lovelace");
  EXPECT_EQ(accepted.signature().ip_address(), "192.0.2.7");
  EXPECT_EQ(FromTimestamp(accepted.signature().sign_time()), suite().clock().Now());
  EXPECT_THAT(TypesOf(EventsAbout(quote.name())), ElementsAre("quote.created", "quote.sent", "quote.accepted"));
  EXPECT_THAT(Accept(accepted), IsError(StatusCode::kFailedPrecondition, "QUOTE_NOT_SENT"));
}

TEST_F(QuoteTest, ADraftIsNeitherAcceptedNorDeclined) {
  const Quote draft = CreateQuote(CreateDeal().name());
  EXPECT_THAT(admin_.Call<Quote>(Signed(draft.name(), std::string(64, 'a'))),
              IsError(StatusCode::kFailedPrecondition, "QUOTE_NOT_SENT"));
  EXPECT_THAT(Decline(draft.name()), IsError(StatusCode::kFailedPrecondition, "QUOTE_NOT_SENT"));
}

TEST_F(QuoteTest, IsDeclinedOrCancelled) {
  const std::string lead = CreateDeal().name();
  const Quote declined = *Decline(SentQuote(lead).name());
  EXPECT_EQ(declined.state(), Quote::STATE_DECLINED);
  EXPECT_EQ(declined.decline_reason(), "Too slow");
  EXPECT_THAT(TypesOf(EventsAbout(declined.name())), ElementsAre("quote.created", "quote.sent", "quote.declined"));
  const Quote cancelled = *Cancel(CreateQuote(lead).name());
  EXPECT_EQ(cancelled.state(), Quote::STATE_CANCELLED);
  EXPECT_THAT(TypesOf(EventsAbout(cancelled.name())), ElementsAre("quote.created", "quote.cancelled"));
  EXPECT_THAT(Cancel(cancelled.name()), IsError(StatusCode::kFailedPrecondition, "QUOTE_CLOSED"));
  EXPECT_THAT(Document(cancelled.name()).content(), StartsWith("%PDF-"));
}

TEST_F(QuoteTest, TheLastDayCountsWhereTheTenantIs) {
  suite().Query("UPDATE pipeline.tenant SET time_zone = 'America/Los_Angeles' WHERE tenant_id = $1",
                db::Params::Of(tenant_));
  const Day today = std::chrono::floor<std::chrono::days>(suite().clock().Now());
  auto request = NewQuote(CreateDeal().name());
  *request.mutable_quote()->mutable_expire_date() = ToDate(today + std::chrono::days(2));
  const Quote first = *Send(admin_.Must<Quote>(request).name());
  const Quote second = *Send(admin_.Must<Quote>(request).name());
  // Three days on it is the last day's evening there, and the next morning in Greenwich.
  const Time third_day = today + std::chrono::days(3);
  suite().Advance(std::chrono::duration_cast<std::chrono::seconds>(third_day + hours(6) - suite().clock().Now()));
  Expire();
  EXPECT_EQ(GetQuote(second.name()).state(), Quote::STATE_SENT);
  EXPECT_TRUE(Accept(first).ok());
  suite().Advance(hours(3));
  EXPECT_THAT(Accept(second), IsError(StatusCode::kFailedPrecondition, "QUOTE_EXPIRED"));
  EXPECT_THAT(Confirm(second.name()), IsError(StatusCode::kFailedPrecondition, "QUOTE_EXPIRED"));

  Expire();
  const Quote expired = GetQuote(second.name());
  EXPECT_EQ(expired.state(), Quote::STATE_EXPIRED);
  EXPECT_EQ(GetQuote(first.name()).state(), Quote::STATE_ACCEPTED);
  const auto events = EventsAbout(second.name());
  ASSERT_THAT(TypesOf(events), ElementsAre("quote.created", "quote.sent", "quote.expired"));
  EXPECT_EQ(events[2].actor(), "services/pipeline");
  EXPECT_EQ(events[2].origin(), type::v1::ORIGIN_SYSTEM);
  EXPECT_EQ(Expire(), 0);
  EXPECT_EQ(EventsAbout(second.name()).size(), 3u);
  EXPECT_THAT(Accept(expired), IsError(StatusCode::kFailedPrecondition, "QUOTE_EXPIRED"));

  const auto revision = Revise(second.name());
  ASSERT_TRUE(revision.ok()) << revision.status();
  EXPECT_GT(FromDate(revision->expire_date()), FromDate(expired.expire_date()));
}

TEST_F(QuoteTest, AnOverdueDraftIsNotSent) {
  const Quote draft = CreateQuote(CreateDeal().name());
  suite().Advance(hours(24 * 31));
  EXPECT_THAT(Send(draft.name()), IsError(StatusCode::kFailedPrecondition, "QUOTE_EXPIRED"));
}

TEST_F(QuoteTest, IsSeenByWhoSeesTheLead) {
  CreateUser("rep", type::v1::User::VISIBILITY_OWN);
  const auto deal_of = [&](const std::string& owner) { return CreateDeal([&](Lead& l) { l.set_owner(owner); }); };
  const std::string own = CreateQuote(deal_of("users/rep").name()).name();
  const Quote others = CreateQuote(deal_of("").name());
  EXPECT_THAT(ListAs(rep_), ElementsAre(own));
  EXPECT_THAT(ListAs(admin_), UnorderedElementsAre(own, others.name()));
  const auto not_found = IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND");
  EXPECT_THAT(rep_.Call<Quote>(Named<pipeline::v1::GetQuoteRequest>(others.name())), not_found);
  EXPECT_THAT(rep_.Call<Quote>(Named<pipeline::v1::SendQuoteRequest>(others.name())), not_found);
  EXPECT_THAT(rep_.Call<pipeline::v1::QuoteDocument>(Named<pipeline::v1::GetQuoteDocumentRequest>(others.name())),
              not_found);
  EXPECT_THAT(BadFields(rep_.Call<Quote>(NewQuote(others.lead())).status()), ElementsAre("quote.lead"));
  EXPECT_TRUE(rep_.Call<Quote>(Named<pipeline::v1::SendQuoteRequest>(own)).ok());
}

TEST_F(QuoteTest, AFollowerReadsOnly) {
  CreateUser("rep", type::v1::User::VISIBILITY_OWN);
  const Lead lead = CreateDeal();
  suite().Query("UPDATE pipeline.lead SET followers = '{rep}' WHERE tenant_id = $1", db::Params::Of(tenant_));
  const Quote quote = CreateQuote(lead.name());
  EXPECT_TRUE(rep_.Call<Quote>(Named<pipeline::v1::GetQuoteRequest>(quote.name())).ok());
  const auto read_only = IsError(StatusCode::kPermissionDenied, "READ_ONLY_ACCESS");
  EXPECT_THAT(rep_.Call<Quote>(Named<pipeline::v1::SendQuoteRequest>(quote.name())), read_only);
  EXPECT_THAT(rep_.Call<Quote>(Named<pipeline::v1::DeleteQuoteRequest>(quote.name())), read_only);
  EXPECT_THAT(rep_.Call<Quote>(NewQuote(lead.name())), read_only);
}

TEST_F(QuoteTest, AnotherTenantSeesNone) {
  const Quote quote = SentQuote(CreateDeal().name());
  const Caller other = suite().As(suite().NewTenant(), type::v1::ROLE_ADMIN);
  const auto not_found = IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND");
  EXPECT_THAT(other.Call<pipeline::v1::QuoteDocument>(Named<pipeline::v1::GetQuoteDocumentRequest>(quote.name())),
              not_found);
  EXPECT_THAT(other.Call<Quote>(Signed(quote.name(), quote.document_sha256())), not_found);
  EXPECT_THAT(other.Call<Quote>(Named<pipeline::v1::ReviseQuoteRequest>(quote.name())), not_found);
  EXPECT_THAT(other.Call<type::v1::Order>(Named<pipeline::v1::ConfirmQuoteRequest>(quote.name())), not_found);
}

TEST_F(QuoteTest, TheLargestQuoteIsSentAndRead) {
  // As much as the event of its creation can hold.
  std::string text;
  while (text.size() < 450) text += "lorem ipsum dolor 製品 ";
  auto request = NewQuote(CreateDeal().name());
  for (int i = 0; i < 500; ++i) {
    auto& line = *request.mutable_quote()->add_lines();
    line.set_description(text + std::to_string(i));
    *line.mutable_unit_price() = Amount("0.01");
    line.set_tax_percent(std::to_string(i % 100));
  }
  const Quote quote = admin_.Must<Quote>(request);
  EXPECT_EQ(quote.taxes_size(), 99);
  const auto sent = Send(quote.name());
  ASSERT_TRUE(sent.ok()) << sent.status();
  EXPECT_EQ(Document(quote.name()).sha256(), sent->document_sha256());

  for (auto& line : *request.mutable_quote()->mutable_lines()) line.set_description(text + text);
  const absl::Status larger = admin_.Call<Quote>(request).status();
  EXPECT_EQ(ReasonOf(larger), "EVENT_TOO_LARGE") << larger;
}

}  // namespace
}  // namespace embudo::testing
