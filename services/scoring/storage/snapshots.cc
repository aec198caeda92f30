#include "services/scoring/storage/snapshots.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/error.h"
#include "common/base/json.h"
#include "services/scoring/logic/features.h"

namespace embudo::scoring::storage {
namespace {

using type::v1::Lead;

constexpr char kSave[] =
    "INSERT INTO scoring.snapshot AS s (tenant_id, lead_id, stage, cells)"
    " SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::jsonb[])"
    " ON CONFLICT (tenant_id, lead_id, stage) DO UPDATE SET cells = excluded.cells WHERE s.cells <> excluded.cells";
constexpr char kSaveClosed[] =
    "INSERT INTO scoring.snapshot (tenant_id, lead_id, stage, cells)"
    " SELECT $1, lead_id, '', cells FROM unnest($2::uuid[], $3::jsonb[]) AS n (lead_id, cells)"
    " WHERE NOT EXISTS (SELECT FROM scoring.snapshot s WHERE s.tenant_id = $1 AND s.lead_id = n.lead_id)"
    " ON CONFLICT DO NOTHING";
constexpr char kLoad[] =
    "SELECT lead_id, cells FROM scoring.snapshot WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])"
    " ORDER BY lead_id, stage";

// What is erased of a lead and has a cell of its own: see common/privacy. That something was told, or of what quality
// an address is, says nothing of a person.
constexpr char kRedact[] =
    "UPDATE scoring.snapshot SET cells = (SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(cells)"
    " WHERE key <> 'job_title' AND NOT starts_with(key, 'custom_fields.'))"
    " WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])";

std::string ToJson(const logic::LeadCells& cells) {
  std::string json = "{";
  for (const auto& [variable, value] : cells) {
    if (json.size() > 1) json += ',';
    AppendJsonString(json, variable);
    json += ':';
    AppendJsonString(json, value);
  }
  return json + "}";
}

Time LookedAt(const Lead& lead) {
  return FromTimestamp(lead.has_update_time() ? lead.update_time() : lead.create_time());
}

}  // namespace

absl::Status SaveSnapshots(db::Connection& connection, const std::string& tenant,
                           const std::vector<const Lead*>& leads) {
  // The last look of the batch in each stage.
  std::map<std::pair<std::string, std::string>, std::string> open;
  std::map<std::string, std::string> closed;
  for (const Lead* lead : leads) {
    const std::string id = logic::IdOf(lead->name());
    if (lead->state() == Lead::STATE_OPEN) {
      open[{id, lead->stage()}] = ToJson(logic::CellsOf(*lead, LookedAt(*lead)));
    } else {
      closed.emplace(id, ToJson(logic::CellsOfClosed(*lead)));
    }
  }
  if (!open.empty()) {
    std::vector<std::string> ids;
    std::vector<std::string> stages;
    std::vector<std::string> cells;
    for (auto& [key, json] : open) {
      ids.push_back(key.first);
      stages.push_back(key.second);
      cells.push_back(std::move(json));
    }
    EMBUDO_RETURN_IF_ERROR(connection.Exec(kSave, db::Params::Of(tenant, ids, stages, cells)).status());
  }
  if (closed.empty()) return absl::OkStatus();
  std::vector<std::string> ids;
  std::vector<std::string> cells;
  for (auto& [id, json] : closed) {
    ids.push_back(id);
    cells.push_back(std::move(json));
  }
  return connection.Exec(kSaveClosed, db::Params::Of(tenant, ids, cells)).status();
}

absl::Status RedactSnapshots(db::Connection& connection, const std::string& tenant, const LeadIds& ids) {
  if (ids.empty()) return absl::OkStatus();
  return connection.Exec(kRedact, db::Params::Of(tenant, ids)).status();
}

absl::Status RemoveSnapshots(db::Connection& connection, const std::string& tenant, const LeadIds& ids) {
  if (ids.empty()) return absl::OkStatus();
  return connection
      .Exec("DELETE FROM scoring.snapshot WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])",
            db::Params::Of(tenant, ids))
      .status();
}

absl::StatusOr<std::map<std::string, std::vector<logic::LeadCells>>> LoadSnapshots(db::Connection& connection,
                                                                                   const std::string& tenant,
                                                                                   const LeadIds& ids) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kLoad, db::Params::Of(tenant, ids)));
  std::map<std::string, std::vector<logic::LeadCells>> snapshots;
  for (int i = 0; i < rows.size(); ++i) {
    const auto json = nlohmann::json::parse(rows[i].Text(1), nullptr, false);
    if (!json.is_object()) return Internal("a stored look at a lead that is none");
    logic::LeadCells& cells = snapshots[std::string(rows[i].Text(0))].emplace_back();
    for (const auto& [variable, value] : json.items()) {
      if (value.is_string()) cells[variable] = value.get<std::string>();
    }
  }
  return snapshots;
}

}  // namespace embudo::scoring::storage
