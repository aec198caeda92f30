#include "services/scoring/storage/tenant.h"

#include <utility>

#include "common/base/error.h"
#include "common/resource/rows.h"
#include "services/scoring/storage/frequencies.h"

namespace embudo::scoring::storage {
namespace {

constexpr char kMakeConfig[] =
    "INSERT INTO scoring.config (tenant_id, variables, rebuild_due)"
    " VALUES ($1, $2::text[], $3::timestamptz + interval '1 day') ON CONFLICT DO NOTHING";
constexpr char kLockConfig[] = "SELECT FROM scoring.config WHERE tenant_id = $1 FOR UPDATE";
constexpr char kLoadConfig[] = "SELECT variables, start_date FROM scoring.config WHERE tenant_id = $1";
constexpr char kLoadStages[] =
    "SELECT name, pipeline, display_name, sequence, is_won FROM scoring.stage WHERE tenant_id = $1";
constexpr char kSaveStages[] =
    "INSERT INTO scoring.stage (tenant_id, name, pipeline, display_name, sequence, is_won)"
    " SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::int[], $6::boolean[])"
    " ON CONFLICT (tenant_id, name) DO UPDATE SET display_name = excluded.display_name, sequence = excluded.sequence,"
    " is_won = excluded.is_won";
constexpr char kFindRebuildDue[] =
    "SELECT tenant_id FROM scoring.config WHERE rebuild_due <= $1::timestamptz ORDER BY rebuild_due LIMIT 1";
constexpr char kAskForRebuild[] =
    "UPDATE scoring.config SET rebuild_due = $2::timestamptz WHERE tenant_id = $1"
    " AND EXISTS (SELECT FROM scoring.closed_lead WHERE tenant_id = $1)";

absl::StatusOr<std::vector<logic::Rule>> LoadRules(db::Connection& connection, const std::string& tenant) {
  static const auto* const kSql =
      new std::string("SELECT " + CriterionTable().SelectList("t") + " FROM " + CriterionTable().name() +
                      " t WHERE t.tenant_id = $1 AND t.delete_time IS NULL"
                      " ORDER BY t.criterion_id");
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(*kSql, db::Params::Of(tenant)));
  std::vector<logic::Rule> rules;
  for (int i = 0; i < rows.size(); ++i) {
    const resource::Record record = CriterionTable().Read(rows[i]);
    EMBUDO_ASSIGN_OR_RETURN(logic::Rule rule, logic::Compile(static_cast<const v1::Criterion&>(*record.message)));
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace

const resource::Table& CriterionTable() {
  static const auto* const table = new resource::Table(v1::Criterion::descriptor(), "scoring.criterion");
  return *table;
}

absl::Status LockTenant(db::Connection& connection, const std::string& tenant, Time now) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result locked, connection.Exec(kLockConfig, db::Params::Of(tenant)));
  if (!locked.empty()) return absl::OkStatus();
  EMBUDO_RETURN_IF_ERROR(connection.Exec(kMakeConfig, db::Params::Of(tenant, logic::DefaultVariables(), now)).status());
  return connection.Exec(kLockConfig, db::Params::Of(tenant)).status();
}

absl::StatusOr<Settings> LoadSettings(db::Connection& connection, const std::string& tenant) {
  Settings settings;
  EMBUDO_ASSIGN_OR_RETURN(const db::Result config, connection.Exec(kLoadConfig, db::Params::Of(tenant)));
  if (!config.empty()) {
    settings.config.variables = config[0].TextArray(0);
    if (!config[0].IsNull(1)) settings.config.start_date = std::chrono::floor<std::chrono::days>(config[0].TimeAt(1));
  }
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kLoadStages, db::Params::Of(tenant)));
  std::vector<logic::Stage> stages;
  for (int i = 0; i < rows.size(); ++i) {
    stages.push_back({.name = std::string(rows[i].Text(0)),
                      .pipeline = std::string(rows[i].Text(1)),
                      .display_name = std::string(rows[i].Text(2)),
                      .sequence = static_cast<int>(rows[i].Int(3)),
                      .is_won = rows[i].Bool(4)});
  }
  settings.stages = logic::Stages(std::move(stages));
  return settings;
}

absl::StatusOr<logic::Model> LoadModel(db::Connection& connection, const std::string& tenant, TrainedCache& cache) {
  EMBUDO_ASSIGN_OR_RETURN(Settings settings, LoadSettings(connection, tenant));
  EMBUDO_ASSIGN_OR_RETURN(std::vector<logic::Rule> rules, LoadRules(connection, tenant));
  EMBUDO_ASSIGN_OR_RETURN(const logic::FrequencyTable frequencies,
                          LoadFrequencies(connection, tenant, settings.config.variables));
  EMBUDO_ASSIGN_OR_RETURN(const v1::ScoringSettings scoring, GetSettings(connection, tenant));
  logic::Model model{std::move(settings.config), std::move(settings.stages), std::move(rules),
                     logic::NaiveBayes(frequencies), scoring.method()};
  if (scoring.method() != v1::ScoringSettings::METHOD_NAIVE_BAYES && !scoring.serving_run().empty()) {
    EMBUDO_ASSIGN_OR_RETURN(model.trained, cache.Get(connection, tenant, logic::IdOf(scoring.serving_run())));
  }
  return model;
}

absl::Status SeedCriteria(db::Connection& connection, const std::string& tenant, Time now) {
  EMBUDO_ASSIGN_OR_RETURN(resource::Rows rows, resource::Rows::For(connection, CriterionTable()));
  for (v1::Criterion& criterion : logic::DefaultCriteria()) {
    auto record = std::make_unique<v1::Criterion>(std::move(criterion));
    *record->mutable_create_time() = ToTimestamp(now);
    *record->mutable_update_time() = ToTimestamp(now);
    rows.Add(tenant, {std::move(record), 1, 1});
  }
  return connection
      .Exec("INSERT INTO scoring.criterion SELECT * FROM unnest($1::scoring.criterion[]) ON CONFLICT DO NOTHING",
            db::Params::Of(rows.Finish()))
      .status();
}

absl::Status SaveStages(db::Connection& connection, const std::string& tenant,
                        const std::vector<logic::Stage>& stages) {
  if (stages.empty()) return absl::OkStatus();
  std::vector<std::string> names;
  std::vector<std::string> pipelines;
  std::vector<std::string> display_names;
  std::vector<std::string> sequences;
  std::vector<std::string> won;
  for (const logic::Stage& stage : stages) {
    names.push_back(stage.name);
    pipelines.push_back(stage.pipeline);
    display_names.push_back(stage.display_name);
    sequences.push_back(std::to_string(stage.sequence));
    won.emplace_back(stage.is_won ? "t" : "f");
  }
  return connection.Exec(kSaveStages, db::Params::Of(tenant, names, pipelines, display_names, sequences, won)).status();
}

absl::Status RemoveStages(db::Connection& connection, const std::string& tenant,
                          const std::vector<std::string>& names) {
  if (names.empty()) return absl::OkStatus();
  return connection
      .Exec("DELETE FROM scoring.stage WHERE tenant_id = $1 AND name = ANY($2::text[])", db::Params::Of(tenant, names))
      .status();
}

absl::StatusOr<std::string> FindRebuildDue(db::Connection& connection, Time now) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kFindRebuildDue, db::Params::Of(now)));
  return rows.empty() ? std::string() : std::string(rows[0].Text(0));
}

absl::Status AskForRebuild(db::Connection& connection, const std::string& tenant, Time now) {
  return connection.Exec(kAskForRebuild, db::Params::Of(tenant, now)).status();
}

}  // namespace embudo::scoring::storage
