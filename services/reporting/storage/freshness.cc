#include "services/reporting/storage/freshness.h"

#include <algorithm>

#include "common/base/error.h"
#include "embudo/type/v1/event.pb.h"

namespace embudo::reporting::storage {
namespace {

// Positions have no gaps: what is waiting begins just after the checkpoint.
constexpr char kProgress[] =
    "SELECT c.partition, c.position, next.data FROM reporting.consumer_checkpoint c"
    " LEFT JOIN pipeline.event_log next ON next.partition = c.partition AND next.position = c.position + 1"
    " WHERE c.consumer = $1 ORDER BY c.partition";

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
