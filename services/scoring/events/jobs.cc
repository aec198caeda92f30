#include "services/scoring/events/jobs.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/log/log.h"
#include "services/scoring/logic/features.h"
#include "services/scoring/storage/leads.h"
#include "services/scoring/storage/pending.h"
#include "services/scoring/storage/rescoring.h"
#include "services/scoring/storage/snapshots.h"
#include "services/scoring/storage/tenant.h"
#include "services/scoring/storage/training_runs.h"

namespace embudo::scoring::events {
namespace {

using std::chrono::milliseconds;
using storage::Job;
using v1::TrainingRun;

constexpr milliseconds kPoll{150};
constexpr milliseconds kDuePoll{1000};
/// A training tells that it lives between its steps, the longest of which takes minutes.
constexpr std::chrono::seconds kTrainingLease{900};
constexpr std::chrono::seconds kFollowLease{0};
constexpr std::chrono::seconds kTakeLease{5};
constexpr std::chrono::seconds kStatementTime{60};
/// Older closings than these many are left out.
constexpr size_t kMostLeads = 50000;
constexpr size_t kChunk = 2000;

/// A closed lead, before its looks are read.
struct Closed {
  std::string id;
  Time close_time;
  bool won = false;
  std::string team;
  logic::LeadCells from_the_beginning;
};

}  // namespace

Jobs::Jobs(db::Pool& pool, const Clock& clock, metrics::Registry& metrics, std::function<void()> marked)
    : pool_(pool), clock_(clock), metrics_(metrics), marked_(std::move(marked)) {}

Jobs::~Jobs() { Stop(); }

void Jobs::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Jobs::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool Jobs::Stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void Jobs::Run() {
  std::string last_error;
  while (!Stopping()) {
    const absl::StatusOr<bool> worked = Work();
    if (!worked.ok() && MessageOf(worked.status()) != last_error) {
      last_error = MessageOf(worked.status());
      log::Warning("scoring jobs: waiting", {{"why", last_error}});
    }
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPoll, [&] { return stopping_; });
  }
}

absl::StatusOr<bool> Jobs::Work() {
  const auto now = std::chrono::steady_clock::now();
  if (now >= next_due_look_) {
    EMBUDO_RETURN_IF_ERROR(StartDue());
    next_due_look_ = now + kDuePoll;
  }
  std::optional<Job> job;
  EMBUDO_RETURN_IF_ERROR(
      db::RunInTx(pool_, "", db::After(kStatementTime), [&](db::Connection& connection) -> absl::Status {
        EMBUDO_ASSIGN_OR_RETURN(job, storage::TakeJob(connection, clock_.Now(), kTakeLease));
        return absl::OkStatus();
      }));
  if (!job) return false;
  if (job->kind == storage::kRescoring) {
    EMBUDO_RETURN_IF_ERROR(Follow(*job));
    return true;
  }
  const absl::Status trained = TrainModels(*job);
  if (trained.ok()) return true;
  if (Stopping()) {
    // Another process takes it up.
    EMBUDO_RETURN_IF_ERROR(
        db::RunInTx(pool_, "", db::After(kStatementTime), [&](db::Connection& connection) -> absl::Status {
          return storage::KeepJob(connection, *job, clock_.Now(), std::chrono::seconds(0)).status();
        }));
    return false;
  }
  const bool cancelled = trained.code() == absl::StatusCode::kCancelled;
  if (!cancelled) log::Warning("training failed", {{"tenant", job->tenant}, {"why", MessageOf(trained)}});
  EMBUDO_RETURN_IF_ERROR(End(*job, cancelled ? "CANCELLED" : "FAILED", trained));
  return true;
}

absl::Status Jobs::StartDue() {
  return db::RunInTx(pool_, "", db::After(kStatementTime), [&](db::Connection& connection) -> absl::Status {
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<storage::Due> due, storage::FindTrainingDue(connection, clock_.Now()));
    for (const storage::Due& each : due) {
      // Two processes that see it at once make one job.
      EMBUDO_RETURN_IF_ERROR(storage::LockTenant(connection, each.tenant, clock_.Now()));
      EMBUDO_ASSIGN_OR_RETURN(const auto open, storage::OpenJob(connection, each.tenant, storage::kTraining));
      if (open) continue;
      EMBUDO_RETURN_IF_ERROR(
          storage::MakeTraining(connection, each.tenant, Uuid::V7(clock_.Now()).ToString(), each.cause, clock_.Now())
              .status());
    }
    return absl::OkStatus();
  });
}

