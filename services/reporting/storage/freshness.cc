#include "services/reporting/storage/freshness.h"

#include <algorithm>

#include "common/base/error.h"
#include "embudo/type/v1/event.pb.h"

namespace embudo::reporting::storage {
namespace {

// Positions have no gaps: what is waiting begins just after the checkpoint. A partition of a new epoch has no
// checkpoint before the one before is dealt with.
constexpr char kProgress[] =
    "SELECT h.partition, coalesce(c.position, 0), next.data FROM pipeline.event_heads h"
    " LEFT JOIN reporting.consumer_checkpoint c ON c.partition = h.partition AND c.consumer = $1"
    " LEFT JOIN LATERAL (SELECT l.data FROM pipeline.event_log l WHERE l.partition = h.partition"
    " AND l.position = coalesce(c.position, 0) + 1 LIMIT 1) next ON true"
    " WHERE c.partition IS NOT NULL OR h.position > 0 ORDER BY h.partition";

}  // namespace

absl::StatusOr<Progress> LoadProgress(db::Connection& connection, const std::string& consumer) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kProgress, db::Params::Of(consumer)));
  Progress progress;
  for (int i = 0; i < rows.size(); ++i) {
    progress.partitions.push_back({static_cast<int>(rows[i].Int(0)), rows[i].Int(1)});
    if (rows[i].IsNull(2)) continue;
    type::v1::Event event;
    if (!event.ParseFromString(rows[i].Bytes(2))) return Internal("an event that can't be parsed");
    const Time time = FromTimestamp(event.time());
    progress.waiting_since = std::min(progress.waiting_since.value_or(time), time);
  }
  return progress;
}

}  // namespace embudo::reporting::storage
