#include "services/scoring/storage/leads.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "common/base/error.h"
#include "common/base/json.h"
#include "common/filter/schema.h"
#include "common/privacy/redact.h"
#include "services/scoring/logic/features.h"

namespace embudo::scoring::storage {
namespace {

using logic::Contribution;
using type::v1::Lead;

/// Closed leads that are in memory at once.
constexpr int kChunk = 2000;

constexpr char kSaveLeads[] =
    "INSERT INTO scoring.lead (tenant_id, lead_id, state, scored, data)"
    " SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::boolean[], $5::bytea[])"
    " ON CONFLICT (tenant_id, lead_id) DO UPDATE SET state = excluded.state, scored = excluded.scored,"
    " data = excluded.data";
// Each by its key, whatever the statistics say of a tenant that has just come.
constexpr char kLoadScored[] =
    "SELECT l.data FROM unnest($2::uuid[]) AS x (id) CROSS JOIN LATERAL"
    " (SELECT data FROM scoring.lead WHERE tenant_id = $1 AND lead_id = x.id AND scored OFFSET 0) l";
constexpr char kLoadClosed[] =
    "SELECT lead_id, data FROM scoring.lead WHERE tenant_id = $1 AND lead_id > $2::uuid AND state <> 'OPEN'"
    " ORDER BY lead_id LIMIT $3::int";
constexpr char kLoadContributions[] =
    "SELECT lead_id, state, team_id, couples FROM scoring.closed_lead"
    " WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])";
// A rebuild finds most rows as they are: those are not written again.
constexpr char kSaveContributions[] =
    "INSERT INTO scoring.closed_lead AS c (tenant_id, lead_id, state, team_id, couples)"
    " SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::jsonb[])"
    " ON CONFLICT (tenant_id, lead_id) DO UPDATE SET state = excluded.state, team_id = excluded.team_id,"
    " couples = excluded.couples"
    " WHERE (c.state, c.team_id, c.couples) IS DISTINCT FROM (excluded.state, excluded.team_id, excluded.couples)";
constexpr char kRemoveStaleContributions[] =
    "DELETE FROM scoring.closed_lead c WHERE tenant_id = $1 AND NOT EXISTS (SELECT FROM scoring.lead l"
    " WHERE l.tenant_id = $1 AND l.lead_id = c.lead_id AND l.state = c.state)";

constexpr char kWon[] = "WON";
constexpr char kLost[] = "LOST";

std::string StateText(Lead::State state) {
  return filter::ShortName(*Lead::State_descriptor()->FindValueByNumber(state));
}

absl::StatusOr<Lead> Parse(const std::string& data) {
  Lead lead;
  if (!lead.ParseFromString(data)) return Internal("a stored lead that can't be parsed");
  return lead;
}

std::string CouplesJson(const Contribution& contribution) {
  std::string json = "[";
  for (const logic::Couple& couple : contribution.couples) {
    json += json.size() > 1 ? ",[" : "[";
    AppendJsonString(json, couple.variable);
    json += ',';
    AppendJsonString(json, couple.value);
    json += ']';
  }
  return json + "]";
}

absl::StatusOr<std::vector<logic::Couple>> ParseCouples(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  std::vector<logic::Couple> couples;
  if (!json.is_array()) return Internal("couples that are no list");
  for (const auto& couple : json) {
    if (!couple.is_array() || couple.size() != 2 || !couple[0].is_string() || !couple[1].is_string()) {
      return Internal("couples that are none");
    }
    couples.push_back({couple[0].get<std::string>(), couple[1].get<std::string>()});
  }
  return couples;
}

absl::Status ExecOnIds(db::Connection& connection, const std::string& sql, const std::string& tenant,
                       const LeadIds& ids) {
  if (ids.empty()) return absl::OkStatus();
  return connection.Exec(sql, db::Params::Of(tenant, ids)).status();
}

}  // namespace

absl::Status RedactLeads(db::Connection& connection, const std::string& tenant, const LeadIds& ids) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec("SELECT data FROM scoring.lead WHERE tenant_id = $1"
                                                                 " AND lead_id = ANY($2::uuid[])",
                                                                 db::Params::Of(tenant, ids)));
  std::vector<Lead> leads;
  for (int i = 0; i < rows.size(); ++i) {
    EMBUDO_ASSIGN_OR_RETURN(Lead lead, Parse(rows[i].Bytes(0)));
    if (privacy::Redact(&lead)) leads.push_back(std::move(lead));
  }
  std::vector<const Lead*> redacted;
  for (const Lead& lead : leads) redacted.push_back(&lead);
  return SaveLeads(connection, tenant, redacted);
}

