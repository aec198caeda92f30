#include "services/capture/http/link_pages.h"

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/money.h"
#include "common/log/log.h"
#include "common/text/email.h"
#include "common/text/unicode.h"
#include "embudo/pipeline/v1/contact_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/quote_service.pb.h"
#include "services/capture/events/intake.h"
#include "services/capture/logic/field_map.h"
#include "services/capture/storage/public_keys.h"

namespace embudo::capture::http {
namespace {

using logic::FormFields;
using logic::Link;
using logic::LinkKind;
using type::v1::Contact;
using type::v1::Quote;

constexpr size_t kMaxSigner = 300;
constexpr size_t kMaxReason = 5000;
/// Of one mail address.
constexpr int kMostContacts = 100;

Response Gone() { return MessagePage(404, "This link is not valid", "It may have expired. Please ask for a new one."); }

Response Unavailable(const absl::Status& status) {
  log::Warning("links: the pipeline service did not answer as it should", {{"reason", MessageOf(status)}});
  Response response = MessagePage(503, "Not available", "Please try again in a moment.");
  response.headers.emplace_back("Retry-After", "5");
  return response;
}

/// The answer to a call that failed: the record is away, or the service is.
Response FailureOf(const absl::Status& status) {
  return status.code() == absl::StatusCode::kNotFound ? Gone() : Unavailable(status);
}

std::string Amount(const google::type::Money& money) {
  return EscapeHtml(ToNumeric(money) + " " + money.currency_code());
}

std::string Row(const char* title, const std::string& html) {
  return std::string("<dt>") + title + "</dt><dd>" + html + "</dd>";
}

/// What can be said of a quote that is not open any more; empty for one that is.
std::string ClosedText(const Quote& quote) {
  switch (quote.state()) {
    case Quote::STATE_SENT:
      return "";
    case Quote::STATE_ACCEPTED:
    case Quote::STATE_CONFIRMED:
      return "This quote was accepted" +
             (quote.has_signature() ? " by " + quote.signature().signer_name() : std::string()) + ".";
    case Quote::STATE_DECLINED:
      return "This quote was declined.";
    case Quote::STATE_REVISED:
      return "This quote was replaced by a newer one.";
    case Quote::STATE_EXPIRED:
      return "This quote has expired.";
    default:
      return "This quote was withdrawn.";
  }
}

std::string QuoteForms(const Quote& quote, const std::string& path) {
  return "<section><h2>Accept</h2><form method=\"post\" action=\"" + path +
         "/accept\"><input type=\"hidden\" name=\"document_sha256\" value=\"" + EscapeHtml(quote.document_sha256()) +
         "\"><label for=\"n\">Your name</label>"
         "<input id=\"n\" type=\"text\" name=\"signer_name\" required maxlength=\"300\" autocomplete=\"name\">"
         "<label for=\"e\">Your mail address (optional)</label>"
         "<input id=\"e\" type=\"email\" name=\"signer_email\" maxlength=\"320\" autocomplete=\"email\">"
         "<label><input type=\"checkbox\" name=\"agree\" value=\"yes\" required> I have read the document and accept "
         "it with my name as signature.</label><button>Accept and sign</button></form></section>"
         "<section><h2>Decline</h2><form method=\"post\" action=\"" +
         path +
         "/decline\"><label for=\"r\">Why (optional)</label>"
         "<textarea id=\"r\" name=\"reason\" rows=\"3\" maxlength=\"5000\"></textarea>"
         "<button>Decline</button></form></section>";
}

/// Without characters that a header's value may not hold.
std::string FileName(const std::string& name) {
  std::string out;
  for (const char c : name) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    out += plain ? c : '_';
  }
  return out;
}

/// The same for each try of one action behind one link.
std::string RequestId(const std::string& what) { return Uuid::V5(EmbudoUuidSpace(), "link:" + what).ToString(); }

}  // namespace

absl::StatusOr<Quote> LinkPages::GetQuote(const Link& link) {
  pipeline::v1::GetQuoteRequest request;
  request.set_name(link.name);
  return pipeline_.Call<Quote>("embudo.pipeline.v1.QuoteService/GetQuote", events::CaptureIdentity(link.tenant),
                               request);
}

