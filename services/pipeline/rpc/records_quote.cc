// Rules of quotes and orders.

#include "common/base/error.h"
#include "embudo/type/v1/quote.pb.h"
#include "services/pipeline/logic/quote_rules.h"
#include "services/pipeline/rpc/records.h"
#include "services/pipeline/storage/quotes.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using resource::Rules;
using namespace type::v1;  // NOLINT(google-build-using-namespace): the resources and their events

std::string LeadNameOf(const Message& record) { return resource::GetText(record, "lead"); }

/// The contact of that name; nullptr where there is no name.
absl::StatusOr<std::unique_ptr<Contact>> LoadContact(Records& records, const CallContext& call,
                                                     const std::string& field, const std::string& name) {
  if (name.empty()) return std::unique_ptr<Contact>();
  absl::StatusOr<resource::Record> loaded = records.contacts().Load(call, name);
  if (!loaded.ok()) return InvalidField(field, "there is no " + name);
  return std::make_unique<Contact>(static_cast<const Contact&>(*loaded->message));
}

/// What a new quote leaves open comes from its lead. `lead` becomes that.
absl::Status PrefillQuote(Records& records, const CallContext& call, Lead& lead, Quote& quote) {
  absl::StatusOr<resource::Record> loaded = records.leads().Load(call, quote.lead());
  if (!loaded.ok()) return InvalidField("quote.lead", "there is no " + quote.lead());
  lead = static_cast<const Lead&>(*loaded->message);
  quote.set_lead(lead.name());  // a merged one's survivor
  EMBUDO_RETURN_IF_ERROR(records.CheckMayEdit(call, lead));
  EMBUDO_RETURN_IF_ERROR(logic::CheckQuotable(lead));
  if (!quote.revised_from().empty()) return absl::OkStatus();
  if (quote.contact().empty()) quote.set_contact(lead.contact());
  if (quote.company().empty()) quote.set_company(lead.company());
  EMBUDO_ASSIGN_OR_RETURN(const auto contact, LoadContact(records, call, "quote.contact", quote.contact()));
  EMBUDO_ASSIGN_OR_RETURN(const auto company, LoadContact(records, call, "quote.company", quote.company()));
  logic::FillCustomer(lead, contact.get(), company.get(), quote);
  return absl::OkStatus();
}

absl::Status CheckContacts(Records& records, const CallContext& call, const Quote& before, const Quote& quote) {
  if (quote.contact() != before.contact()) {
    EMBUDO_RETURN_IF_ERROR(LoadContact(records, call, "quote.contact", quote.contact()).status());
  }
  if (quote.company() != before.company()) {
    EMBUDO_RETURN_IF_ERROR(LoadContact(records, call, "quote.company", quote.company()).status());
  }
  return absl::OkStatus();
}

absl::Status PrepareQuote(Records& records, const CallContext& call, const Quote* before, Quote& quote) {
  if (before != nullptr && before->state() != Quote::STATE_DRAFT) {
    // Methods of its life change its state; what is left is an update or a deletion.
    return quote.state() == before->state() ? logic::CheckDraft(quote) : absl::OkStatus();
  }
  if (before != nullptr && quote.state() != Quote::STATE_DRAFT) return absl::OkStatus();
  Lead lead;
  EMBUDO_RETURN_IF_ERROR(before == nullptr ? PrefillQuote(records, call, lead, quote)
                                           : CheckContacts(records, call, *before, quote));
  std::vector<std::string> names(lead.products().begin(), lead.products().end());
  for (const QuoteLine& line : quote.lines()) names.push_back(line.product());
  EMBUDO_ASSIGN_OR_RETURN(const logic::Products products,
                          storage::LoadProducts(records.pool(), call.tenant(), call.deadline, names));
  return records.WithScene(call, [&](const logic::Scene& scene) -> absl::Status {
    if (before == nullptr) EMBUDO_RETURN_IF_ERROR(logic::FillFromLead(scene, lead, products, quote));
    return logic::PrepareDraft(scene, products, before, quote);
  });
}

}  // namespace

Rules Records::OfLead(EventType created, EventType updated, EventType deleted) {
  Rules rules;
  rules.created = created;
  rules.updated = updated;
  rules.deleted = deleted;
  rules.default_order = "create_time desc";
  rules.visible = [this](const CallContext& call, const Message& record) {
    return SeesAll(call) || leads_.Load(call, LeadNameOf(record), true).ok();
  };
  if (leads_.rules().visible_sql) {
    rules.visible_sql = [this](const CallContext& call, db::Params& params) -> absl::StatusOr<std::string> {
      EMBUDO_ASSIGN_OR_RETURN(const std::string visible, leads_.rules().visible_sql(call, params));
      if (visible.empty()) return "";
      params.Add(call.tenant());
      return "t.lead_id IN (SELECT t.lead_id FROM pipeline.lead t WHERE t.tenant_id = $" +
             std::to_string(params.size()) + " AND " + visible + ")";
    };
  }
  rules.writable = [this](const CallContext& call, const Message& record) -> absl::Status {
    if (SeesAll(call)) return absl::OkStatus();
    EMBUDO_ASSIGN_OR_RETURN(const resource::Record lead, leads_.Load(call, LeadNameOf(record), true));
    return CheckMayEdit(call, static_cast<const Lead&>(*lead.message));
  };
  rules.partition_key = [](const Message& record) {
    const std::string lead = LeadNameOf(record);
    return lead.substr(lead.find('/') + 1);
  };
  return rules;
}

Rules Records::QuoteRules() {
  Rules rules = OfLead(EVENT_TYPE_QUOTE_CREATED, EVENT_TYPE_QUOTE_UPDATED, EVENT_TYPE_QUOTE_DELETED);
  rules.case_insensitive = {"customer_email"};
  rules.prepare = [this](const CallContext& call, Message& after, const Message* before) {
    return PrepareQuote(*this, call, static_cast<const Quote*>(before), static_cast<Quote&>(after));
  };
  rules.inserting = [this](const CallContext& call, Message& record) -> absl::Status {
    auto& quote = static_cast<Quote&>(record);
    if (!quote.number().empty()) return absl::OkStatus();  // a revision has that of the first
    EMBUDO_ASSIGN_OR_RETURN(const int64_t number, storage::NextNumber(pool_, call.tenant(), call.deadline, "quote"));
    quote.set_number(logic::DocumentNumber('Q', number));
    return absl::OkStatus();
  };
  return rules;
}

Rules Records::OrderRules() {
  return OfLead(EVENT_TYPE_ORDER_CONFIRMED, EVENT_TYPE_UNSPECIFIED, EVENT_TYPE_UNSPECIFIED);
}

}  // namespace embudo::pipeline::rpc