absl::Status SaveLeads(db::Connection& connection, const std::string& tenant, const std::vector<const Lead*>& leads) {
  if (leads.empty()) return absl::OkStatus();
  std::vector<std::string> ids;
  std::vector<std::string> states;
  std::vector<std::string> scored;
  std::vector<std::optional<std::string>> data;
  for (const Lead* lead : leads) {
    ids.push_back(logic::IdOf(lead->name()));
    states.push_back(StateText(lead->state()));
    scored.emplace_back(logic::IsScored(*lead) ? "t" : "f");
    data.emplace_back(lead->SerializeAsString());
  }
  return connection.Exec(kSaveLeads, db::Params::Of(tenant, ids, states, scored).AddBytes(data)).status();
}

absl::Status RemoveLeads(db::Connection& connection, const std::string& tenant, const LeadIds& ids) {
  return ExecOnIds(connection, "DELETE FROM scoring.lead WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])", tenant,
                   ids);
}

absl::StatusOr<std::vector<Lead>> LoadScored(db::Connection& connection, const std::string& tenant,
                                             const LeadIds& ids) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kLoadScored, db::Params::Of(tenant, ids)));
  std::vector<Lead> leads;
  for (int i = 0; i < rows.size(); ++i) {
    EMBUDO_ASSIGN_OR_RETURN(Lead lead, Parse(rows[i].Bytes(0)));
    leads.push_back(std::move(lead));
  }
  return leads;
}

absl::Status ForEachClosed(db::Connection& connection, const std::string& tenant,
                           const std::function<absl::Status(const std::vector<Lead>&)>& each) {
  std::string after = "00000000-0000-0000-0000-000000000000";
  for (int size = kChunk; size == kChunk;) {
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kLoadClosed, db::Params::Of(tenant, after, kChunk)));
    size = rows.size();
    std::vector<Lead> leads;
    for (int i = 0; i < size; ++i) {
      EMBUDO_ASSIGN_OR_RETURN(Lead lead, Parse(rows[i].Bytes(1)));
      leads.push_back(std::move(lead));
    }
    if (size > 0) after = rows[size - 1].Text(0);
    EMBUDO_RETURN_IF_ERROR(each(leads));
  }
  return absl::OkStatus();
}

absl::StatusOr<Contributions> LoadContributions(db::Connection& connection, const std::string& tenant,
                                                const LeadIds& ids) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kLoadContributions, db::Params::Of(tenant, ids)));
  Contributions contributions;
  for (int i = 0; i < rows.size(); ++i) {
    Contribution& contribution = contributions[std::string(rows[i].Text(0))];
    contribution.won = rows[i].Text(1) == kWon;
    contribution.team = rows[i].Text(2);
    EMBUDO_ASSIGN_OR_RETURN(contribution.couples, ParseCouples(rows[i].Text(3)));
  }
  return contributions;
}

absl::Status SaveContributions(db::Connection& connection, const std::string& tenant,
                               const Contributions& contributions) {
  if (contributions.empty()) return absl::OkStatus();
  std::vector<std::string> ids;
  std::vector<std::string> states;
  std::vector<std::string> teams;
  std::vector<std::string> couples;
  for (const auto& [id, contribution] : contributions) {
    ids.push_back(id);
    states.emplace_back(contribution.won ? kWon : kLost);
    teams.push_back(contribution.team);
    couples.push_back(CouplesJson(contribution));
  }
  return connection.Exec(kSaveContributions, db::Params::Of(tenant, ids, states, teams, couples)).status();
}

absl::Status RemoveContributions(db::Connection& connection, const std::string& tenant, const LeadIds& ids) {
  return ExecOnIds(connection, "DELETE FROM scoring.closed_lead WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])",
                   tenant, ids);
}

absl::Status RemoveStaleContributions(db::Connection& connection, const std::string& tenant) {
  return connection.Exec(kRemoveStaleContributions, db::Params::Of(tenant)).status();
}

absl::Status DissolveTeam(db::Connection& connection, const std::string& tenant, const std::string& team) {
  return connection
      .Exec("UPDATE scoring.closed_lead SET team_id = '' WHERE tenant_id = $1 AND team_id = $2",
            db::Params::Of(tenant, team))
      .status();
}

}  // namespace embudo::scoring::storage