absl::Status Jobs::Follow(Job& job) {
  bool ended = false;
  const auto body = [&](db::Connection& connection) -> absl::Status {
    EMBUDO_ASSIGN_OR_RETURN(const auto rescoring, storage::FindRescoring(connection, job.tenant, job.id));
    ended = job.cancel_requested || !rescoring;
    if (!rescoring) {
      job.done = job.total;
      return absl::OkStatus();
    }
    EMBUDO_ASSIGN_OR_RETURN(const int64_t waiting,
                            storage::CountBulkPending(connection, job.tenant, static_cast<int>(rescoring->marked)));
    job.done = std::max(job.done, std::min(job.total, rescoring->marked - waiting));
    if (job.cancel_requested) return storage::DropRescoring(connection, job.tenant, job.id);
    return storage::KeepJob(connection, job, clock_.Now(), kFollowLease).status();
  };
  EMBUDO_RETURN_IF_ERROR(db::RunInTx(pool_, "", db::After(kStatementTime), body));
  if (!ended) return absl::OkStatus();
  return job.cancel_requested ? End(job, "CANCELLED", absl::CancelledError("the rescoring was cancelled"))
                              : End(job, "SUCCEEDED", absl::OkStatus());
}

absl::Status Jobs::TrainModels(Job& job) {
  TrainingRun run;
  const auto begin = [&](db::Connection& connection) -> absl::Status {
    EMBUDO_ASSIGN_OR_RETURN(run, storage::GetRun(connection, job.tenant, job.id));
    run.set_state(TrainingRun::STATE_RUNNING);
    EMBUDO_RETURN_IF_ERROR(storage::SaveRun(connection, job.tenant, run));
    return storage::KeepJob(connection, job, clock_.Now(), kTrainingLease).status();
  };
  EMBUDO_RETURN_IF_ERROR(db::RunInTx(pool_, "", db::After(kStatementTime), begin));
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<logic::TrainingRow> rows, Gather(job, run));
  run.clear_models();
  run.clear_teams();
  EMBUDO_ASSIGN_OR_RETURN(const logic::Trained trained,
                          logic::Train(rows, run, [&] { return Stopping() || Told(job); }));
  job.done = job.total;
  EMBUDO_RETURN_IF_ERROR(Keep(job, run, trained));
  Measure(job.tenant, run);
  log::Info("trained", {{"tenant", job.tenant}, {"rows", run.rows()}, {"champion", run.champion()}});
  marked_();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<logic::TrainingRow>> Jobs::Gather(Job& job, TrainingRun& run) {
  std::vector<Closed> closed;
  std::vector<logic::TrainingRow> rows;
  const auto body = [&](db::Connection& connection) -> absl::Status {
    closed.clear();
    rows.clear();
    EMBUDO_ASSIGN_OR_RETURN(const storage::Settings settings, storage::LoadSettings(connection, job.tenant));
    EMBUDO_RETURN_IF_ERROR(storage::ForEachClosed(connection, job.tenant, [&](const auto& leads) {
      for (const type::v1::Lead& lead : leads) {
        const auto won = logic::Outcome(lead, settings.config);
        if (!won) continue;
        const auto& time = lead.has_close_time() ? lead.close_time() : lead.create_time();
        closed.push_back({logic::IdOf(lead.name()), FromTimestamp(time), *won, logic::IdOf(lead.team()),
                          logic::CellsOfClosed(lead)});
      }
      return absl::OkStatus();
    }));
    std::stable_sort(closed.begin(), closed.end(),
                     [](const Closed& a, const Closed& b) { return a.close_time < b.close_time; });
    if (closed.size() > kMostLeads) closed.erase(closed.begin(), closed.end() - kMostLeads);
    for (size_t begin = 0; begin < closed.size(); begin += kChunk) {
      const size_t end = std::min(closed.size(), begin + kChunk);
      storage::LeadIds ids;
      for (size_t i = begin; i < end; ++i) ids.push_back(closed[i].id);
      EMBUDO_ASSIGN_OR_RETURN(auto looks, storage::LoadSnapshots(connection, job.tenant, ids));
      for (size_t i = begin; i < end; ++i) {
        std::vector<logic::LeadCells>& of_lead = looks[closed[i].id];
        if (of_lead.empty()) of_lead.push_back(std::move(closed[i].from_the_beginning));
        for (logic::LeadCells& cells : of_lead) {
          rows.push_back({std::move(cells), closed[i].won, static_cast<uint32_t>(i), closed[i].team});
        }
      }
    }
    return absl::OkStatus();
  };
  EMBUDO_RETURN_IF_ERROR(db::RunInTx(pool_, "", db::After(std::chrono::minutes(5)), body));
  job.total = static_cast<int64_t>(closed.size());
  run.set_leads(static_cast<int32_t>(closed.size()));
  run.set_won_leads(
      static_cast<int32_t>(std::count_if(closed.begin(), closed.end(), [](const Closed& lead) { return lead.won; })));
  run.set_rows(static_cast<int32_t>(rows.size()));
  if (!closed.empty()) {
    *run.mutable_first_close_time() = ToTimestamp(closed.front().close_time);
    *run.mutable_last_close_time() = ToTimestamp(closed.back().close_time);
  }
  return rows;
}

