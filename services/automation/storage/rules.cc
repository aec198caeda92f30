#include "services/automation/storage/rules.h"

#include <utility>

#include "common/base/error.h"
#include "common/log/log.h"
#include "common/resource/rows.h"
#include "services/automation/logic/cron.h"
#include "services/automation/logic/defaults.h"
#include "services/automation/storage/tables.h"

namespace embudo::automation::storage {
namespace {

/// Far more tenants than change at a time.
constexpr size_t kMaxEntries = 10000;

// Every change of a rule raises its version, and rules are never taken out, so the sum tells whether one has changed.
constexpr char kVersions[] =
    "SELECT r.tenant_id, sum(r.version)::bigint, coalesce(max(t.names_version), 0)"
    " FROM automation.rule r LEFT JOIN automation.tenant t USING (tenant_id)"
    " WHERE r.tenant_id = ANY($1::text[]) GROUP BY r.tenant_id";

constexpr char kFindNames[] =
    "SELECT name FROM automation.name WHERE tenant_id = $1 AND type = $2 AND display_name = $3 LIMIT 1001";

}  // namespace

absl::StatusOr<std::map<std::string, RuleCache::Rules>> RuleCache::Get(db::Connection& connection,
                                                                       const std::vector<std::string>& tenants) {
  EMBUDO_ASSIGN_OR_RETURN(const auto versions, LoadVersions(connection, tenants));
  if (entries_.size() > kMaxEntries) entries_.clear();
  std::map<std::string, Rules> found;
  for (const auto& [tenant, version] : versions) {
    const auto entry = entries_.find(tenant);
    if (entry == entries_.end() || entry->second.version != version) {
      EMBUDO_RETURN_IF_ERROR(Load(connection, tenant, version));
    }
    found[tenant] = entries_[tenant].rules;
  }
  return found;
}

absl::StatusOr<std::map<std::string, RuleCache::Version>> RuleCache::LoadVersions(
    db::Connection& connection, const std::vector<std::string>& tenants) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kVersions, db::Params::Of(tenants)));
  std::map<std::string, Version> versions;
  for (int i = 0; i < rows.size(); ++i) versions[std::string(rows[i].Text(0))] = {rows[i].Int(1), rows[i].Int(2)};
  return versions;
}

absl::Status RuleCache::Load(db::Connection& connection, const std::string& tenant, const Version& version) {
  static const std::string sql = "SELECT " + RuleTable().SelectList("r") +
                                 " FROM automation.rule r WHERE tenant_id = $1 AND enabled AND delete_time IS NULL"
                                 " ORDER BY create_time, rule_id";
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(sql, db::Params::Of(tenant)));
  std::vector<logic::CompiledRule> rules;
  for (int i = 0; i < rows.size(); ++i) {
    const resource::Record record = RuleTable().Read(rows[i]);
    const auto& rule = static_cast<const v1::Rule&>(*record.message);
    absl::StatusOr<logic::CompiledRule> compiled = logic::Compile(rule, ResolverOf(connection, tenant));
    if (compiled.ok()) {
      rules.push_back(*std::move(compiled));
    } else if (compiled.status().code() == absl::StatusCode::kInvalidArgument) {
      log::Error("automation: a saved rule does not compile",
                 {{"tenant", tenant}, {"rule", rule.name()}, {"why", MessageOf(compiled.status())}});
    } else {
      return compiled.status();
    }
  }
  EMBUDO_ASSIGN_OR_RETURN(const std::string zone, TimeZoneOf(connection, tenant));
  EMBUDO_ASSIGN_OR_RETURN(auto templates, StageTemplates(connection, tenant));
  logic::RuleSet::Catalogue known{std::move(templates), logic::ZoneOf(zone)};
  entries_[tenant] = {version, std::make_shared<logic::RuleSet>(std::move(rules), std::move(known))};
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Rule>> LoadRules(db::Connection& connection, const std::string& tenant) {
  static const std::string sql = "SELECT " + RuleTable().SelectList("r") +
                                 " FROM automation.rule r WHERE tenant_id = $1 AND delete_time IS NULL"
                                 " ORDER BY create_time, rule_id";
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(sql, db::Params::Of(tenant)));
  std::vector<v1::Rule> rules;
  for (int i = 0; i < rows.size(); ++i) {
    rules.push_back(static_cast<const v1::Rule&>(*RuleTable().Read(rows[i]).message));
  }
  return rules;
}

absl::StatusOr<std::set<std::string>> KnownNames(db::Connection& connection, const std::string& tenant,
                                                 const std::vector<std::string>& names) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec("SELECT name FROM automation.name WHERE tenant_id = $1 AND name = ANY($2::text[])"
                      " UNION ALL SELECT 'webhooks/' || webhook_id FROM automation.webhook WHERE tenant_id = $1"
                      " AND delete_time IS NULL AND 'webhooks/' || webhook_id = ANY($2::text[])",
                      db::Params::Of(tenant, names)));
  std::set<std::string> known;
  for (int i = 0; i < rows.size(); ++i) known.emplace(rows[i].Text(0));
  return known;
}

absl::StatusOr<std::map<std::string, std::string>> StageTemplates(db::Connection& connection,
                                                                  const std::string& tenant) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec("SELECT stage, template FROM automation.stage_template WHERE tenant_id = $1",
                                          db::Params::Of(tenant)));
  std::map<std::string, std::string> templates;
  for (int i = 0; i < rows.size(); ++i) templates.emplace(rows[i].Text(0), rows[i].Text(1));
  return templates;
}

absl::StatusOr<std::string> TimeZoneOf(db::Connection& connection, const std::string& tenant) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec("SELECT time_zone FROM automation.tenant WHERE tenant_id = $1", db::Params::Of(tenant)));
  return rows.empty() ? std::string("UTC") : std::string(rows[0].Text(0));
}

absl::Status SeedRules(db::Connection& connection, const std::string& tenant, Time now) {
  EMBUDO_ASSIGN_OR_RETURN(resource::Rows rows, resource::Rows::For(connection, RuleTable()));
  for (const v1::Rule& rule : logic::DefaultRules()) {
    resource::Record record{RuleTable().New(), 1, 1};
    auto& seeded = static_cast<v1::Rule&>(*record.message);
    seeded = rule;
    *seeded.mutable_create_time() = ToTimestamp(now);
    *seeded.mutable_update_time() = ToTimestamp(now);
    rows.Add(tenant, record);
  }
  return connection
      .Exec("INSERT INTO automation.rule SELECT * FROM unnest($1::automation.rule[]) ON CONFLICT DO NOTHING",
            db::Params::Of(rows.Finish()))
      .status();
}

filter::Resolver ResolverOf(db::Connection& connection, const std::string& tenant) {
  return [&connection, tenant](const std::string& resource_type, const std::string& field,
                               const std::string& value) -> absl::StatusOr<std::vector<std::string>> {
    const std::string type = resource_type.substr(resource_type.find('/') + 1);
    if (field != "display_name" || type == "Contact" || type == "Lead") {
      return Error(absl::StatusCode::kInvalidArgument, "INVALID_FILTER",
                   "a rule can't look for a " + type + " by its " + field)
          .Field("rule.condition", "can't look for a " + type + " by its " + field);
    }
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kFindNames, db::Params::Of(tenant, type, value)));
    std::vector<std::string> names;
    for (int i = 0; i < rows.size(); ++i) names.emplace_back(rows[i].Text(0));
    return names;
  };
}

}  // namespace embudo::automation::storage
