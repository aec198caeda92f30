// The batch methods of leads: all or nothing, each item as by the method of its own.

#include <algorithm>
#include <map>
#include <set>

#include "common/base/error.h"
#include "services/pipeline/rpc/lead_change.h"
#include "services/pipeline/rpc/lead_service.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using type::v1::Lead;

std::string Item(const std::string& field, int i) { return field + "[" + std::to_string(i) + "]"; }

/// What an item may not say, since the batch says it for all.
template <class Request>
absl::Status CheckItem(const Request& request) {
  if (!request.request_id().empty()) return InvalidField("request_id", "is the batch's, not an item's");
  if (request.validate_only()) return InvalidField("validate_only", "is the batch's, not an item's");
  if constexpr (requires { request.allow_missing(); }) {
    if (request.allow_missing()) return InvalidField("allow_missing", "a batch changes leads that are there");
  }
  return absl::OkStatus();
}

/// Adds what a change brings, less what the batch says of the same lead itself.
void Add(std::vector<resource::Change> changes, const std::string& own, std::set<std::string>* seen,
         std::vector<resource::Change>* also, Together* together) {
  for (resource::Change& change : changes) {
    const std::string name = resource::NameOf(*change.after.message);
    if (name == own) {
      seen->insert(name);
      together->changes.push_back(std::move(change));
    } else {
      also->push_back(std::move(change));
    }
  }
}

template <class Request>
absl::StatusOr<Lead> PlanItem(Records& records, const CallContext& call, const Request& request, const Planned& planned,
                              std::vector<resource::Change>* changes, resource::Writer::InTransaction* statements) {
  EMBUDO_RETURN_IF_ERROR(CheckItem(request));
  EMBUDO_ASSIGN_OR_RETURN(const LeadChange change, ChangeBy(records, call, request, planned));
  Lead lead;
  EMBUDO_ASSIGN_OR_RETURN(
      *changes, records.leads().Plan(call, change.name, change.etag, change.event, change.mutate, lead, statements));
  if (planned.contains(lead.name())) return InvalidField("name", lead.name() + " is in this batch already");
  return lead;
}

template <class Batch>
absl::StatusOr<Together> PlanBatch(Records& records, const CallContext& call, const Batch& batch,
                                   v1::BatchLeadsResponse& response) {
  Together together;
  Planned planned;
  std::set<std::string> seen;
  std::vector<resource::Change> also;
  for (int i = 0; i < batch.requests_size(); ++i) {
    std::vector<resource::Change> changes;
    resource::Writer::InTransaction statements;
    absl::StatusOr<Lead> lead = PlanItem(records, call, batch.requests(i), planned, &changes, &statements);
    if (!lead.ok()) return InItem(lead.status(), Item("requests", i));
    Add(std::move(changes), lead->name(), &seen, &also, &together);
    if (statements) together.statements.push_back(std::move(statements));
    *response.add_leads() = *lead;
    planned[lead->name()] = *std::move(lead);
  }
  // Changes of one table go together, by id: batches that overlap take their locks in one order.
  std::sort(together.changes.begin(), together.changes.end(), [](const auto& a, const auto& b) {
    return resource::NameOf(*a.after.message) < resource::NameOf(*b.after.message);
  });
  for (resource::Change& change : also) {
    if (seen.insert(resource::NameOf(*change.after.message)).second) together.changes.push_back(std::move(change));
  }
  return together;
}

template <class Request, class Leads>
absl::Status SeeUtm(Records& records, const CallContext& call, const Request& request, const Leads& leads) {
  if (request.validate_only()) return absl::OkStatus();
  std::vector<const Lead*> named;
  for (const Lead& lead : leads) named.push_back(&lead);
  return records.SeeUtmOf(call, named);
}

void DeriveAll(Records& records, const CallContext& call, google::protobuf::RepeatedPtrField<Lead>* leads) {
  for (Lead& lead : *leads) records.leads().Derive(call, lead);
}

}  // namespace

template <class Batch>
absl::StatusOr<v1::BatchLeadsResponse> ChangeBatch(Records& records, const CallContext& call, const Batch& request) {
  v1::BatchLeadsResponse response;
  EMBUDO_RETURN_IF_ERROR(
      ChangeTogether(records, call, request, response, [&] { return PlanBatch(records, call, request, response); }));
  EMBUDO_RETURN_IF_ERROR(SeeUtm(records, call, request, response.leads()));
  DeriveAll(records, call, response.mutable_leads());
  return response;
}
template absl::StatusOr<v1::BatchLeadsResponse> ChangeBatch(Records&, const CallContext&,
                                                            const v1::BatchUpdateLeadsRequest&);
