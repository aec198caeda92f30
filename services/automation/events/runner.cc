#include "services/automation/events/runner.h"

#include <prometheus/counter.h>

#include <algorithm>

#include "common/base/error.h"
#include "common/log/log.h"
#include "services/automation/logic/attempts.h"

namespace embudo::automation::events {
namespace {

using std::chrono::milliseconds;
using storage::HeldRun;

constexpr milliseconds kShortestPause{1};
constexpr std::chrono::seconds kStatementTimeout{10};

const char* Outcome(v1::Run::State state) {
  switch (state) {
    case v1::Run::STATE_SUCCEEDED:
      return "succeeded";
    case v1::Run::STATE_FAILED:
      return "failed";
    default:
      return "dead";
  }
}

}  // namespace

Runner::Runner(Options options, db::Pool& pool, rpc::Client& pipeline, const Clock& clock, metrics::Registry& metrics)
    : options_(options), pool_(pool), clock_(clock), metrics_(metrics), performer_(pool, pipeline, clock) {}

Runner::~Runner() { Stop(); }

void Runner::Start() {
  for (int i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { Work(); });
}

void Runner::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Runner::Wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

bool Runner::Stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void Runner::Pause() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, pause_, [&] { return stopping_ || woken_; });
  pause_ = woken_ ? kShortestPause : std::min(std::max(pause_ * 2, kShortestPause), options_.poll);
  woken_ = false;
}

void Runner::Work() {
  while (!Stopping()) {
    std::vector<HeldRun> taken = Take();
    // Not so long that the last of them outlives its lease.
    const Time latest = clock_.Now() + options_.lease / 2;
    for (HeldRun& held : taken) {
      if (Stopping() || clock_.Now() > latest) {
        HandBack(held);
      } else {
        Run(held);
      }
    }
  }
}

std::vector<HeldRun> Runner::Take() {
  const std::lock_guard lock(taking_);
  while (!Stopping()) {
    absl::StatusOr<std::vector<HeldRun>> taken = TakeDue();
    if (!taken.ok()) log::Warning("automation: can't look for due runs", {{"why", MessageOf(taken.status())}});
    if (taken.ok() && !taken->empty()) return *std::move(taken);
    Pause();
  }
  return {};
}

absl::StatusOr<std::vector<HeldRun>> Runner::TakeDue() {
  const Time now = clock_.Now();
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
  return storage::TakeDueRuns(*lease, options_.batch_size, now, now + options_.lease);
}

void Runner::Run(HeldRun& held) {
  absl::Status status = held.run.attempts() > logic::kMaxAttempts
                            ? absl::AbortedError("no attempt came to its end")  // each lost its worker
                            : performer_.Perform(held);
  if (ReasonOf(status) == "RUN_TAKEN") return;
  logic::FinishAttempt(status, clock_.Now(), &held.run);
  const absl::Status saved = Save(held);
  if (!saved.ok()) {
    // It is due again when its lease is over, and then comes to the same.
    log::Warning("automation: a run's end was not saved", {{"run", held.run.name()}, {"why", MessageOf(saved)}});
    return;
  }
  metrics_
      .Counter("embudo_automation_attempts_total", "Attempts at runs, by how they ended",
               {{"outcome", Outcome(held.run.state())}})
      .Increment();
  if (held.run.state() == v1::Run::STATE_DEAD) {
    log::Warning(
        "automation: a run was given up",
        {{"tenant", held.tenant}, {"run", held.run.name()}, {"rule", held.run.rule()}, {"why", held.run.error()}});
  }
}

void Runner::HandBack(HeldRun& held) {
  held.run.set_state(v1::Run::STATE_PENDING);
  held.run.set_attempts(held.run.attempts() - 1);
  *held.run.mutable_next_attempt_time() = ToTimestamp(clock_.Now());
  const absl::Status saved = Save(held);
  if (!saved.ok()) log::Warning("automation: a run was not handed back", {{"run", held.run.name()}});
}

absl::Status Runner::Save(HeldRun& held) {
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
  return storage::SaveRun(*lease, held);
}

}  // namespace embudo::automation::events
