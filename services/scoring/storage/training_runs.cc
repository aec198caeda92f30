#include "services/scoring/storage/training_runs.h"

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "common/base/sha256.h"

namespace embudo::scoring::storage {
namespace {

/// Tenants whose models are in memory at once.
constexpr size_t kMostCached = 200;

constexpr char kSaveRun[] =
    "INSERT INTO scoring.training_run (tenant_id, run_id, create_time, data) VALUES ($1, $2::uuid, $3::timestamptz, $4)"
    " ON CONFLICT (tenant_id, run_id) DO UPDATE SET data = excluded.data";
constexpr char kGetRun[] =
    "SELECT r.data, c.serving_run = r.run_id FROM scoring.training_run r"
    " LEFT JOIN scoring.config c USING (tenant_id) WHERE r.tenant_id = $1 AND r.run_id = $2::uuid";
constexpr char kListRuns[] =
    "SELECT r.data, c.serving_run = r.run_id FROM scoring.training_run r LEFT JOIN scoring.config c USING (tenant_id)"
    " WHERE r.tenant_id = $1 AND ($2 = '' OR (r.create_time, r.run_id) <"
    " (SELECT create_time, run_id FROM scoring.training_run WHERE tenant_id = $1 AND run_id = nullif($2, '')::uuid))"
    " ORDER BY r.create_time DESC, r.run_id DESC LIMIT $3::int";
constexpr char kSaveModel[] =
    "INSERT INTO scoring.model (tenant_id, run_id, team_id, data, sha256) VALUES ($1, $2::uuid, $3, $5, $4)"
    " ON CONFLICT (tenant_id, run_id, team_id) DO UPDATE SET data = excluded.data, sha256 = excluded.sha256";
constexpr char kLoadModels[] =
    "SELECT team_id, data, sha256 FROM scoring.model WHERE tenant_id = $1 AND run_id = $2::uuid";
constexpr char kRunBefore[] =
    "SELECT r.run_id FROM scoring.training_run r JOIN scoring.model m USING (tenant_id, run_id)"
    " WHERE r.tenant_id = $1 AND m.team_id = '' AND (r.create_time, r.run_id) <"
    " (SELECT create_time, run_id FROM scoring.training_run WHERE tenant_id = $1 AND run_id = $2::uuid)"
    " ORDER BY r.create_time DESC, r.run_id DESC LIMIT 1";
constexpr char kGetSettings[] =
    "SELECT method, retrain_after_closings, retrain_after_days, serving_run FROM scoring.config WHERE tenant_id = $1";
constexpr char kSaveSettings[] =
    "UPDATE scoring.config SET method = $2, retrain_after_closings = $3::int, retrain_after_days = $4::int"
    " WHERE tenant_id = $1";
constexpr char kDue[] =
    "SELECT tenant_id, train_time IS NOT NULL AND retrain_after_closings > 0"
    " AND closings_since_training >= retrain_after_closings FROM scoring.config c"
    " WHERE method <> 'METHOD_NAIVE_BAYES'"
    " AND NOT EXISTS (SELECT FROM scoring.job j WHERE j.tenant_id = c.tenant_id AND j.kind = 'TRAINING'"
    " AND j.state IN ('QUEUED', 'RUNNING'))"
    " AND (train_time IS NULL"
    " OR retrain_after_closings > 0 AND closings_since_training >= retrain_after_closings"
    " OR retrain_after_days > 0 AND closings_since_training > 0"
    "    AND train_time + retrain_after_days * interval '1 day' <= $1::timestamptz)";

v1::TrainingRun Read(const db::Row& row) {
  v1::TrainingRun run;
  run.ParseFromString(row.Bytes(0));
  run.set_serving(!row.IsNull(1) && row.Bool(1));
  return run;
}

/// DATA_LOSS if a model of the run is broken, or it has none.
absl::StatusOr<std::shared_ptr<const logic::Trained>> Load(db::Connection& connection, const std::string& tenant,
                                                           const std::string& run) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kLoadModels, db::Params::Of(tenant, run)));
  auto trained = std::make_shared<logic::Trained>();
  trained->run = "trainingRuns/" + run;
  bool has_all = false;
  for (int i = 0; i < rows.size(); ++i) {
    const std::string bytes = rows[i].Bytes(1);
    if (Sha256Hex(bytes) != rows[i].Text(2)) return absl::DataLossError("the model's checksum is another");
    EMBUDO_ASSIGN_OR_RETURN(ml::Artifact artifact, ml::Load(bytes));
    const std::string team(rows[i].Text(0));
    has_all |= team.empty();
    (team.empty() ? trained->all : trained->teams[team]) = std::move(artifact);
  }
  if (!has_all) return absl::DataLossError("the run has no model");
  return std::shared_ptr<const logic::Trained>(std::move(trained));
}

}  // namespace

absl::Status SaveRun(db::Connection& connection, const std::string& tenant, const v1::TrainingRun& run) {
  return connection
      .Exec(
          kSaveRun,
          db::Params::Of(tenant, IdOf(run.name()), FromTimestamp(run.create_time())).AddBytes(run.SerializeAsString()))
      .status();
}

absl::StatusOr<v1::TrainingRun> GetRun(db::Connection& connection, const std::string& tenant, const std::string& id) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kGetRun, db::Params::Of(tenant, id)));
  if (rows.empty()) return NotFound("embudo.dev/TrainingRun", "trainingRuns/" + id);
  return Read(rows[0]);
}

absl::StatusOr<std::vector<v1::TrainingRun>> ListRuns(db::Connection& connection, const std::string& tenant,
                                                      const std::string& before, int limit) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kListRuns, db::Params::Of(tenant, before, limit)));
  std::vector<v1::TrainingRun> runs;
  for (int i = 0; i < rows.size(); ++i) runs.push_back(Read(rows[i]));
  return runs;
}

