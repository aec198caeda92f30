#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/chore/chore.h"
#include "common/db/pool.h"
#include "services/pipeline/events/cursor.h"

namespace embudo::pipeline::events {

/// Upkeep, at start and every hour: makes the coming days' partitions of the log and drops those that no tenant
/// keeps any more, forgets request ids after 24 hours, removes deleted leads for good when their time is over, and
/// reads (or, in a new installation, makes) the key of the cursors.
class Maintenance : public Chore {
 public:
  /// `postgres` is the conninfo of pipeline_worker.
  Maintenance(std::string postgres, const Clock& clock);
  ~Maintenance() override;

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
  std::mutex mutex_;  ///< of cursors_
  std::shared_ptr<const CursorCodec> cursors_;
};

}  // namespace embudo::pipeline::events
