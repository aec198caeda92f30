#include "services/capture/events/import_runner.h"

#include <utility>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/log/log.h"
#include "services/capture/events/undo_run.h"

namespace embudo::capture::events {
namespace {

/// How often a look is taken without being woken: for imports of other processes that died.
constexpr std::chrono::seconds kLook{1};
constexpr std::chrono::hours kTidy{1};
constexpr std::chrono::hours kKeepRequestIds{24};
constexpr std::chrono::seconds kTimeout{10};

}  // namespace

ImportRunner::ImportRunner(db::Pool& worker, rpc::Client& pipeline, const Clock& clock, ImportLimits limits,
                           int threads)
    : imports_(worker), files_(worker), pipeline_(pipeline), clock_(clock), limits_(limits), count_(threads) {}

ImportRunner::~ImportRunner() { Stop(); }

void ImportRunner::Start() {
  stopping_ = false;
  for (int i = 0; i < count_; ++i) {
    threads_.emplace_back([this] { Loop(Uuid::V7(clock_.Now()).ToString()); });
  }
}

void ImportRunner::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void ImportRunner::Wake() {
  const std::lock_guard lock(mutex_);
  ++waiting_;
  wake_.notify_one();
}

void ImportRunner::Loop(const std::string& owner) {
  while (!stopping_) {
    TidyUp();
    const Time now = clock_.Now();
    auto job = imports_.Take(owner, now, now + limits_.lease, db::After(kTimeout));
    if (job.ok() && job->has_value()) {
      const ImportTools tools{imports_, files_, pipeline_, clock_, stopping_};
      if ((*job)->undoes.empty()) {
        ImportRun(tools, limits_, **std::move(job), owner).Run();
      } else {
        UndoRun(tools, limits_, **std::move(job), owner).Run();
      }
      continue;
    }
    if (!job.ok()) log::Warning("import: no look at the queue", {{"reason", ReasonOf(job.status())}});
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, kLook, [this] { return stopping_ || waiting_ > 0; });
    if (waiting_ > 0) --waiting_;
  }
}

void ImportRunner::TidyUp() {
  {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (now < next_tidy_) return;
    next_tidy_ = now + kTidy;
  }
  const Time before = clock_.Now() - kKeepRequestIds;
  for (const absl::Status& status :
       {imports_.ForgetRequestIds(before, db::After(kTimeout)), files_.RemoveIncomplete(before, db::After(kTimeout))}) {
    if (!status.ok()) log::Warning("import: could not tidy up", {{"reason", ReasonOf(status)}});
  }
}

}  // namespace embudo::capture::events
