#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "common/base/background.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "services/pipeline/events/cursor.h"

namespace embudo::pipeline::events {

/// Upkeep, at start and every hour: makes the coming days' partitions of the log and drops those that
/// no tenant keeps any more, forgets request ids after 24 hours,
/// removes deleted leads for good when their time is over, and reads (or, in a new installation, makes) the key of the
/// cursors.
class Maintenance : public Background {
 public:
  /// `postgres` is the conninfo of pipeline_worker.
  Maintenance(std::string postgres, const Clock& clock);
  ~Maintenance() override;

  void Start() override;
  void Stop() override;

  /// What it does each time.
  absl::Status RunOnce();

  /// nullptr until the key has been read.
  std::shared_ptr<const CursorCodec> cursors();

 private:
  absl::Status ReadKey();
  absl::Status PurgeLeads();
  absl::Status DropOldDays(Day today);

  db::Pool pool_;
  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::shared_ptr<const CursorCodec> cursors_;
  std::thread thread_;
};

}  // namespace embudo::pipeline::events
