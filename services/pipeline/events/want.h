#pragma once

#include <string>
#include <vector>

#include "services/pipeline/events/cursor.h"

namespace embudo::pipeline::events {

/// What a reader of the log takes next: the events of a tenant after these positions, of these partitions.
struct Want {
  std::string tenant;
  Positions after;
  std::vector<int> partitions;  ///< in order
};

}  // namespace embudo::pipeline::events
