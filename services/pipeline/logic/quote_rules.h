#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "embudo/type/v1/catalog.pb.h"
#include "embudo/type/v1/contact.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "embudo/type/v1/quote.pb.h"
#include "services/pipeline/logic/lead_rules.h"

namespace embudo::pipeline::logic {

/// Products by resource name; none of them deleted.
using Products = std::map<std::string, type::v1::Product, std::less<>>;

/// The life of a quote and its order as rules on values; see lead_rules.h. Errors name fields as the requests have them
/// (`quote.lines[2].quantity`), and preconditions as violations.

/// Whether quotes can be made from the lead: an open or won opportunity.
absl::Status CheckQuotable(const type::v1::Lead& lead);
/// Fills what a new quote leaves open with what is known of the customer. `contact` and `company` are those that the
/// quote names; nullptr where it names none.
void FillCustomer(const type::v1::Lead& lead, const type::v1::Contact* contact, const type::v1::Contact* company,
                  type::v1::Quote& quote);
/// Fills what else a new quote leaves open: currency, and lines from the products discussed, or else from the expected
/// revenue. Its state is DRAFT.
absl::Status FillFromLead(const Scene& scene, const type::v1::Lead& lead, const Products& products,
                          type::v1::Quote& quote);
/// Completes and checks a draft, new or changed: its lines (products, prices), totals and last day. `before` is nullptr
/// for a new one.
absl::Status PrepareDraft(const Scene& scene, const Products& products, const type::v1::Quote* before,
                          type::v1::Quote& quote);

absl::Status CheckDraft(const type::v1::Quote& quote);
/// Fixes a draft; its document is still to be made.
absl::Status SendQuote(const Scene& scene, type::v1::Quote& quote);
/// Marks what `by`, its revision, takes the place of.
absl::Status SupersedeQuote(const type::v1::Quote& by, type::v1::Quote& quote);
/// The draft of the next revision, without name and number.
absl::Status ReviseQuote(const Scene& scene, const type::v1::Quote& quote, type::v1::Quote& revision);
absl::Status AcceptQuote(const Scene& scene, const type::v1::Signature& signature, type::v1::Quote& quote);
absl::Status DeclineQuote(const std::string& reason, type::v1::Quote& quote);
absl::Status CancelQuote(type::v1::Quote& quote);
/// Whether the last day of a sent quote has passed where the tenant is.
bool IsOverdue(const Scene& scene, const type::v1::Quote& quote);
/// Whether the quote is still in play: a draft, sent, or accepted.
bool IsOpen(const type::v1::Quote& quote);

/// Makes the quote an order. `order` has its name and number; the rest is filled.
absl::Status ConfirmQuote(const Scene& scene, type::v1::Order& order, type::v1::Quote& quote);
absl::Status CancelOrder(const std::string& reason, type::v1::Order& order);

/// `Q-000012` for 12 and 'Q'.
std::string DocumentNumber(char kind, int64_t number);
/// The number without its revision: `Q-000012` of `Q-000012-2`.
std::string BaseNumber(const type::v1::Quote& quote);

}  // namespace embudo::pipeline::logic
