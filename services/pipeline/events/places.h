#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "services/pipeline/events/cursor.h"

namespace embudo::pipeline::events {

/// Days that events are kept for a tenant that names none (Tenant.event_retention_days).
inline constexpr int kStandardRetention = 30;

/// Where the log begins and ends, and where in it a time is. Asks the database, as pipeline_worker.
class Places {
 public:
  Places(db::Pool& pool, const Clock& clock) : pool_(pool), clock_(clock) {}

  absl::StatusOr<event::Epochs> Epochs() const;
  /// The last positions that were given, in the open epoch.
  absl::StatusOr<Positions> Latest() const;
  /// The positions just before the first event made at or after `time`, in the oldest epoch that has any.
  absl::StatusOr<Positions> At(Time time) const;

  struct Floor {
    /// The positions just before the oldest event that is kept for the tenant, in the oldest epoch that has any.
    Positions positions{};
    /// When that event was made; nullopt if there is none.
    std::optional<Time> earliest;
  };
  /// By the tenant's retention (Tenant.event_retention_days).
  absl::StatusOr<Floor> FloorOf(const std::string& tenant) const;

 private:
  db::Pool& pool_;
  const Clock& clock_;
};

/// How many places there are from one to a later one, across epochs.
int64_t Distance(const event::Epochs& epochs, const Positions& from, const Positions& to);
/// Whether there is a place of the log after `a` that is not after `b`.
bool IsBefore(const event::Epochs& epochs, const Positions& a, const Positions& b);

/// When the event of that id was made, as far as its id tells: to the millisecond. nullopt for what is no id.
std::optional<Time> TimeOfEvent(std::string_view event_id);

/// Where a reader begins, as Tail, ListEvents and SeekSubscription are told it.
struct Start {
  enum class Named { kNone, kEarliest, kLatest };
  std::string cursor;
  std::optional<Time> time;
  Named named = Named::kNone;
};

/// The place that `start` means, never before the tenant's floor. OUT_OF_RANGE, reason CURSOR_EXPIRED, with the
/// earliest cursor in the metadata: the cursor is before it. `field` names the cursor in errors.
absl::StatusOr<Place> Locate(const Places& places, const CursorCodec& cursors, const std::string& tenant,
                             const Start& start, std::string_view field);

}  // namespace embudo::pipeline::events
