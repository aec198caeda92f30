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
    case v1::Run::STATE_WAITING:
      return "waiting";
    case v1::Run::STATE_DROPPED:
      return "dropped";
    default:
      return "dead";
  }
}

}  // namespace

Runner::Runner(Options options, db::Pool& pool, rpc::Client& pipeline, rpc::Client& capture, const Clock& clock,
               metrics::Registry& metrics)
    : options_(options), pool_(pool), clock_(clock), metrics_(metrics), performer_(pool, pipeline, capture, clock) {}

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
    std::vector<HeldRun*> done;
    for (HeldRun& held : taken) {
      if (Stopping() || clock_.Now() > latest) {
        HandBack(held);
        done.push_back(&held);
      } else if (Perform(held)) {
        done.push_back(&held);
      }
    }
    if (!done.empty()) Save(done);
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
  // Those of bulk come behind the others, but every fourth time before them, so that they come at all.
  const bool bulk_first = ++takes_ % 4 == 0;
  EMBUDO_ASSIGN_OR_RETURN(std::vector<HeldRun> taken,
                          storage::TakeDueRuns(*lease, options_.batch_size, bulk_first, now, now + options_.lease));
  if (!taken.empty()) return taken;
  return storage::TakeDueRuns(*lease, options_.batch_size, !bulk_first, now, now + options_.lease);
}

bool Runner::Perform(HeldRun& held) {
  const absl::StatusOr<logic::Progress> progress =
      held.run.attempts() > logic::kMaxAttempts
          ? absl::AbortedError("no attempt came to its end")  // each lost its worker
          : performer_.Perform(held);
  if (ReasonOf(progress.status()) == "RUN_TAKEN") return false;
  logic::FinishAttempt(progress, clock_.Now(), &held.run);
  metrics_
      .Counter("embudo_automation_attempts_total", "Attempts at runs, by how they ended",
               {{"outcome", Outcome(held.run.state())}})
      .Increment();
  if (held.run.state() == v1::Run::STATE_DEAD) {
    log::Warning(
        "automation: a run was given up",
        {{"tenant", held.tenant}, {"run", held.run.name()}, {"rule", held.run.rule()}, {"why", held.run.error()}});
  }
  return true;
}

void Runner::HandBack(HeldRun& held) {
  held.run.set_state(v1::Run::STATE_PENDING);
  held.run.set_attempts(held.run.attempts() - 1);
  *held.run.mutable_next_attempt_time() = ToTimestamp(clock_.Now());
}

void Runner::Save(const std::vector<HeldRun*>& runs) {
  absl::StatusOr<db::Pool::Lease> lease = pool_.Acquire("", db::After(kStatementTimeout));
  const absl::Status saved = lease.ok() ? storage::SaveRuns(**lease, runs) : lease.status();
  // They are due again when their leases are over, and then come to the same.
  if (!saved.ok()) log::Warning("automation: what runs came to was not saved", {{"why", MessageOf(saved)}});
}

}  // namespace embudo::automation::events
