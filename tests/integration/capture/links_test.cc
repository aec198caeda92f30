// Signed links: a quote seen, signed and declined by its customer; no more mails.

#include "common/base/sha256.h"
#include "embudo/capture/v1/link_service.pb.h"
#include "embudo/pipeline/v1/contact_service.pb.h"
#include "embudo/pipeline/v1/quote_service.pb.h"
#include "tests/integration/capture/public_fixture.h"

namespace embudo::testing {
namespace {

using capture::v1::PublicLink;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using type::v1::Contact;
using type::v1::Quote;

class LinksTest : public PublicTest {
 protected:
  Quote NewQuote() {
    pipeline::v1::CreateLeadRequest lead;
    lead.mutable_lead()->set_display_name("Ten laptops");
    lead.mutable_lead()->set_kind(Lead::KIND_OPPORTUNITY);
    lead.mutable_lead()->set_company_name("A & <b>Co</b>");
    *lead.mutable_lead()->mutable_expected_revenue() = *MoneyFromNumeric("1000", "USD");
    pipeline::v1::CreateQuoteRequest request;
    request.mutable_quote()->set_lead(Pipeline<Lead>("LeadService/CreateLead", lead).name());
    return Pipeline<Quote>("QuoteService/CreateQuote", request);
  }
  Quote SentQuote() {
    pipeline::v1::SendQuoteRequest send;
    send.set_name(NewQuote().name());
    return Pipeline<Quote>("QuoteService/SendQuote", send);
  }
  Quote GetQuote(const std::string& name) {
    pipeline::v1::GetQuoteRequest request;
    request.set_name(name);
    return Pipeline<Quote>("QuoteService/GetQuote", request);
  }
  absl::StatusOr<PublicLink> LinkTo(const std::string& quote) {
    capture::v1::CreateQuoteLinkRequest request;
    request.set_quote(quote);
    return Capture<PublicLink>("LinkService/CreateQuoteLink", request);
  }
  /// The path of a link, as a client of the same host asks for it.
  std::string PathOf(const absl::StatusOr<PublicLink>& link) const {
    EXPECT_TRUE(link.ok()) << link.status();
    const std::string begin = "http://" + installation_->public_address;
    if (!link.ok()) return "/";
    EXPECT_THAT(link->uri(), StartsWith(begin));
    return link->uri().substr(begin.size());
  }
};

TEST_F(LinksTest, AQuoteIsSeenAndSigned) {
  const Quote quote = SentQuote();
  const std::string path = PathOf(LinkTo(quote.name()));
  const auto page = Http().Get(path);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->status, 200);
  EXPECT_THAT(page->body, HasSubstr(quote.number()));
  EXPECT_THAT(page->body, HasSubstr("A &amp; &lt;b&gt;Co&lt;/b&gt;"));
  EXPECT_THAT(page->body, Not(HasSubstr("<b>Co")));
  EXPECT_THAT(page->body, HasSubstr("1000 USD"));
  EXPECT_THAT(page->body, Not(HasSubstr("<script")));
  EXPECT_THAT(page->get_header_value("Content-Security-Policy"), HasSubstr("form-action 'self'"));
  EXPECT_EQ(page->get_header_value("Referrer-Policy"), "no-referrer");
  const auto document = Http().Get(path + "/document");
  EXPECT_EQ(document->get_header_value("Content-Type"), "application/pdf");
  EXPECT_EQ(Sha256Hex(document->body), quote.document_sha256());

