#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "common/base/background.h"
#include "common/db/pool.h"

namespace embudo::pipeline::events {

/// Folds what was added to the columns of kanban boards into their totals, every second, so that a board reads few
/// rows. Totals and additions together are exact at any moment; several replicas may fold at once.
class KanbanFold : public Background {
 public:
  /// `postgres` is the conninfo of pipeline_worker.
  explicit KanbanFold(std::string postgres);
  ~KanbanFold() override;

  void Start() override;
  void Stop() override;

  /// Folds what there is. How many rows that were.
  absl::StatusOr<int64_t> RunOnce();

 private:
  db::Pool pool_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace embudo::pipeline::events
