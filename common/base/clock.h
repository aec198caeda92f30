#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "google/protobuf/timestamp.pb.h"
#include "google/type/date.pb.h"

namespace embudo {

/// A moment, UTC, in microseconds: what PostgreSQL's timestamptz keeps.
using Time = std::chrono::sys_time<std::chrono::microseconds>;
/// A calendar day.
using Day = std::chrono::sys_days;

/// Where the time comes from. Everything that depends on time takes one, so that a test can let months pass.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time Now() const = 0;
  /// The clock of the machine.
  static const Clock& System();
};

google::protobuf::Timestamp ToTimestamp(Time time);
Time FromTimestamp(const google::protobuf::Timestamp& timestamp);
google::type::Date ToDate(Day day);
Day FromDate(const google::type::Date& date);
/// `2026-11-23T18:18:07.123456Z` (RFC 3339).
std::string FormatTime(Time time);
/// `2026-11-23` (ISO 8601).
std::string FormatDate(const google::type::Date& date);

}  // namespace embudo