Answer LinkPages::HandleQuote(const Visitor& visitor, const Request& request, const std::string& rest) {
  const size_t slash = rest.find('/');
  const std::string token = rest.substr(0, slash);
  const std::string action = slash == std::string::npos ? "" : rest.substr(slash + 1);
  const bool reads = action.empty() || action == "document";
  if (!reads && action != "accept" && action != "decline") return {NotFoundAnswer()};
  const auto link = signer_.Read(token, clock_.Now());
  if (!link || link->kind != LinkKind::kQuote) return {Gone()};
  Answer answer{{}, link->tenant, link->name};
  const auto served = storage::IsServed(worker_pool_, link->tenant, visitor.deadline);
  if (!served.ok() || !*served) {
    answer.response = MessagePage(503, "Not now", "This offer can't be shown at the moment.");
    return answer;
  }
  if (reads) {
    const bool good = request.method == "GET" || request.method == "HEAD";
    answer.response = !good            ? MethodNotAllowed("GET, HEAD")
                      : action.empty() ? ShowQuote(*link, token)
                                       : ShowDocument(*link);
    return answer;
  }
  if (request.method != "POST") return {MethodNotAllowed("POST"), link->tenant, link->name};
  const auto fields = logic::ParseFormBody(request.Header("Content-Type"), request.body);
  if (!fields.ok()) {
    answer.response = MessagePage(400, "This did not work", MessageOf(fields.status()));
  } else {
    answer.response = action == "accept" ? Accept(visitor, *link, token, *fields) : Decline(*link, token, *fields);
  }
  return answer;
}

Response LinkPages::ShowQuote(const Link& link, const std::string& token) {
  const auto quote = GetQuote(link);
  if (!quote.ok()) return FailureOf(quote.status());
  if (quote->document_sha256().empty()) return Gone();
  const std::string path = "/q/" + token;
  std::string body = "<dl>" + Row("For", EscapeHtml(quote->customer_name())) + Row("Total", Amount(quote->total()));
  if (quote->has_expire_date()) body += Row("Valid until", FormatDate(quote->expire_date()));
  body += Row("Document", "<a href=\"" + path + "/document\">" + EscapeHtml(quote->number()) + ".pdf</a>") + "</dl>";
  const std::string closed = ClosedText(*quote);
  body += closed.empty() ? QuoteForms(*quote, path) : "<p>" + EscapeHtml(closed) + "</p>";
  return HtmlPage(200, "Quote " + quote->number(), body);
}

Response LinkPages::ShowDocument(const Link& link) {
  pipeline::v1::GetQuoteDocumentRequest request;
  request.set_name(link.name);
  const auto document = pipeline_.Call<pipeline::v1::QuoteDocument>("embudo.pipeline.v1.QuoteService/GetQuoteDocument",
                                                                    events::CaptureIdentity(link.tenant), request);
  if (!document.ok()) return FailureOf(document.status());
  if (document->file_name().ends_with("-draft.pdf")) return Gone();
  return {200,
          "application/pdf",
          document->content(),
          {{"Content-Disposition", "inline; filename=\"" + FileName(document->file_name()) + "\""}}};
}

Response LinkPages::Accept(const Visitor& visitor, const Link& link, const std::string& token,
                           const FormFields& fields) {
  pipeline::v1::AcceptQuoteRequest request;
  request.set_name(link.name);
  auto& signature = *request.mutable_signature();
  signature.set_signer_name(text::CutText(fields.Get("signer_name"), kMaxSigner));
  signature.set_document_sha256(fields.Get("document_sha256"));
  signature.set_ip_address(visitor.address);
  if (signature.signer_name().empty() || fields.Get("agree").empty()) {
    return MessagePage(422, "This did not work", "Please go back, give your name and tick the box.");
  }
  if (!fields.Get("signer_email").empty()) {
    const auto email = text::NormaliseEmail(fields.Get("signer_email"));
    if (!email.ok()) return MessagePage(422, "This did not work", "Please go back: the mail address is not one.");
    signature.set_signer_email(*email);
  }
  request.set_request_id(RequestId("accept:" + token + ":" + signature.SerializeAsString()));
  const auto quote = pipeline_.Call<Quote>("embudo.pipeline.v1.QuoteService/AcceptQuote",
                                           events::CaptureIdentity(link.tenant), request);
  if (quote.ok())
    return MessagePage(200, "Thank you", "The quote was accepted and signed by " + signature.signer_name() + ".");
  const auto code = quote.status().code();
  // It is no longer open, or another document than the one that was shown: the page tells how it stands.
  if (code == absl::StatusCode::kFailedPrecondition || code == absl::StatusCode::kInvalidArgument) {
    Response page = ShowQuote(link, token);
    if (page.status == 200) page.status = 409;
    return page;
  }
  return FailureOf(quote.status());
}

