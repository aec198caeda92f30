#include "services/scoring/storage/frequencies.h"

#include <cstdio>

#include "common/base/error.h"

namespace embudo::scoring::storage {
namespace {

using logic::Counts;
using logic::FrequencyTable;
using logic::RowKey;

constexpr char kLoad[] =
    "SELECT team_id, variable, value, won, lost FROM scoring.frequency"
    " WHERE tenant_id = $1 AND (variable = 'stage' OR variable = ANY($2::text[]))";
constexpr char kLoadRows[] =
    "SELECT team_id, variable, value, won, lost FROM scoring.frequency"
    " JOIN unnest($2::text[], $3::text[], $4::text[]) AS k(team_id, variable, value) USING (team_id, variable, value)"
    " WHERE tenant_id = $1";
constexpr char kLoadTeams[] =
    "SELECT team_id, variable, value, won, lost FROM scoring.frequency"
    " WHERE tenant_id = $1 AND team_id = ANY($2::text[])";
constexpr char kLoadPage[] =
    "SELECT team_id, variable, value, won, lost FROM scoring.frequency"
    " WHERE tenant_id = $1 AND (team_id, variable, value) > ($2, $3, $4)"
    " ORDER BY team_id, variable, value LIMIT $5::int";
constexpr char kSave[] =
    "INSERT INTO scoring.frequency (tenant_id, team_id, variable, value, won, lost)"
    " SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::numeric[], $6::numeric[])"
    " ON CONFLICT (tenant_id, team_id, variable, value) DO UPDATE SET won = excluded.won, lost = excluded.lost";
constexpr char kDelete[] =
    "DELETE FROM scoring.frequency f USING unnest($2::text[], $3::text[], $4::text[]) AS k(team_id, variable, value)"
    " WHERE f.tenant_id = $1 AND f.team_id = k.team_id AND f.variable = k.variable AND f.value = k.value";

/// Keys as the statements take them.
struct Keys {
  std::vector<std::string> teams;
  std::vector<std::string> variables;
  std::vector<std::string> values;

  void Add(const RowKey& key) {
    teams.push_back(key.team);
    variables.push_back(key.couple.variable);
    values.push_back(key.couple.value);
  }
};

struct Rows {
  Keys keys;
  std::vector<std::string> won;
  std::vector<std::string> lost;

  void Add(const RowKey& key, const Counts& counts) {
    keys.Add(key);
    won.push_back(OneDecimal(counts.won));
    lost.push_back(OneDecimal(counts.lost));
  }
  static std::string OneDecimal(double count) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", count);
    return text;
  }
};

FrequencyTable Read(const db::Result& rows) {
  FrequencyTable table;
  for (int i = 0; i < rows.size(); ++i) {
    const db::Row row = rows[i];
    table.Put({std::string(row.Text(0)), {std::string(row.Text(1)), std::string(row.Text(2))}},
              {row.Double(3), row.Double(4)});
  }
  return table;
}

absl::Status Save(db::Connection& connection, const std::string& tenant, const Rows& rows) {
  if (rows.won.empty()) return absl::OkStatus();
  const auto& [teams, variables, values] = rows.keys;
  return connection.Exec(kSave, db::Params::Of(tenant, teams, variables, values, rows.won, rows.lost)).status();
}

}  // namespace

absl::StatusOr<FrequencyTable> LoadFrequencies(db::Connection& connection, const std::string& tenant,
                                               const std::vector<std::string>& variables) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kLoad, db::Params::Of(tenant, variables)));
  return Read(rows);
}

absl::StatusOr<FrequencyTable> LoadRows(db::Connection& connection, const std::string& tenant,
                                        const std::set<RowKey>& keys) {
  if (keys.empty()) return FrequencyTable();
  Keys wanted;
  for (const RowKey& key : keys) wanted.Add(key);
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec(kLoadRows, db::Params::Of(tenant, wanted.teams, wanted.variables, wanted.values)));
  return Read(rows);
}

absl::StatusOr<FrequencyTable> LoadTeams(db::Connection& connection, const std::string& tenant,
                                         const std::vector<std::string>& teams) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kLoadTeams, db::Params::Of(tenant, teams)));
  return Read(rows);
}

absl::StatusOr<FrequencyTable> LoadPage(db::Connection& connection, const std::string& tenant, const RowKey& after,
                                        int limit) {
  const auto& [team, couple] = after;
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec(kLoadPage, db::Params::Of(tenant, team, couple.variable, couple.value, limit)));
  return Read(rows);
}

absl::Status SaveChanged(db::Connection& connection, const std::string& tenant, const FrequencyTable& table) {
  Rows there;
  Keys gone;
  for (const RowKey& key : table.changed()) {
    const auto row = table.rows().find(key);
    if (row == table.rows().end()) {
      gone.Add(key);
    } else {
      there.Add(key, row->second);
    }
  }
  EMBUDO_RETURN_IF_ERROR(Save(connection, tenant, there));
  if (gone.teams.empty()) return absl::OkStatus();
  return connection.Exec(kDelete, db::Params::Of(tenant, gone.teams, gone.variables, gone.values)).status();
}

absl::Status Replace(db::Connection& connection, const std::string& tenant, const FrequencyTable& table) {
  EMBUDO_RETURN_IF_ERROR(
      connection.Exec("DELETE FROM scoring.frequency WHERE tenant_id = $1", db::Params::Of(tenant)).status());
  Rows rows;
  for (const auto& [key, counts] : table.rows()) rows.Add(key, counts);
  return Save(connection, tenant, rows);
}

}  // namespace embudo::scoring::storage
