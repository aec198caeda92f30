#include "services/pipeline/logic/quote_rules.h"

#include <algorithm>
#include <set>

#include "common/base/error.h"
#include "common/text/dates.h"
#include "common/text/email.h"
#include "services/pipeline/logic/quote_totals.h"

namespace embudo::pipeline::logic {
namespace {

using type::v1::Contact;
using type::v1::Lead;
using type::v1::Order;
using type::v1::Product;
using type::v1::Quote;
using type::v1::QuoteLine;

constexpr std::chrono::days kValidFor{30};

Day Today(const Scene& scene) { return text::DayIn(scene.now, scene.catalog.tenant.time_zone()); }

std::string StateText(const Quote& quote) {
  switch (quote.state()) {
    case Quote::STATE_DRAFT:
      return "a draft";
    case Quote::STATE_SENT:
      return "sent";
    case Quote::STATE_ACCEPTED:
      return "accepted";
    case Quote::STATE_CONFIRMED:
      return "confirmed";
    case Quote::STATE_DECLINED:
      return "declined";
    case Quote::STATE_CANCELLED:
      return "cancelled";
    case Quote::STATE_REVISED:
      return "revised";
    case Quote::STATE_EXPIRED:
      return "expired";
    default:
      return "in no state";
  }
}

/// `what` says what it is not, or is: "not sent".
absl::Status WrongState(const Quote& quote, const std::string& reason, const std::string& what) {
  return Error(absl::StatusCode::kFailedPrecondition, reason, quote.name() + " is " + what)
      .Meta("quote", quote.name())
      .Meta("state", StateText(quote))
      .Violation("STATE", quote.name(), "is " + what);
}

absl::Status Expired(const Quote& quote) {
  return WrongState(quote, "QUOTE_EXPIRED", "expired since " + FormatDate(quote.expire_date()));
}

/// Of a quote that has to be sent.
absl::Status NotSent(const Quote& quote) {
  if (quote.state() == Quote::STATE_EXPIRED) return Expired(quote);
  return WrongState(quote, "QUOTE_NOT_SENT", StateText(quote) + ", not sent");
}

std::string FirstOf(std::initializer_list<std::string> texts) {
  const auto* found = std::find_if(texts.begin(), texts.end(), [](const std::string& text) { return !text.empty(); });
  return found == texts.end() ? "" : *found;
}

std::string AddressText(const google::type::PostalAddress& address) {
  std::string text;
  const auto add = [&](const std::string& line) {
    if (!line.empty()) text += (text.empty() ? "" : "\n") + line;
  };
  for (const std::string& line : address.address_lines()) add(line);
  const bool both = !address.postal_code().empty() && !address.locality().empty();
  add(address.postal_code() + (both ? " " : "") + address.locality());
  add(address.administrative_area());
  add(address.region_code());
  return text;
}

/// The price of a product in the quote's currency, for the line or lines in `field`.
absl::Status PriceOf(const Scene& scene, const Product& product, const std::string& currency, const std::string& field,
                     google::type::Money* price) {
  if (!product.has_price()) {
    return InvalidField(field, product.name() + " (" + product.display_name() + ") has no price: give one");
  }
  *price = product.price();
  if (price->currency_code().empty()) price->set_currency_code(scene.catalog.tenant.currency_code());
  if (price->currency_code() == currency) return absl::OkStatus();
  return InvalidField(field, product.name() + " (" + product.display_name() + ") is priced in " +
                                 price->currency_code() + ", the quote is in " + currency + ": give a unit_price");
}

absl::Status CompleteLine(const Scene& scene, const Products& products, const std::set<std::string>& kept, int index,
                          Quote& quote) {
  QuoteLine& line = *quote.mutable_lines(index);
  const std::string field = "quote.lines[" + std::to_string(index) + "].";
  const auto product = products.find(line.product());
  // One that has been deleted since stays in the lines that have it.
  if (!line.product().empty() && product == products.end() && !kept.contains(line.product())) {
    return InvalidField(field + "product", "there is no " + line.product());
  }
  if (line.description().empty() && product != products.end()) {
    line.set_description(product->second.display_name());
  }
  if (!line.has_unit_price()) {
    if (product == products.end()) return InvalidField(field + "unit_price", "is required where there is no product");
    return PriceOf(scene, product->second, quote.currency_code(), field + "unit_price", line.mutable_unit_price());
  }
  if (line.unit_price().currency_code().empty()) line.mutable_unit_price()->set_currency_code(quote.currency_code());
  if (line.unit_price().currency_code() != quote.currency_code()) {
    return InvalidField(field + "unit_price",
                        "is in " + line.unit_price().currency_code() + ", the quote is in " + quote.currency_code());
  }
  return absl::OkStatus();
}

absl::Status CheckExpireDate(const Scene& scene, const Quote* before, Quote& quote) {
  const Day today = Today(scene);
  if (!quote.has_expire_date()) *quote.mutable_expire_date() = ToDate(today + kValidFor);
  const bool changed = before == nullptr || FromDate(before->expire_date()) != FromDate(quote.expire_date());
  if (changed && FromDate(quote.expire_date()) < today) return InvalidField("quote.expire_date", "has passed");
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckQuotable(const Lead& lead) {
  if (lead.kind() != Lead::KIND_OPPORTUNITY) {
    return Error(absl::StatusCode::kFailedPrecondition, "LEAD_NOT_CONVERTED", lead.name() + " is no opportunity yet")
        .Meta("lead", lead.name())
        .Violation("KIND", lead.name(), "is an unqualified lead: convert it first");
  }
  if (lead.state() != Lead::STATE_LOST) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "LEAD_NOT_OPEN", lead.name() + " is lost")
      .Meta("lead", lead.name())
      .Meta("state", "lost")
      .Violation("STATE", lead.name(), "is lost, not open or won");
}

void FillCustomer(const Lead& lead, const Contact* contact, const Contact* company, Quote& quote) {
  // What the lead says of a person or company is said of its own ones only.
  const bool own_contact = quote.contact() == lead.contact();
  const bool own_company = quote.company() == lead.company();
  const std::string person = contact == nullptr ? "" : contact->display_name();
  const std::string firm = company == nullptr ? "" : company->display_name();
  if (quote.customer_name().empty()) {
    quote.set_customer_name(FirstOf({firm, own_company ? lead.company_name() : "", person,
                                     own_contact ? lead.contact_name() : "", lead.display_name()}));
  }
  if (quote.customer_email().empty()) {
    quote.set_customer_email(FirstOf({own_contact ? lead.email() : "", contact == nullptr ? "" : contact->email(),
                                      company == nullptr ? "" : company->email()}));
  }
  if (!quote.customer_address().empty()) return;
  for (const Contact* source : {company, contact}) {
    if (source != nullptr && quote.customer_address().empty()) {
      quote.set_customer_address(AddressText(source->address()));
    }
  }
}

absl::Status FillFromLead(const Scene& scene, const Lead& lead, const Products& products, Quote& quote) {
  quote.set_state(Quote::STATE_DRAFT);
  if (quote.revision_number() == 0) quote.set_revision_number(1);
  if (quote.currency_code().empty()) {
    quote.set_currency_code(FirstOf({lead.expected_revenue().currency_code(), scene.catalog.tenant.currency_code()}));
  }
  if (quote.lines_size() > 0) return absl::OkStatus();
  for (const std::string& name : lead.products()) {
    const auto product = products.find(name);
    if (product == products.end()) continue;  // deleted since it was discussed
    QuoteLine& line = *quote.add_lines();
    line.set_product(name);
    EMBUDO_RETURN_IF_ERROR(
        PriceOf(scene, product->second, quote.currency_code(), "quote.lines", line.mutable_unit_price()));
  }
  if (quote.lines_size() > 0 || !lead.has_expected_revenue()) return absl::OkStatus();
  if (lead.expected_revenue().currency_code() != quote.currency_code()) {
    return InvalidField("quote.currency_code",
                        "the expected revenue is in " + lead.expected_revenue().currency_code() + ": give lines");
  }
  QuoteLine& line = *quote.add_lines();
  line.set_description(lead.display_name());
  *line.mutable_unit_price() = lead.expected_revenue();
  return absl::OkStatus();
}

absl::Status PrepareDraft(const Scene& scene, const Products& products, const Quote* before, Quote& quote) {
  if (!quote.customer_email().empty()) {
    auto email = text::NormaliseEmail(quote.customer_email());
    if (!email.ok()) return InvalidField("quote.customer_email", MessageOf(email.status()));
    quote.set_customer_email(*email);
  }
  std::set<std::string> kept;
  const Quote* source = before == nullptr && !quote.revised_from().empty() ? &quote : before;
  if (source != nullptr) {
    for (const QuoteLine& line : source->lines()) kept.insert(line.product());
  }
  for (int i = 0; i < quote.lines_size(); ++i) {
    EMBUDO_RETURN_IF_ERROR(CompleteLine(scene, products, kept, i, quote));
  }
  EMBUDO_RETURN_IF_ERROR(CheckExpireDate(scene, before, quote));
  return ComputeTotals(quote);
}

absl::Status CheckDraft(const Quote& quote) {
  if (quote.state() == Quote::STATE_DRAFT) return absl::OkStatus();
  return WrongState(quote, "QUOTE_NOT_DRAFT", StateText(quote) + ", no draft");
}

absl::Status SendQuote(const Scene& scene, Quote& quote) {
  EMBUDO_RETURN_IF_ERROR(CheckDraft(quote));
  if (quote.lines_size() == 0) return WrongState(quote, "QUOTE_EMPTY", "without a line");
  quote.set_state(Quote::STATE_SENT);
  *quote.mutable_send_time() = ToTimestamp(scene.now);
  return IsOverdue(scene, quote) ? Expired(quote) : absl::OkStatus();
}

absl::Status SupersedeQuote(const Quote& by, Quote& quote) {
  if (quote.state() == Quote::STATE_CONFIRMED || quote.state() == Quote::STATE_REVISED) {
    return WrongState(quote, quote.state() == Quote::STATE_REVISED ? "QUOTE_REVISED" : "QUOTE_CONFIRMED",
                      StateText(quote) + " already");
  }
  quote.set_state(Quote::STATE_REVISED);
  quote.set_revised_by(by.name());
  return absl::OkStatus();
}

absl::Status ReviseQuote(const Scene& scene, const Quote& quote, Quote& revision) {
  if (quote.state() == Quote::STATE_DRAFT) {
    return WrongState(quote, "QUOTE_NOT_SENT", "a draft, which can be changed itself");
  }
  Quote older = quote;
  EMBUDO_RETURN_IF_ERROR(SupersedeQuote(revision, older));
  revision.set_lead(quote.lead());
  revision.set_revised_from(quote.name());
  revision.set_contact(quote.contact());
  revision.set_company(quote.company());
  revision.set_customer_name(quote.customer_name());
  revision.set_customer_email(quote.customer_email());
  revision.set_customer_address(quote.customer_address());
  revision.set_currency_code(quote.currency_code());
  *revision.mutable_lines() = quote.lines();
  revision.set_terms(quote.terms());
  revision.set_note(quote.note());
  if (FromDate(quote.expire_date()) >= Today(scene)) *revision.mutable_expire_date() = quote.expire_date();
  return absl::OkStatus();
}

absl::Status AcceptQuote(const Scene& scene, const type::v1::Signature& signature, Quote& quote) {
  if (quote.state() != Quote::STATE_SENT) return NotSent(quote);
  if (IsOverdue(scene, quote)) return Expired(quote);
  if (signature.document_sha256() != quote.document_sha256()) {
    return Error(absl::StatusCode::kFailedPrecondition, "DOCUMENT_MISMATCH",
                 "signature.document_sha256: another document than the one that was sent")
        .Meta("quote", quote.name())
        .Meta("document_sha256", quote.document_sha256())
        .Violation("DOCUMENT", quote.name(), "its document's SHA-256 is " + quote.document_sha256());
  }
  quote.set_state(Quote::STATE_ACCEPTED);
  *quote.mutable_signature() = signature;
  *quote.mutable_signature()->mutable_sign_time() = ToTimestamp(scene.now);
  return absl::OkStatus();
}

absl::Status DeclineQuote(const std::string& reason, Quote& quote) {
  if (quote.state() != Quote::STATE_SENT) return NotSent(quote);
  quote.set_state(Quote::STATE_DECLINED);
  quote.set_decline_reason(reason);
  return absl::OkStatus();
}

absl::Status CancelQuote(Quote& quote) {
  const bool over = quote.state() == Quote::STATE_CONFIRMED || quote.state() == Quote::STATE_CANCELLED ||
                    quote.state() == Quote::STATE_REVISED;
  if (over) return WrongState(quote, "QUOTE_CLOSED", StateText(quote) + " already");
  quote.set_state(Quote::STATE_CANCELLED);
  return absl::OkStatus();
}

bool IsOverdue(const Scene& scene, const Quote& quote) {
  return quote.state() == Quote::STATE_SENT && FromDate(quote.expire_date()) < Today(scene);
}

bool IsOpen(const Quote& quote) {
  return quote.state() == Quote::STATE_DRAFT || quote.state() == Quote::STATE_SENT ||
         quote.state() == Quote::STATE_ACCEPTED;
}

absl::Status ConfirmQuote(const Scene& scene, Order& order, Quote& quote) {
  if (quote.state() != Quote::STATE_SENT && quote.state() != Quote::STATE_ACCEPTED) return NotSent(quote);
  if (IsOverdue(scene, quote)) return Expired(quote);
  quote.set_state(Quote::STATE_CONFIRMED);
  quote.set_order(order.name());
  order.set_quote(quote.name());
  order.set_lead(quote.lead());
  order.set_state(Order::STATE_CONFIRMED);
  order.set_contact(quote.contact());
  order.set_company(quote.company());
  order.set_customer_name(quote.customer_name());
  order.set_customer_email(quote.customer_email());
  order.set_customer_address(quote.customer_address());
  order.set_currency_code(quote.currency_code());
  *order.mutable_lines() = quote.lines();
  *order.mutable_net_total() = quote.net_total();
  *order.mutable_taxes() = quote.taxes();
  *order.mutable_tax_total() = quote.tax_total();
  *order.mutable_total() = quote.total();
  *order.mutable_confirm_time() = ToTimestamp(scene.now);
  if (quote.has_signature()) *order.mutable_signature() = quote.signature();
  return absl::OkStatus();
}

absl::Status CancelOrder(const std::string& reason, Order& order) {
  if (order.state() != Order::STATE_CONFIRMED) {
    return Error(absl::StatusCode::kFailedPrecondition, "ORDER_CANCELLED", order.name() + " is cancelled already")
        .Meta("order", order.name())
        .Violation("STATE", order.name(), "is cancelled already");
  }
  order.set_state(Order::STATE_CANCELLED);
  order.set_cancel_reason(reason);
  return absl::OkStatus();
}

std::string DocumentNumber(char kind, int64_t number) {
  std::string digits = std::to_string(number);
  digits.insert(0, 6 - std::min<size_t>(6, digits.size()), '0');
  return std::string(1, kind) + "-" + digits;
}

std::string BaseNumber(const Quote& quote) {
  return quote.revision_number() <= 1 ? quote.number() : quote.number().substr(0, quote.number().rfind('-'));
}

}  // namespace embudo::pipeline::logic
