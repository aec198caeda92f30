#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "common/base/background.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/resource/resource.h"
#include "services/pipeline/events/hub.h"
#include "services/pipeline/storage/erasure_store.h"

namespace embudo::pipeline::events {

/// Brings erasures to their end, once a person's records are erased: rewrites the events, the history and whatever else
/// keeps serialised records, lets the streams in Redis be filled anew, and tells `privacy.erased`. It goes in small
/// steps, each a transaction that moves the job's row on, so that it goes on where a crash has stopped it, and several
/// processes may have a hand in it.
class Eraser : public Background {
 public:
  /// `hub`: of this process. `erasures` writes as pipeline_rpc.
  Eraser(Hub& hub, resource::Resource& erasures, const Clock& clock);
  ~Eraser() override;

  void Start() override;
  void Stop() override;

  /// Waits until the erasure is done, or the deadline comes. Whether it is done.
  bool Wait(const std::string& tenant, const std::string& erasure, db::Deadline deadline);
  /// Takes all jobs as far as they go now.
  absl::Status RunOnce();

 private:
  /// What came of a step.
  enum class Progress { kMoved, kWaits, kDone };

  absl::StatusOr<Progress> Step(const std::string& tenant, const std::string& erasure);
  absl::StatusOr<Progress> Rewrite(db::Connection& connection, storage::ErasureJob& job);
  absl::StatusOr<Progress> AskForStreams(db::Connection& connection, storage::ErasureJob& job);
  absl::StatusOr<Progress> AwaitStreams(db::Connection& connection, storage::ErasureJob& job);
  /// Tells `privacy.erased`, in a transaction of its own.
  absl::StatusOr<Progress> Tell(const storage::ErasureJob& job);
  /// Waits until the readers of this process know, then lets workers read anew what they hold, and forgets the job.
  absl::StatusOr<Progress> Settle(db::Connection& connection, storage::ErasureJob& job);

  Hub& hub_;
  resource::Resource& erasures_;
  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool asked_ = false;
  std::thread thread_;
};

}  // namespace embudo::pipeline::events
