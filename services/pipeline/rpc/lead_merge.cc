// MergeLeads: several leads become one, with all that stands under them.

#include "services/pipeline/logic/lead_merge.h"

#include <algorithm>
#include <set>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "services/pipeline/rpc/lead_change.h"
#include "services/pipeline/rpc/lead_service.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using type::v1::Lead;

/// Waits for whoever is adding something under the leads that go, so that it moves too.
constexpr char kLock[] =
    "SELECT FROM pipeline.lead WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[]) ORDER BY lead_id FOR UPDATE";
/// One criterion has one pending approval: the oldest.
constexpr char kUniteApprovals[] =
    "DELETE FROM pipeline.approval a USING pipeline.approval b WHERE a.tenant_id = $1 AND b.tenant_id = $1"
    " AND (a.lead_id = $2::uuid OR a.lead_id = ANY($3::uuid[])) AND (b.lead_id = $2::uuid OR b.lead_id ="
    " ANY($3::uuid[])) AND a.state = 'PENDING' AND b.state = 'PENDING' AND a.stage_id = b.stage_id"
    " AND a.criterion = b.criterion AND (b.create_time, b.approval_id) < (a.create_time, a.approval_id)";
/// What refers to a lead. The external ids of the others find the survivor from now on.
constexpr const char* kMoved[] = {"activity",  "message",      "attachment", "approval",        "quote",
                                  "\"order\"", "notification", "touch",      "lead_external_id"};

/// One statement for all of them.
std::string MoveStatement() {
  std::string sql;
  for (const char* table : kMoved) {
    sql += (sql.empty() ? "WITH m" : ", m") + std::to_string(sql.size()) + " AS (UPDATE pipeline." + table +
           " SET lead_id = $2::uuid WHERE tenant_id = $1 AND lead_id = ANY($3::uuid[]))";
  }
  return sql + " SELECT";
}

absl::Status MoveChildren(db::Connection& connection, const std::string& tenant, const std::string& survivor,
                          const std::vector<std::string>& others) {
  EMBUDO_RETURN_IF_ERROR(connection.Exec(kLock, db::Params::Of(tenant, others)).status());
  EMBUDO_RETURN_IF_ERROR(connection.Exec(kUniteApprovals, db::Params::Of(tenant, survivor, others)).status());
  static const std::string move = MoveStatement();
  return connection.Exec(move, db::Params::Of(tenant, survivor, others)).status();
}

/// The leads that the request names, each once: a merged one is the one that took it in.
absl::StatusOr<std::map<std::string, resource::Record>> LoadAll(Records& records, const CallContext& call,
                                                                const v1::MergeLeadsRequest& request) {
  std::map<std::string, resource::Record> leads;
  for (int i = 0; i < request.names_size(); ++i) {
    const std::string item = "names[" + std::to_string(i) + "]";
    EMBUDO_RETURN_IF_ERROR(ParseName(records.leads().table().pattern(), request.names(i), item).status());
    absl::StatusOr<resource::Record> lead = records.leads().Load(call, request.names(i));
    if (!lead.ok()) return InItem(lead.status(), item);
    EMBUDO_RETURN_IF_ERROR(records.CheckMayEdit(call, static_cast<const Lead&>(*lead->message)));
    std::string name = resource::NameOf(*lead->message);
    leads.emplace(std::move(name), *std::move(lead));
  }
  if (leads.size() < 2) return InvalidField("names", "takes two different leads at least");
  return leads;
}

absl::StatusOr<std::string> SurvivorOf(Records& records, const CallContext& call, const v1::MergeLeadsRequest& request,
                                       const std::vector<const Lead*>& by_advance) {
  if (request.survivor().empty()) return by_advance[0]->name();
  const absl::StatusOr<resource::Record> named = records.leads().Load(call, request.survivor());
  const std::string name = named.ok() ? resource::NameOf(*named->message) : "";
  const bool among =
      std::any_of(by_advance.begin(), by_advance.end(), [&](const Lead* l) { return l->name() == name; });
  if (!among) return InvalidField("survivor", request.survivor() + " is none of the leads");
  return name;
}

