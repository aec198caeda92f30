#include "services/pipeline/events/places.h"

#include <algorithm>
#include <chrono>

#include "common/base/error.h"
#include "common/event/event.h"

namespace embudo::pipeline::events {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kQuery{10000};

constexpr char kHeads[] = "SELECT partition, position FROM pipeline.event_head WHERE partition < $1::int";

// Ids are of UUID version 7: they begin with the time, in milliseconds, which is the event's own.
constexpr char kAt[] = R"(
SELECT h.partition, coalesce(
  (SELECT min(p.position) FROM pipeline.event_position p JOIN pipeline.event e USING (tenant_id, day, seq)
   WHERE p.partition = h.partition AND p.day = $2::date AND e.event_id >= $3::uuid),
  (SELECT min(position) FROM pipeline.event_position p WHERE p.partition = h.partition AND p.day > $2::date),
  h.position + 1) - 1
FROM pipeline.event_head h WHERE h.partition < $1::int)";

constexpr char kFloor[] = R"(
SELECT h.partition, coalesce(f.position - 1, h.position), f.event_id
FROM pipeline.event_head h LEFT JOIN LATERAL (
  SELECT p.position, e.event_id FROM pipeline.event_position p JOIN pipeline.event e USING (tenant_id, day, seq)
  WHERE p.partition = h.partition AND p.day >= $2::date ORDER BY p.position LIMIT 1) f ON true
WHERE h.partition < $1::int)";

constexpr char kRetention[] = "SELECT event_retention_days FROM pipeline.tenant WHERE tenant_id = $1";

std::string LowestIdAt(Time time) {
  Uuid id{};
  const int64_t ms = std::chrono::floor<milliseconds>(time).time_since_epoch().count();
  for (int i = 0; i < 6; ++i) id.bytes[static_cast<size_t>(i)] = static_cast<uint8_t>(ms >> (40 - 8 * i));
  return id.ToString();
}

std::string DayOf(Time time) { return FormatDate(ToDate(std::chrono::floor<std::chrono::days>(time))); }

Positions PositionsIn(const db::Result& rows) {
  Positions positions{};
  for (int i = 0; i < rows.size(); ++i) positions[static_cast<int>(rows[i].Int(0))] = rows[i].Int(1);
  return positions;
}

}  // namespace

std::optional<Time> TimeOfEvent(std::string_view event_id) {
  const auto id = Uuid::Parse(event_id);
  if (!id) return std::nullopt;
  int64_t ms = 0;
  for (int i = 0; i < 6; ++i) ms = ms << 8 | id->bytes[static_cast<size_t>(i)];
  return Time(milliseconds(ms));
}

absl::StatusOr<Positions> Places::Latest() const {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool_, "", db::After(kQuery), kHeads, db::Params::Of(event::kPartitions)));
  return PositionsIn(rows);
}

absl::StatusOr<Positions> Places::At(Time time) const {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool_, "", db::After(kQuery), kAt, db::Params::Of(event::kPartitions, DayOf(time), LowestIdAt(time))));
  return PositionsIn(rows);
}

absl::StatusOr<Places::Floor> Places::FloorOf(const std::string& tenant) const {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result retention,
                          db::Exec(pool_, "", db::After(kQuery), kRetention, db::Params::Of(tenant)));
  const int64_t kept = retention.empty() || retention[0].Int(0) == 0 ? kStandardRetention : retention[0].Int(0);
  const std::string first = DayOf(clock_.Now() - std::chrono::days(kept));
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool_, "", db::After(kQuery), kFloor, db::Params::Of(event::kPartitions, first)));
  Floor floor;
  floor.positions = PositionsIn(rows);
  for (int i = 0; i < rows.size(); ++i) {
    const std::optional<Time> time = TimeOfEvent(rows[i].Text(2));
    if (time && (!floor.earliest || *time < *floor.earliest)) floor.earliest = time;
  }
  return floor;
}

absl::StatusOr<Place> Locate(const Places& places, const CursorCodec& cursors, const std::string& tenant,
                             const Start& start, std::string_view field) {
  Place place;
  if (start.named == Start::Named::kLatest) {
    EMBUDO_ASSIGN_OR_RETURN(place.positions, places.Latest());
    return place;
  }
  EMBUDO_ASSIGN_OR_RETURN(const Places::Floor floor, places.FloorOf(tenant));
  if (!start.cursor.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(place, cursors.Decode(tenant, start.cursor, field));
    const std::vector<int64_t>& kept = floor.positions.values();
    for (size_t i = 0; i < kept.size(); ++i) {
      if (place.positions.values()[i] >= kept[i]) continue;
      return Error(absl::StatusCode::kOutOfRange, "CURSOR_EXPIRED",
                   std::string(field) + ": events after this cursor are no longer kept")
          .Meta("earliest_cursor", cursors.Encode(tenant, {floor.positions, std::nullopt}))
          .ToStatus();
    }
    return place;
  }
  if (start.time) {
    EMBUDO_ASSIGN_OR_RETURN(place.positions, places.At(*start.time));
  }
  for (size_t i = 0; i < place.positions.values().size(); ++i) {
    place.positions.values()[i] = std::max(place.positions.values()[i], floor.positions.values()[i]);
  }
  return place;
}

}  // namespace embudo::pipeline::events