absl::Status Jobs::Keep(const Job& job, const TrainingRun& run, const logic::Trained& trained) {
  return db::RunInTx(pool_, "", db::After(kStatementTime), [&](db::Connection& connection) -> absl::Status {
    EMBUDO_RETURN_IF_ERROR(storage::LockTenant(connection, job.tenant, clock_.Now()));
    TrainingRun kept = run;
    kept.set_state(TrainingRun::STATE_SUCCEEDED);
    *kept.mutable_end_time() = ToTimestamp(clock_.Now());
    EMBUDO_RETURN_IF_ERROR(storage::SaveRun(connection, job.tenant, kept));
    EMBUDO_RETURN_IF_ERROR(storage::SaveModels(connection, job.tenant, trained));
    EMBUDO_RETURN_IF_ERROR(storage::SetServing(connection, job.tenant, job.id));
    EMBUDO_RETURN_IF_ERROR(storage::BeginWait(connection, job.tenant, clock_.Now()));
    Job ended = job;
    ended.state = "SUCCEEDED";
    ended.end_time = clock_.Now();
    EMBUDO_RETURN_IF_ERROR(storage::EndJob(connection, ended));
    EMBUDO_ASSIGN_OR_RETURN(const auto settings, storage::GetSettings(connection, job.tenant));
    if (settings.method() == v1::ScoringSettings::METHOD_NAIVE_BAYES) return absl::OkStatus();
    return storage::AskForRescoring(connection, job.tenant).status();
  });
}

absl::Status Jobs::End(Job& job, std::string state, const absl::Status& why) {
  job.state = std::move(state);
  job.end_time = clock_.Now();
  if (!why.ok()) job.error = ToRpcStatus(why).SerializeAsString();
  return db::RunInTx(pool_, "", db::After(kStatementTime), [&](db::Connection& connection) -> absl::Status {
    EMBUDO_RETURN_IF_ERROR(storage::EndJob(connection, job));
    if (job.kind != storage::kTraining) return absl::OkStatus();
    // Not again at once.
    EMBUDO_RETURN_IF_ERROR(storage::BeginWait(connection, job.tenant, clock_.Now()));
    EMBUDO_ASSIGN_OR_RETURN(TrainingRun run, storage::GetRun(connection, job.tenant, job.id));
    run.set_state(job.state == "CANCELLED" ? TrainingRun::STATE_CANCELLED : TrainingRun::STATE_FAILED);
    *run.mutable_end_time() = ToTimestamp(clock_.Now());
    return storage::SaveRun(connection, job.tenant, run);
  });
}

bool Jobs::Told(const Job& job) {
  bool stop = false;
  const absl::Status told =
      db::RunInTx(pool_, "", db::After(kStatementTime), [&](db::Connection& connection) -> absl::Status {
        EMBUDO_ASSIGN_OR_RETURN(stop, storage::KeepJob(connection, job, clock_.Now(), kTrainingLease));
        return absl::OkStatus();
      });
  return told.ok() && stop;
}

void Jobs::Measure(const std::string& tenant, const TrainingRun& run) {
  double most = 0;
  for (const auto& variable : run.drift().variables()) most = std::max(most, variable.psi());
  const metrics::Labels labels = {{"tenant", tenant}};
  metrics_.Gauge("embudo_scoring_population_psi", "Population stability index of the variable that moved most", labels)
      .Set(most);
  metrics_.Gauge("embudo_scoring_score_psi", "Population stability index of the champion's probabilities", labels)
      .Set(run.drift().score_psi());
  metrics_
      .Gauge("embudo_scoring_win_rate_shift", "Share of wins among the newest closings less that of the others", labels)
      .Set(run.drift().new_rate() - run.drift().old_rate());
  for (const auto& model : run.models()) {
    if (model.name() != run.champion()) continue;
    metrics_.Gauge("embudo_scoring_champion_log_loss", "Log-loss of the champion on the newest closings", labels)
        .Set(model.log_loss());
  }
}

}  // namespace embudo::scoring::events