absl::StatusOr<Job> MakeTraining(db::Connection& connection, const std::string& tenant, const std::string& id,
                                 v1::TrainingRun::Cause cause, Time now) {
  Job job;
  job.tenant = tenant;
  job.id = id;
  job.kind = kTraining;
  job.state = "QUEUED";
  job.create_time = now;
  EMBUDO_ASSIGN_OR_RETURN(const Job made, MakeJob(connection, job));
  if (made.state != "QUEUED") return made;
  v1::TrainingRun run;
  run.set_name("trainingRuns/" + id);
  run.set_state(v1::TrainingRun::STATE_QUEUED);
  run.set_cause(cause);
  *run.mutable_create_time() = ToTimestamp(made.create_time);
  EMBUDO_RETURN_IF_ERROR(SaveRun(connection, tenant, run));
  return made;
}

absl::Status SaveModels(db::Connection& connection, const std::string& tenant, const logic::Trained& trained) {
  const auto save = [&](const std::string& team, const ml::Artifact& artifact) -> absl::Status {
    EMBUDO_ASSIGN_OR_RETURN(const std::string bytes, ml::Save(artifact));
    return connection
        .Exec(kSaveModel, db::Params::Of(tenant, IdOf(trained.run), team, Sha256Hex(bytes)).AddBytes(bytes))
        .status();
  };
  EMBUDO_RETURN_IF_ERROR(save("", trained.all));
  for (const auto& [team, artifact] : trained.teams) EMBUDO_RETURN_IF_ERROR(save(team, artifact));
  return absl::OkStatus();
}

absl::StatusOr<std::string> RunBefore(db::Connection& connection, const std::string& tenant, const std::string& run) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kRunBefore, db::Params::Of(tenant, run)));
  return rows.empty() ? std::string() : std::string(rows[0].Text(0));
}

absl::StatusOr<bool> HasModels(db::Connection& connection, const std::string& tenant, const std::string& run) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec("SELECT FROM scoring.model WHERE tenant_id = $1 AND run_id = $2::uuid AND team_id = ''",
                      db::Params::Of(tenant, run)));
  return !rows.empty();
}

absl::Status SetServing(db::Connection& connection, const std::string& tenant, const std::string& run) {
  return connection
      .Exec("UPDATE scoring.config SET serving_run = $2::uuid WHERE tenant_id = $1", db::Params::Of(tenant, run))
      .status();
}

absl::StatusOr<v1::ScoringSettings> GetSettings(db::Connection& connection, const std::string& tenant) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kGetSettings, db::Params::Of(tenant)));
  v1::ScoringSettings settings;
  settings.set_name("scoringSettings");
  settings.set_method(v1::ScoringSettings::METHOD_NAIVE_BAYES);
  if (rows.empty()) return settings;
  v1::ScoringSettings::Method method = v1::ScoringSettings::METHOD_NAIVE_BAYES;
  v1::ScoringSettings::Method_Parse(std::string(rows[0].Text(0)), &method);
  settings.set_method(method);
  settings.set_retrain_after_closings(static_cast<int32_t>(rows[0].Int(1)));
  settings.set_retrain_after_days(static_cast<int32_t>(rows[0].Int(2)));
  if (!rows[0].IsNull(3)) settings.set_serving_run("trainingRuns/" + std::string(rows[0].Text(3)));
  return settings;
}

absl::Status SaveSettings(db::Connection& connection, const std::string& tenant, const v1::ScoringSettings& settings) {
  return connection
      .Exec(kSaveSettings, db::Params::Of(tenant, v1::ScoringSettings::Method_Name(settings.method()),
                                          settings.retrain_after_closings(), settings.retrain_after_days()))
      .status();
}

absl::Status CountClosings(db::Connection& connection, const std::string& tenant, int closings) {
  if (closings == 0) return absl::OkStatus();
  return connection
      .Exec(
          "UPDATE scoring.config SET closings_since_training = closings_since_training + $2::int WHERE tenant_id = $1",
          db::Params::Of(tenant, closings))
      .status();
}

absl::Status BeginWait(db::Connection& connection, const std::string& tenant, Time now) {
  return connection
      .Exec("UPDATE scoring.config SET closings_since_training = 0, train_time = $2::timestamptz WHERE tenant_id = $1",
            db::Params::Of(tenant, now))
      .status();
}

absl::StatusOr<std::vector<Due>> FindTrainingDue(db::Connection& connection, Time now) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kDue, db::Params::Of(now)));
  std::vector<Due> due;
  for (int i = 0; i < rows.size(); ++i) {
    due.push_back({std::string(rows[i].Text(0)),
                   rows[i].Bool(1) ? v1::TrainingRun::CAUSE_CLOSINGS : v1::TrainingRun::CAUSE_SCHEDULE});
  }
  return due;
}

absl::StatusOr<std::shared_ptr<const logic::Trained>> TrainedCache::Get(db::Connection& connection,
                                                                        const std::string& tenant,
                                                                        const std::string& run) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(tenant);
    if (found != entries_.end() && found->second.run == run) return found->second.trained;
  }
  std::shared_ptr<const logic::Trained> trained;
  for (std::string tried = run; !tried.empty();) {
    auto loaded = Load(connection, tenant, tried);
    if (loaded.ok()) {
      trained = *std::move(loaded);
      break;
    }
    if (loaded.status().code() != absl::StatusCode::kDataLoss) return loaded.status();
    broken_(tenant, tried);
    EMBUDO_ASSIGN_OR_RETURN(tried, RunBefore(connection, tenant, tried));
  }
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= kMostCached) entries_.clear();
  entries_[tenant] = {run, trained};
  return trained;
}

}  // namespace embudo::scoring::storage