class Merge {
 public:
  Merge(Records& records, const CallContext& call) : records_(records), call_(call) {}

  absl::StatusOr<Together> Plan(const v1::MergeLeadsRequest& request, Lead& response) {
    EMBUDO_ASSIGN_OR_RETURN(leads_, LoadAll(records_, call_, request));
    std::vector<const Lead*> leads;
    for (const auto& [name, record] : leads_) leads.push_back(static_cast<const Lead*>(record.message.get()));
    EMBUDO_RETURN_IF_ERROR(logic::CheckMergeable(leads));
    Together together;
    EMBUDO_RETURN_IF_ERROR(records_.WithScene(call_, [&](const logic::Scene& scene) -> absl::Status {
      const std::vector<const Lead*> by_advance = logic::ByAdvance(scene.catalog, leads);
      EMBUDO_ASSIGN_OR_RETURN(const std::string survivor, SurvivorOf(records_, call_, request, by_advance));
      return PlanInto(scene, survivor, by_advance, response, together);
    }));
    return together;
  }

 private:
  absl::Status PlanInto(const logic::Scene& scene, const std::string& survivor,
                        const std::vector<const Lead*>& by_advance, Lead& response, Together& together) {
    const resource::Record& before = leads_.at(survivor);
    // What it was, as advanced as the most advanced: what comes on top are the fields of the others.
    Lead base = static_cast<const Lead&>(*before.message);
    if (by_advance[0]->name() != survivor) logic::TakeAdvance(*by_advance[0], base);
    std::vector<const Lead*> others = by_advance;
    std::erase_if(others, [&](const Lead* lead) { return lead->name() == survivor; });
    auto merged = std::make_unique<Lead>(base);
    logic::TakeIn(scene, others, *merged);
    EMBUDO_RETURN_IF_ERROR(records_.PrepareLead(call_, *merged, &base));
    auto change = records_.leads().ChangeOf(call_, before, std::move(merged), type::v1::EVENT_TYPE_LEAD_MERGED, true);
    response = static_cast<const Lead&>(*change->after.message);
    together.changes.push_back(*std::move(change));
    for (const Lead* other : others) together.changes.push_back(PlanAway(scene, survivor, *other));
    // By id, so that merges that overlap take their locks in one order.
    std::sort(together.changes.begin(), together.changes.end(), [](const auto& a, const auto& b) {
      return resource::NameOf(*a.after.message) < resource::NameOf(*b.after.message);
    });
    std::vector<std::string> ids;
    for (const Lead* other : others) ids.push_back(IdOf(other->name()));
    together.statements.push_back([tenant = call_.tenant(), own = IdOf(survivor), ids](db::Connection& connection) {
      return MoveChildren(connection, tenant, own, ids);
    });
    return absl::OkStatus();
  }

  resource::Change PlanAway(const logic::Scene& scene, const std::string& survivor, const Lead& lead) const {
    auto gone = std::make_unique<Lead>(lead);
    *gone->mutable_delete_time() = ToTimestamp(scene.now);
    gone->set_merged_into(survivor);
    gone->clear_external_ids();
    return *records_.leads().ChangeOf(call_, leads_.at(lead.name()), std::move(gone),
                                      type::v1::EVENT_TYPE_LEAD_DELETED);
  }

  Records& records_;
  const CallContext& call_;
  std::map<std::string, resource::Record> leads_;
};

}  // namespace

absl::StatusOr<Lead> MergeLeads(Records& records, const CallContext& call, const v1::MergeLeadsRequest& request) {
  Lead response;
  EMBUDO_RETURN_IF_ERROR(
      ChangeTogether(records, call, request, response, [&] { return Merge(records, call).Plan(request, response); }));
  records.leads().Derive(call, response);
  return response;
}

}  // namespace embudo::pipeline::rpc
