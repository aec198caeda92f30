#include "services/scoring/events/scorer.h"

#include <prometheus/counter.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/log/log.h"
#include "services/scoring/logic/explain.h"
#include "services/scoring/storage/leads.h"
#include "services/scoring/storage/rebuild.h"
#include "services/scoring/storage/rescoring.h"
#include "services/scoring/storage/tenant.h"

namespace embudo::scoring::events {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kShortestPause{2};
constexpr milliseconds kLongestRest{20};
/// After an error, before the next attempt.
constexpr milliseconds kErrorPause{300};
constexpr std::chrono::seconds kBatchTime{20};
constexpr std::chrono::minutes kRebuildTime{10};

pipeline::v1::LeadScore ScoreOf(const logic::Model& model, const type::v1::Lead& lead, Time now) {
  pipeline::v1::LeadScore out;
  const logic::ManualScore manual = logic::ScoreOf(model.rules, lead, now);
  out.set_lead(lead.name());
  out.set_score(manual.score);
  out.set_priority(manual.stars);
  const auto probability = logic::ProbabilityOf(model, lead, now);
  if (probability) out.set_automated_probability(*probability);
  return out;
}

}  // namespace

Scorer::Scorer(Options options, db::Pool& pool, storage::TrainedCache& trained, Record record, const Clock& clock,
               metrics::Registry& metrics)
    : options_(options), pool_(pool), trained_(trained), record_(std::move(record)), clock_(clock), metrics_(metrics) {}

Scorer::~Scorer() { Stop(); }

void Scorer::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Scorer::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Scorer::Wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

bool Scorer::Stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void Scorer::Pause() {
  std::unique_lock lock(mutex_);
  pause_ = std::clamp(pause_ * 2, kShortestPause, options_.poll);
  changed_.wait_for(lock, pause_, [&] { return stopping_ || woken_; });
  if (std::exchange(woken_, false)) pause_ = milliseconds(0);
}

void Scorer::Rest(std::chrono::steady_clock::duration rest) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, rest, [&] { return stopping_; });
}

void Scorer::Run() {
  std::string last_error;
  while (!Stopping()) {
    const absl::StatusOr<bool> worked = Work();
    if (worked.ok()) {
      last_error.clear();
      if (!*worked) Pause();
      continue;
    }
    if (MessageOf(worked.status()) != last_error) {
      log::Warning("scorer: waiting", {{"why", MessageOf(worked.status())}});
    }
    last_error = MessageOf(worked.status());
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kErrorPause, [&] { return stopping_; });
  }
}

absl::StatusOr<bool> Scorer::Work() {
  const auto now = std::chrono::steady_clock::now();
  bool rebuilt = false;
  if (now >= next_rebuild_look_) {
    EMBUDO_ASSIGN_OR_RETURN(rebuilt, RebuildIfDue());
    if (!rebuilt) next_rebuild_look_ = now + options_.rebuild_poll;
  }
  const std::string last = tenant_;
  EMBUDO_ASSIGN_OR_RETURN(const int scored, ScoreBatch());
  if (scored > 0 && scored < options_.batch_size) {
    // Where several tenants have marks, they take turns, and the others' are what is waited for.
    const bool alone = tenant_ == last;
    const auto taken =
        std::min<std::chrono::steady_clock::duration>(std::chrono::steady_clock::now() - now, kLongestRest);
    Rest(alone ? std::max<std::chrono::steady_clock::duration>(taken, kGather) : taken);
  }
  EMBUDO_ASSIGN_OR_RETURN(const bool marked, Rescore(now));
  return rebuilt || scored > 0 || marked;
}

absl::StatusOr<bool> Scorer::Rescore(std::chrono::steady_clock::time_point now) {
  if (now < next_rescoring_look_) return false;
  EMBUDO_ASSIGN_OR_RETURN(const int marked, MarkPiece());
  if (marked == 0) next_rescoring_look_ = now + options_.poll;
  return marked > 0;
}