Response LinkPages::Decline(const Link& link, const std::string& token, const FormFields& fields) {
  pipeline::v1::DeclineQuoteRequest request;
  request.set_name(link.name);
  request.set_decline_reason(text::CutText(fields.Get("reason"), kMaxReason));
  request.set_request_id(RequestId("decline:" + token + ":" + request.decline_reason()));
  const auto quote = pipeline_.Call<Quote>("embudo.pipeline.v1.QuoteService/DeclineQuote",
                                           events::CaptureIdentity(link.tenant), request);
  if (quote.ok()) return MessagePage(200, "Thank you", "We have taken down that you decline the quote.");
  if (quote.status().code() == absl::StatusCode::kFailedPrecondition) {
    Response page = ShowQuote(link, token);
    if (page.status == 200) page.status = 409;
    return page;
  }
  return FailureOf(quote.status());
}

Answer LinkPages::HandleUnsubscribe(const Visitor&, const Request& request, const std::string& token) {
  const auto link = signer_.Read(token, clock_.Now());
  if (!link || link->kind != LinkKind::kUnsubscribe) return {Gone()};
  Answer answer{{}, link->tenant, link->name};
  if (request.method == "POST") {
    answer.response = Unsubscribe(*link, token);
  } else if (request.method == "GET" || request.method == "HEAD") {
    // Looking changes nothing: mail scanners follow links.
    answer.response = HtmlPage(200, "Unsubscribe",
                               "<p>You will get no more mails from us.</p><form method=\"post\" action=\"/u/" + token +
                                   "\"><button>Unsubscribe</button></form>");
  } else {
    answer.response = MethodNotAllowed("GET, HEAD, POST");
  }
  return answer;
}

Response LinkPages::Unsubscribe(const Link& link, const std::string& token) {
  const absl::StatusOr<std::vector<std::string>> contacts = ContactsOf(link, token);
  absl::Status status = contacts.status();
  for (size_t i = 0; status.ok() && i < contacts->size(); ++i) {
    pipeline::v1::UpdateContactRequest request;
    request.mutable_contact()->set_name((*contacts)[i]);
    request.mutable_contact()->set_do_not_contact(true);
    request.mutable_update_mask()->add_paths("do_not_contact");
    request.set_request_id(
        RequestId("unsubscribe:" + token + ":" + FormatTime(clock_.Now()) + request.contact().name()));
    status = pipeline_
                 .Call<Contact>("embudo.pipeline.v1.ContactService/UpdateContact", events::CaptureIdentity(link.tenant),
                                request)
                 .status();
    // A contact that is no longer there gets no more mails either.
    if (status.code() == absl::StatusCode::kNotFound) status = absl::OkStatus();
  }
  if (!status.ok()) return Unavailable(status);
  return MessagePage(200, "Unsubscribed", "You will get no more mails from us.");
}

absl::StatusOr<std::vector<std::string>> LinkPages::ContactsOf(const Link& link, const std::string& token) {
  if (!link.name.starts_with("leads/")) return std::vector{link.name};
  const auto identity = events::CaptureIdentity(link.tenant);
  pipeline::v1::GetLeadRequest get;
  get.set_name(link.name);
  const auto lead = pipeline_.Call<type::v1::Lead>("embudo.pipeline.v1.LeadService/GetLead", identity, get);
  if (lead.status().code() == absl::StatusCode::kNotFound) return std::vector<std::string>();
  if (!lead.ok()) return lead.status();
  if (!lead->contact().empty()) return std::vector{lead->contact()};
  if (lead->email().empty()) return std::vector<std::string>();
  std::vector<std::string> contacts;
  if (lead->email().find_first_of("\"\\") == std::string::npos) {
    pipeline::v1::ListContactsRequest list;
    list.set_filter("email = \"" + lead->email() + "\"");
    list.set_page_size(kMostContacts);
    EMBUDO_ASSIGN_OR_RETURN(const auto found, pipeline_.Call<pipeline::v1::ListContactsResponse>(
                                                  "embudo.pipeline.v1.ContactService/ListContacts", identity, list));
    for (const Contact& contact : found.contacts()) contacts.push_back(contact.name());
  }
  if (!contacts.empty()) return contacts;
  // Nobody knows the address yet: that it is not to be written to must stand somewhere.
  pipeline::v1::CreateContactRequest create;
  create.mutable_contact()->set_display_name(lead->contact_name().empty() ? lead->email() : lead->contact_name());
  create.mutable_contact()->set_email(lead->email());
  create.mutable_contact()->set_do_not_contact(true);
  create.set_request_id(RequestId("unsubscribe:" + token));
  EMBUDO_RETURN_IF_ERROR(
      pipeline_.Call<Contact>("embudo.pipeline.v1.ContactService/CreateContact", identity, create).status());
  return std::vector<std::string>();
}

}  // namespace embudo::capture::http
