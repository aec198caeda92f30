#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/chore/chore.h"
#include "common/db/pool.h"

namespace embudo::pipeline::events {

/// Folds what was added to the columns of kanban boards into their totals, every second, so that a board reads few
/// rows. Totals and additions together are exact at any moment; several replicas may fold at once.
class KanbanFold : public Chore {
 public:
  /// `postgres` is the conninfo of pipeline_worker.
  explicit KanbanFold(std::string postgres);
  ~KanbanFold() override;

  /// Folds what there is. How many rows that were.
  absl::StatusOr<int64_t> RunOnce();

 private:
  db::Pool pool_;
};

}  // namespace embudo::pipeline::events
