#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/background.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/rpc/client.h"
#include "services/capture/events/import_run.h"
#include "services/capture/storage/file_store.h"
#include "services/capture/storage/import_store.h"

namespace embudo::capture::events {

/// Works on imports: takes the oldest that waits, or whose worker is gone, and runs it to its end. Any number of
/// processes may do so side by side.
class ImportRunner : public Background {
 public:
  /// `worker` is of the role capture_worker. `threads` imports run at once.
  ImportRunner(db::Pool& worker, rpc::Client& pipeline, const Clock& clock, ImportLimits limits = {}, int threads = 2);
  ~ImportRunner() override;

  void Start() override;
  /// Gives back what runs at its next checkpoint.
  void Stop() override;
  /// An import was queued: do not wait for the next look.
  void Wake();

 private:
  void Loop(const std::string& owner);
  void TidyUp();

  storage::ImportStore imports_;
  storage::FileStore files_;
  rpc::Client& pipeline_;
  const Clock& clock_;
  const ImportLimits limits_;
  const int count_;

  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  int waiting_ = 0;
  std::chrono::steady_clock::time_point next_tidy_;
  std::vector<std::thread> threads_;
};

}  // namespace embudo::capture::events
