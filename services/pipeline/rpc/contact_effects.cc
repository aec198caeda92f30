#include "services/pipeline/rpc/contact_effects.h"

#include <set>

#include "common/base/error.h"
#include "services/pipeline/logic/contact_rules.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::FieldDescriptor;
using type::v1::Contact;
using type::v1::Lead;

// `(t.contact_id = $2::uuid AND (t.email = $3 OR …))`; empty if nothing of it changed.
std::string HoldsOldValue(const Contact& before, const Contact& after, bool company, db::Params& params) {
  std::string any;
  for (const logic::FlowingField& field : logic::ChangedFlow(before, after, company)) {
    const auto* reflection = before.GetReflection();
    const bool number = field.contact->cpp_type() == FieldDescriptor::CPPTYPE_INT64;
    if (number) {
      params.Add(reflection->GetInt64(before, field.contact));
    } else {
      params.Add(reflection->GetString(before, field.contact));
    }
    any += (any.empty() ? "t." : " OR t.") + field.lead->name() + " = $" + std::to_string(params.size()) +
           (number ? "::bigint" : "");
  }
  if (any.empty()) return any;
  return std::string(company ? "(t.company_id" : "(t.contact_id") + " = $2::uuid AND (" + any + "))";
}

// Changes of the open leads that still hold what the contact was.
absl::StatusOr<std::vector<resource::Change>> LeadChanges(Records& records, const CallContext& call,
                                                          const Contact& before, const Contact& after) {
  const resource::Table& table = storage::LeadTable();
  const std::string id = after.name().substr(after.name().find('/') + 1);
  db::Params params = db::Params::Of(call.tenant(), id);
  const std::string as_contact = HoldsOldValue(before, after, false, params);
  const std::string as_company = HoldsOldValue(before, after, true, params);
  std::vector<resource::Change> changes;
  if (as_contact.empty() && as_company.empty()) return changes;
  const std::string either =
      as_contact.empty() || as_company.empty() ? as_contact + as_company : "(" + as_contact + " OR " + as_company + ")";
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(records.pool(), call.tenant(), call.deadline,
               "SELECT " + table.SelectList("t") +
                   " FROM pipeline.lead t WHERE t.tenant_id = $1 AND t.state = 'OPEN' AND t.delete_time IS NULL AND " +
                   either + " ORDER BY t.lead_id LIMIT " + std::to_string(kMostLeadsAtOnce),
               params));
  for (int i = 0; i < rows.size(); ++i) {
    const resource::Record record = table.Read(rows[i]);
    auto lead = std::make_unique<Lead>(static_cast<const Lead&>(*record.message));
    logic::Flow(before, after, *lead);
    auto change = records.leads().ChangeOf(call, record, std::move(lead), type::v1::EVENT_TYPE_LEAD_UPDATED);
    if (change) changes.push_back(*std::move(change));
  }
  return changes;
}

}  // namespace

absl::Status ContactEffects(Records& records, const CallContext& call, const Contact& after, const Contact& before,
                            resource::Effects& effects) {
  // A merge moves leads too; a lead changes once in a transaction.
  std::set<std::string> changed;
  for (const resource::Change& change : effects.also) changed.insert(resource::NameOf(*change.after.message));
  EMBUDO_ASSIGN_OR_RETURN(std::vector<resource::Change> changes, LeadChanges(records, call, before, after));
  for (resource::Change& change : changes) {
    if (!changed.contains(resource::NameOf(*change.after.message))) effects.also.push_back(std::move(change));
  }
  return absl::OkStatus();
}

absl::Status FlowIntoMoreLeads(Records& records, const CallContext& call, const Contact& before, const Contact& after) {
  while (true) {
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<resource::Change> changes, LeadChanges(records, call, before, after));
    const absl::Status status = records.writer().WriteAll(call.tenant(), changes, call.deadline);
    if (!status.ok() && ReasonOf(status) != "VERSION_CHANGED") return status;
    if (changes.empty()) return absl::OkStatus();
  }
}

absl::StatusOr<std::vector<std::string>> CompanyAndParents(Records& records, const CallContext& call,
                                                           const std::string& company) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(records.pool(), call.tenant(), call.deadline,
               "WITH RECURSIVE chain AS ("
               "SELECT contact_id, company_id FROM pipeline.contact WHERE tenant_id = $1 AND contact_id = $2::uuid"
               " UNION SELECT c.contact_id, c.company_id FROM pipeline.contact c JOIN chain"
               " ON c.tenant_id = $1 AND c.contact_id = chain.company_id)"
               " SELECT contact_id FROM chain",
               db::Params::Of(call.tenant(), company.substr(company.find('/') + 1))));
  std::vector<std::string> names;
  for (int i = 0; i < rows.size(); ++i) names.push_back("contacts/" + std::string(rows[i].Text(0)));
  return names;
}

}  // namespace embudo::pipeline::rpc
