#include "services/pipeline/events/places.h"

#include <algorithm>
#include <chrono>

#include "common/base/error.h"

namespace embudo::pipeline::events {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kQuery{10000};

constexpr char kHeads[] =
    "SELECT partition, position FROM pipeline.event_head WHERE partition BETWEEN $1::int AND $2::int";

// Ids are of UUID version 7: they begin with the time, in milliseconds, which is the event's own.
constexpr char kAt[] = R"(
SELECT h.partition, coalesce(
  (SELECT min(p.position) FROM pipeline.event_position p JOIN pipeline.event e USING (tenant_id, day, seq)
   WHERE p.partition = h.partition AND p.day = $3::date AND e.event_id >= $4::uuid),
  (SELECT min(position) FROM pipeline.event_position p WHERE p.partition = h.partition AND p.day > $3::date),
  h.position + 1) - 1, h.position
FROM pipeline.event_head h WHERE h.partition BETWEEN $1::int AND $2::int)";

constexpr char kFloor[] = R"(
SELECT h.partition, coalesce(f.position - 1, h.position), f.event_id
FROM pipeline.event_head h LEFT JOIN LATERAL (
  SELECT p.position, e.event_id FROM pipeline.event_position p JOIN pipeline.event e USING (tenant_id, day, seq)
  WHERE p.partition = h.partition AND p.day >= $3::date ORDER BY p.position LIMIT 1) f ON true
WHERE h.partition BETWEEN $1::int AND $2::int)";

constexpr char kRetention[] = "SELECT event_retention_days FROM pipeline.tenant WHERE tenant_id = $1";

std::string LowestIdAt(Time time) {
  Uuid id{};
  const int64_t ms = std::chrono::floor<milliseconds>(time).time_since_epoch().count();
  for (int i = 0; i < 6; ++i) id.bytes[static_cast<size_t>(i)] = static_cast<uint8_t>(ms >> (40 - 8 * i));
  return id.ToString();
}

std::string DayOf(Time time) { return FormatDate(ToDate(std::chrono::floor<std::chrono::days>(time))); }

Positions PositionsIn(const event::Epoch& epoch, const db::Result& rows) {
  Positions positions(epoch);
  for (int i = 0; i < rows.size(); ++i) positions[static_cast<int>(rows[i].Int(0))] = rows[i].Int(1);
  return positions;
}

absl::Status Expired(const CursorCodec& cursors, const std::string& tenant, const Positions& floor,
                     std::string_view field) {
  return Error(absl::StatusCode::kOutOfRange, "CURSOR_EXPIRED",
               std::string(field) + ": events after this cursor are no longer kept")
      .Meta("earliest_cursor", cursors.Encode(tenant, {floor, std::nullopt}))
      .ToStatus();
}

}  // namespace

std::optional<Time> TimeOfEvent(std::string_view event_id) {
  const auto id = Uuid::Parse(event_id);
  if (!id) return std::nullopt;
  int64_t ms = 0;
  for (int i = 0; i < 6; ++i) ms = ms << 8 | id->bytes[static_cast<size_t>(i)];
  return Time(milliseconds(ms));
}

absl::StatusOr<event::Epochs> Places::Epochs() const {
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kQuery)));
  return event::ReadEpochs(*lease);
}

absl::StatusOr<Positions> Places::Latest() const {
  EMBUDO_ASSIGN_OR_RETURN(const event::Epochs epochs, Epochs());
  const event::Epoch& open = epochs.back();
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool_, "", db::After(kQuery), kHeads, db::Params::Of(open.first, open.last())));
  return PositionsIn(open, rows);
}

absl::StatusOr<Positions> Places::At(Time time) const {
  EMBUDO_ASSIGN_OR_RETURN(const event::Epochs epochs, Epochs());
  for (const event::Epoch& epoch : epochs) {
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                            db::Exec(pool_, "", db::After(kQuery), kAt,
                                     db::Params::Of(epoch.first, epoch.last(), DayOf(time), LowestIdAt(time))));
    bool any = epoch.open();
    for (int i = 0; i < rows.size(); ++i) any = any || rows[i].Int(1) < rows[i].Int(2);
    if (any) return PositionsIn(epoch, rows);
  }
  return Internal("the log has no open epoch");
}

