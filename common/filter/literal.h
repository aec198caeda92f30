#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace embudo::filter {

/// An exact decimal with nine digits after the point, as google.type.Money has it: both parts bear the sign.
struct Decimal {
  int64_t units = 0;
  int32_t nanos = 0;

  /// `-12.5`.
  std::string ToString() const;
  auto operator<=>(const Decimal&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14 minds <=>'s zero
};

/// `-12`, `2.50`, `1e6`. Nothing if it is no number, or is one that the type does not hold exactly.
std::optional<Decimal> ParseDecimal(std::string_view text);
std::optional<int64_t> ParseInt(std::string_view text);
/// The nearest double.
std::optional<double> ParseDouble(std::string_view text);
/// The shortest text that ParseDouble reads as the same number.
std::string FormatDouble(double number);

/// RFC 3339 (`2026-11-23T18:00:00Z`, `2026-11-23T19:00:00.25+01:00`), or a date: its midnight, UTC. Digits past the
/// microseconds are dropped. Years 1 to 9999.
std::optional<Time> ParseTime(std::string_view text);
/// `2026-11-23`.
std::optional<Day> ParseDay(std::string_view text);
/// `30s`, `90m`, `12h`, `3d`, `2w`, up to 36,500 days.
std::optional<std::chrono::seconds> ParseDuration(std::string_view text);

}  // namespace embudo::filter
