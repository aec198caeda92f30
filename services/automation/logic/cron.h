#pragma once

#include <bitset>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"

namespace embudo::automation::logic {

/// A schedule as cron(5) writes it: minute, hour, day of month, month, day of week. A day is one of both kinds if both
/// are given, as there.
class Cron {
 public:
  /// INVALID_ARGUMENT naming `field`, with what is wrong.
  static absl::StatusOr<Cron> Parse(std::string_view text, std::string_view field);

  /// The first such moment after `after`, by the clocks of the zone: one that they skip is passed over, one that they
  /// repeat comes once. Nullopt if there is none within five years (31 February).
  std::optional<Time> Next(Time after, const absl::TimeZone& zone) const;

 private:
  bool IsDay(const absl::CivilDay& day) const;

  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;
  std::bitset<13> months_;
  std::bitset<7> weekdays_;
  bool any_day_ = false;
  bool any_weekday_ = false;
};

/// The zone of that name; UTC if there is none.
absl::TimeZone ZoneOf(const std::string& name);

}  // namespace embudo::automation::logic