absl::StatusOr<int> Scorer::MarkPiece() {
  int marked = 0;
  const auto body = [&](db::Connection& connection) -> absl::Status {
    // Marks that are lost are lost with how far the rescoring was. Another worker's batch is not waited for long: the
    // piece comes after it.
    EMBUDO_RETURN_IF_ERROR(connection.ExecScript("SET LOCAL synchronous_commit = off; SET LOCAL lock_timeout = '1s'"));
    EMBUDO_ASSIGN_OR_RETURN(const std::string tenant, storage::NextRescored(connection, rescored_));
    rescored_ = tenant;
    if (tenant.empty()) return absl::OkStatus();
    EMBUDO_ASSIGN_OR_RETURN(marked, storage::MarkPiece(connection, tenant));
    return absl::OkStatus();
  };
  EMBUDO_RETURN_IF_ERROR(db::RunInTx(pool_, "", db::After(kBatchTime), body));
  return marked;
}

absl::StatusOr<bool> Scorer::RebuildIfDue() {
  std::string tenant;
  storage::Rebuilt rebuilt;
  const auto body = [&](db::Connection& connection) -> absl::Status {
    EMBUDO_ASSIGN_OR_RETURN(tenant, storage::FindRebuildDue(connection, clock_.Now()));
    if (tenant.empty()) return absl::OkStatus();
    EMBUDO_ASSIGN_OR_RETURN(rebuilt, storage::Rebuild(connection, tenant, clock_.Now()));
    return absl::OkStatus();
  };
  EMBUDO_RETURN_IF_ERROR(db::RunInTx(pool_, "", db::After(kRebuildTime), body));
  if (tenant.empty()) return false;
  log::Info("scorer: counted anew",
            {{"tenant", tenant}, {"won", rebuilt.won}, {"lost", rebuilt.lost}, {"rows", rebuilt.rows}});
  return true;
}

absl::StatusOr<int> Scorer::ScoreBatch() {
  int count = 0;
  // Kept apart from what the database says: the transaction is repeated for the database's sake alone.
  absl::Status recorded;
  const auto body = [&](db::Connection& connection) -> absl::Status {
    // A mark whose end a crash of PostgreSQL loses is worked off once more.
    EMBUDO_RETURN_IF_ERROR(connection.ExecScript("SET LOCAL synchronous_commit = off"));
    EMBUDO_ASSIGN_OR_RETURN(const std::string tenant, storage::NextTenant(connection, tenant_));
    if (tenant.empty()) return absl::OkStatus();
    tenant_ = tenant;
    EMBUDO_ASSIGN_OR_RETURN(const storage::LeadIds ids, storage::TakePending(connection, tenant, options_.batch_size));
    count = static_cast<int>(ids.size());
    EMBUDO_ASSIGN_OR_RETURN(const auto request, ScoresOf(connection, tenant, ids));
    if (request.scores().empty()) return absl::OkStatus();
    recorded = record_(tenant, request);
    if (!recorded.ok()) return absl::CancelledError();
    metrics_.Counter("embudo_scoring_leads_total", "Leads that were scored").Increment(request.scores_size());
    return absl::OkStatus();
  };
  const absl::Status status = db::RunInTx(pool_, "", db::After(kBatchTime), body);
  EMBUDO_RETURN_IF_ERROR(recorded);
  EMBUDO_RETURN_IF_ERROR(status);
  return count;
}

absl::StatusOr<pipeline::v1::RecordScoresRequest> Scorer::ScoresOf(db::Connection& connection,
                                                                   const std::string& tenant,
                                                                   const storage::LeadIds& ids) {
  pipeline::v1::RecordScoresRequest request;
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<type::v1::Lead> leads, storage::LoadScored(connection, tenant, ids));
  if (leads.empty()) return request;
  EMBUDO_ASSIGN_OR_RETURN(const logic::Model model, storage::LoadModel(connection, tenant, trained_));
  const Time now = clock_.Now();
  for (const type::v1::Lead& lead : leads) *request.add_scores() = ScoreOf(model, lead, now);
  return request;
}

}  // namespace embudo::scoring::events