absl::StatusOr<Places::Floor> Places::FloorOf(const std::string& tenant) const {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result retention,
                          db::Exec(pool_, "", db::After(kQuery), kRetention, db::Params::Of(tenant)));
  const int64_t kept = retention.empty() || retention[0].Int(0) == 0 ? kStandardRetention : retention[0].Int(0);
  const std::string first = DayOf(clock_.Now() - std::chrono::days(kept));
  EMBUDO_ASSIGN_OR_RETURN(const event::Epochs epochs, Epochs());
  for (const event::Epoch& epoch : epochs) {
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool_, "", db::After(kQuery), kFloor,
                                                            db::Params::Of(epoch.first, epoch.last(), first)));
    Floor floor{PositionsIn(epoch, rows), std::nullopt};
    for (int i = 0; i < rows.size(); ++i) {
      const std::optional<Time> time = TimeOfEvent(rows[i].Text(2));
      if (time && (!floor.earliest || *time < *floor.earliest)) floor.earliest = time;
    }
    if (floor.earliest || epoch.open()) return floor;
  }
  return Internal("the log has no open epoch");
}

int64_t Distance(const event::Epochs& epochs, const Positions& from, const Positions& to) {
  int64_t distance = 0;
  for (const event::Epoch& epoch : epochs) {
    if (epoch.number < from.epoch().number || epoch.number > to.epoch().number) continue;
    const Positions begin = epoch.number == from.epoch().number ? from : Positions(epoch);
    const std::vector<int64_t>& end = epoch.number == to.epoch().number ? to.values() : epoch.ends;
    for (size_t i = 0; i < end.size(); ++i) distance += std::max<int64_t>(0, end[i] - begin.values()[i]);
  }
  return distance;
}

bool IsBefore(const event::Epochs& epochs, const Positions& a, const Positions& b) {
  if (a.epoch().number == b.epoch().number) {
    for (size_t i = 0; i < a.values().size(); ++i) {
      if (a.values()[i] < b.values()[i]) return true;
    }
    return false;
  }
  if (a.epoch().number > b.epoch().number) return false;
  // The end of an epoch is the beginning of the next.
  for (const event::Epoch& epoch : epochs) {
    if (epoch.number < a.epoch().number || epoch.number >= b.epoch().number) continue;
    if (!(epoch.number == a.epoch().number ? a : Positions(epoch)).AtEnd(epoch)) return true;
  }
  return std::any_of(b.values().begin(), b.values().end(), [](int64_t position) { return position > 0; });
}

absl::StatusOr<Place> Locate(const Places& places, const CursorCodec& cursors, const std::string& tenant,
                             const Start& start, std::string_view field) {
  if (start.named == Start::Named::kLatest) {
    EMBUDO_ASSIGN_OR_RETURN(Positions latest, places.Latest());
    return Place{std::move(latest), std::nullopt};
  }
  EMBUDO_ASSIGN_OR_RETURN(const Places::Floor floor, places.FloorOf(tenant));
  EMBUDO_ASSIGN_OR_RETURN(const event::Epochs epochs, places.Epochs());
  if (!start.cursor.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(Place place, cursors.Decode(tenant, start.cursor, field, epochs));
    if (IsBefore(epochs, place.positions, floor.positions)) return Expired(cursors, tenant, floor.positions, field);
    return place;
  }
  if (!start.time) return Place{floor.positions, std::nullopt};
  EMBUDO_ASSIGN_OR_RETURN(Positions positions, places.At(*start.time));
  if (positions.epoch().number < floor.positions.epoch().number) return Place{floor.positions, std::nullopt};
  if (positions.epoch().number == floor.positions.epoch().number) {
    for (size_t i = 0; i < positions.values().size(); ++i) {
      positions.values()[i] = std::max(positions.values()[i], floor.positions.values()[i]);
    }
  }
  return Place{std::move(positions), std::nullopt};
}

}  // namespace embudo::pipeline::events