template absl::StatusOr<v1::BatchLeadsResponse> ChangeBatch(Records&, const CallContext&,
                                                            const v1::BatchDeleteLeadsRequest&);
template absl::StatusOr<v1::BatchLeadsResponse> ChangeBatch(Records&, const CallContext&,
                                                            const v1::BatchMoveLeadsRequest&);
template absl::StatusOr<v1::BatchLeadsResponse> ChangeBatch(Records&, const CallContext&,
                                                            const v1::BatchWinLeadsRequest&);
template absl::StatusOr<v1::BatchLeadsResponse> ChangeBatch(Records&, const CallContext&,
                                                            const v1::BatchLoseLeadsRequest&);
template absl::StatusOr<v1::BatchLeadsResponse> ChangeBatch(Records&, const CallContext&,
                                                            const v1::BatchRestoreLeadsRequest&);
template absl::StatusOr<v1::BatchLeadsResponse> ChangeBatch(Records&, const CallContext&,
                                                            const v1::BatchAssignLeadsRequest&);

absl::StatusOr<v1::BatchCreateLeadsResponse> BatchCreateLeads(Records& records, const CallContext& call,
                                                              const v1::BatchCreateLeadsRequest& request) {
  v1::BatchCreateLeadsResponse response;
  EMBUDO_RETURN_IF_ERROR(ChangeTogether(records, call, request, response, [&]() -> absl::StatusOr<Together> {
    Together together;
    for (int i = 0; i < request.requests_size(); ++i) {
      absl::StatusOr<std::unique_ptr<Message>> record = records.leads().NewRecord(request.requests(i));
      absl::StatusOr<resource::Change> change =
          record.ok() ? records.leads().NewChange(call, *std::move(record), v1::GetLeadRequest())
                      : absl::StatusOr<resource::Change>(record.status());
      if (!change.ok()) return InItem(change.status(), Item("requests", i));
      *response.add_leads() = static_cast<const Lead&>(*change->after.message);
      together.changes.push_back(*std::move(change));
    }
    return together;
  }));
  EMBUDO_RETURN_IF_ERROR(SeeUtm(records, call, request, response.leads()));
  DeriveAll(records, call, response.mutable_leads());
  return response;
}

absl::StatusOr<v1::BatchLeadsResponse> BatchGetLeads(Records& records, const CallContext& call,
                                                     const v1::BatchGetLeadsRequest& request) {
  const resource::Table& table = storage::LeadTable();
  std::vector<std::string> ids;
  for (int i = 0; i < request.names_size(); ++i) {
    const auto parsed = ParseName(table.pattern(), request.names(i), Item("names", i));
    if (!parsed.ok()) return parsed.status();
    if (Uuid::Parse((*parsed)[0])) ids.push_back((*parsed)[0]);
  }
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(records.pool(), call.tenant(), call.deadline,
                                   "SELECT " + table.SelectList("t") +
                                       " FROM pipeline.lead t WHERE t.tenant_id = $1 AND t.lead_id = ANY($2::uuid[])"
                                       " AND t.merged_into_id IS NULL",
                                   db::Params::Of(call.tenant(), ids)));
  std::map<std::string, Lead> found;
  for (int i = 0; i < rows.size(); ++i) {
    const resource::Record record = table.Read(rows[i]);
    const auto& lead = static_cast<const Lead&>(*record.message);
    if (records.MaySee(call, lead)) found[lead.name()] = lead;
  }
  v1::BatchLeadsResponse response;
  for (int i = 0; i < request.names_size(); ++i) {
    const auto lead = found.find(request.names(i));
    if (lead != found.end()) {
      *response.add_leads() = lead->second;
      continue;
    }
    // Not there, or merged into another.
    absl::StatusOr<resource::Record> record = records.leads().Load(call, request.names(i), true);
    if (!record.ok()) return InItem(record.status(), Item("names", i));
    *response.add_leads() = std::move(static_cast<Lead&>(*record->message));
  }
  DeriveAll(records, call, response.mutable_leads());
  return response;
}

absl::Status InItem(const absl::Status& status, const std::string& item) {
  google::rpc::Status details = ToRpcStatus(status);
  details.set_message(item + ": " + details.message());
  for (auto& detail : *details.mutable_details()) {
    google::rpc::BadRequest bad;
    if (!detail.UnpackTo(&bad)) continue;
    for (auto& violation : *bad.mutable_field_violations()) violation.set_field(item + "." + violation.field());
    detail.PackFrom(bad);
  }
  return FromRpcStatus(details);
}

}  // namespace embudo::pipeline::rpc