  const httplib::Params form = {
      {"signer_name", "Ada Lovelace"}, {"agree", "yes"}, {"document_sha256", quote.document_sha256()}};
  const auto unsigned_yet = Http().Post(path + "/accept", httplib::Params{{"signer_name", "Ada"}});
  EXPECT_EQ(unsigned_yet->status, 422);
  const auto another =
      Http().Post(path + "/accept",
                  httplib::Params{{"signer_name", "Ada"}, {"agree", "yes"}, {"document_sha256", std::string(64, '0')}});
  EXPECT_EQ(another->status, 409);
  EXPECT_EQ(GetQuote(quote.name()).state(), Quote::STATE_SENT);
  // Sent twice, as an impatient person does.
  for (int i = 0; i < 2; ++i) {
    const auto accepted = Http().Post(path + "/accept", form);
    EXPECT_EQ(accepted->status, 200) << accepted->body;
    EXPECT_THAT(accepted->body, HasSubstr("signed by Ada Lovelace"));
  }
  const Quote signed_quote = GetQuote(quote.name());
  EXPECT_EQ(signed_quote.state(), Quote::STATE_ACCEPTED);
  EXPECT_EQ(signed_quote.signature().signer_name(), "Ada Lovelace");
  EXPECT_EQ(signed_quote.signature().ip_address(), "127.0.0.1");
  EXPECT_THAT(Http().Get(path)->body, HasSubstr("accepted by Ada Lovelace"));
  EXPECT_EQ(Http().Post(path + "/decline", httplib::Params{{"reason", "Too late"}})->status, 409);
}

TEST_F(LinksTest, AQuoteIsDeclined) {
  const Quote quote = SentQuote();
  const std::string path = PathOf(LinkTo(quote.name()));
  EXPECT_EQ(Http().Get(path + "/decline")->status, 405);
  EXPECT_EQ(Http().Post(path, "", "text/plain")->status, 405);
  EXPECT_EQ(Http().Post(path + "/decline", httplib::Params{{"reason", "Too dear"}})->status, 200);
  EXPECT_EQ(GetQuote(quote.name()).state(), Quote::STATE_DECLINED);
  EXPECT_EQ(GetQuote(quote.name()).decline_reason(), "Too dear");
  EXPECT_THAT(Http().Get(path)->body, HasSubstr("was declined"));
}

TEST_F(LinksTest, OneClickEndsTheMails) {
  pipeline::v1::CreateContactRequest create;
  create.mutable_contact()->set_display_name("Ada");
  create.mutable_contact()->set_email("ada@example.com");
  create.mutable_contact()->set_kind(Contact::KIND_PERSON);
  const std::string contact = Pipeline<Contact>("ContactService/CreateContact", create).name();
  capture::v1::CreateUnsubscribeLinkRequest request;
  request.set_contact(contact);
  const std::string path = PathOf(Capture<PublicLink>("LinkService/CreateUnsubscribeLink", request));
  const auto refuses = [&] {
    pipeline::v1::GetContactRequest get;
    get.set_name(contact);
    return Pipeline<Contact>("ContactService/GetContact", get).do_not_contact();
  };
  // Mail scanners follow links: looking changes nothing.
  EXPECT_EQ(Http().Get(path)->status, 200);
  EXPECT_FALSE(refuses());
  const auto click = Http().Post(path, "List-Unsubscribe=One-Click", "application/x-www-form-urlencoded");
  EXPECT_EQ(click->status, 200);
  EXPECT_TRUE(refuses());
  EXPECT_EQ(Http().Post(path, "", "application/x-www-form-urlencoded")->status, 200);
}

TEST_F(LinksTest, WhoeverHasTheAddressOfALeadCanEndTheMails) {
  const auto contacts = [&](const std::string& email) {
    pipeline::v1::ListContactsRequest list;
    list.set_filter("email = \"" + email + "\"");
    return Pipeline<pipeline::v1::ListContactsResponse>("ContactService/ListContacts", list);
  };
  const auto link_of_lead = [&](const std::string& email, const std::string& contact = "") {
    pipeline::v1::CreateLeadRequest create;
    create.mutable_lead()->set_display_name("Deal");
    create.mutable_lead()->set_contact_name("Eve");
    create.mutable_lead()->set_email(email);
    create.mutable_lead()->set_contact(contact);
    capture::v1::CreateUnsubscribeLinkRequest request;
    request.set_lead(Pipeline<Lead>("LeadService/CreateLead", create).name());
    return PathOf(Capture<PublicLink>("LinkService/CreateUnsubscribeLink", request));
  };
  const auto click = [&](const std::string& path) {
    return Http().Post(path, "List-Unsubscribe=One-Click", "application/x-www-form-urlencoded")->status;
  };
  const std::string path = link_of_lead("eve@example.com");
  EXPECT_EQ(Http().Get(path)->status, 200);
  EXPECT_EQ(contacts("eve@example.com").contacts_size(), 0);
  EXPECT_EQ(click(path), 200);
  EXPECT_EQ(click(path), 200);
  auto found = contacts("eve@example.com");
  ASSERT_EQ(found.contacts_size(), 1);
  EXPECT_TRUE(found.contacts(0).do_not_contact());
  EXPECT_EQ(found.contacts(0).display_name(), "Eve");

  // Those who are known by the address are marked, and nobody is made.
  pipeline::v1::CreateContactRequest create;
  create.mutable_contact()->set_display_name("Bob");
  create.mutable_contact()->set_email("bob@example.com");
  const std::string bob = Pipeline<Contact>("ContactService/CreateContact", create).name();
  EXPECT_EQ(click(link_of_lead("bob@example.com")), 200);
  found = contacts("bob@example.com");
  ASSERT_EQ(found.contacts_size(), 1);
  EXPECT_TRUE(found.contacts(0).do_not_contact());
  // A lead's own contact, whatever the lead's address.
  create.mutable_contact()->set_display_name("Ada");
  create.mutable_contact()->set_email("ada@example.com");
  const std::string ada = Pipeline<Contact>("ContactService/CreateContact", create).name();
  EXPECT_EQ(click(link_of_lead("other@example.com", ada)), 200);
  EXPECT_TRUE(contacts("ada@example.com").contacts(0).do_not_contact());
  EXPECT_EQ(contacts("other@example.com").contacts_size(), 0);

  capture::v1::CreateUnsubscribeLinkRequest neither;
  EXPECT_EQ(ReasonOf(Capture<PublicLink>("LinkService/CreateUnsubscribeLink", neither).status()), "INVALID_FIELD");
  neither.set_lead("leads/018f0000-0000-7000-8000-000000000000");
  EXPECT_EQ(Capture<PublicLink>("LinkService/CreateUnsubscribeLink", neither).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(LinksTest, OnlyGoodLinksOpenAnything) {
  const Quote quote = SentQuote();
  std::string path = PathOf(LinkTo(quote.name()));
  // A link to a quote is none to end the mails.
  EXPECT_EQ(Http().Get("/u/" + path.substr(3))->status, 404);
  path[10] = path[10] == 'A' ? 'B' : 'A';
  const auto forged = Http().Get(path);
  EXPECT_EQ(forged->status, 404);
  EXPECT_THAT(forged->body, Not(HasSubstr(quote.number())));
  EXPECT_EQ(Http().Get("/q/nonsense")->status, 404);
  EXPECT_EQ(ReasonOf(LinkTo(NewQuote().name()).status()), "QUOTE_NOT_SENT");
  EXPECT_EQ(LinkTo("quotes/018f0000-0000-7000-8000-000000000000").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(LinkTo("leads/x").status()), "INVALID_FIELD");
  capture::v1::CreateQuoteLinkRequest request;
  request.set_quote(quote.name());
  *request.mutable_expire_time() = ToTimestamp(Clock::System().Now() - std::chrono::seconds(1));
  EXPECT_EQ(ReasonOf(Capture<PublicLink>("LinkService/CreateQuoteLink", request).status()), "INVALID_FIELD");
  rpc::Identity stranger = admin_;
  stranger.tenant = "other-" + tenant_.substr(0, 20);
  request.clear_expire_time();
  EXPECT_EQ(
      capture_->Call<PublicLink>("embudo.capture.v1.LinkService/CreateQuoteLink", stranger, request).status().code(),
      absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace embudo::testing
