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

constexpr char kWaiting[] =
    "SELECT next.data FROM unnest($1::smallint[], $2::bigint[]) AS c(partition, position)"
    " JOIN pipeline.event_log next ON next.partition = c.partition AND next.position = c.position + 1";

absl::Status Note(std::string_view data, Progress& progress) {
  type::v1::Event event;
  if (!event.ParseFromArray(data.data(), static_cast<int>(data.size())))
    return Internal("an event that can't be parsed");
  const Time time = FromTimestamp(event.time());
  progress.waiting_since = std::min(progress.waiting_since.value_or(time), time);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Progress> LoadProgress(db::Connection& connection, const std::string& consumer) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kProgress, db::Params::Of(consumer)));
  Progress progress;
  for (int i = 0; i < rows.size(); ++i) {
    progress.partitions.push_back({static_cast<int>(rows[i].Int(0)), rows[i].Int(1)});
    if (!rows[i].IsNull(2)) EMBUDO_RETURN_IF_ERROR(Note(rows[i].Bytes(2), progress));
  }
  return progress;
}

absl::Status LoadWaitingSince(db::Connection& connection, Progress& progress) {
  std::vector<std::string> partitions;
  std::vector<std::string> positions;
  for (const auto& [partition, position] : progress.partitions) {
    partitions.push_back(std::to_string(partition));
    positions.push_back(std::to_string(position));
  }
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kWaiting, db::Params::Of(partitions, positions)));
  progress.waiting_since.reset();
  for (int i = 0; i < rows.size(); ++i) EMBUDO_RETURN_IF_ERROR(Note(rows[i].Bytes(0), progress));
  return absl::OkStatus();
}

}  // namespace embudo::reporting::storage
