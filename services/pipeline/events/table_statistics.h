#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/chore/chore.h"
#include "common/db/pool.h"

namespace embudo::pipeline::events {

/// Has PostgreSQL look at what lies in tables that it knows nothing of yet, of all services, as soon as there is
/// something: those of a new installation or a restored one, and each day's new partition of the log. Autovacuum comes
/// for them too, but a minute or more later, and plans made in between (for one tenant who is taken for one of many)
/// stay with their connections.
class TableStatistics : public Chore {
 public:
  /// `postgres` is the conninfo of pipeline_worker.
  explicit TableStatistics(std::string postgres);
  ~TableStatistics() override;

 private:
  absl::Status RunOnce();

  db::Pool pool_;
};

}  // namespace embudo::pipeline::events
