#include "common/base/clock.h"

#include <cstdio>

namespace embudo {
namespace {

class SystemClock final : public Clock {
 public:
  Time Now() const override {
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  }
};

}  // namespace

const Clock& Clock::System() {
  static const SystemClock clock;
  return clock;
}

google::protobuf::Timestamp ToTimestamp(Time time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  google::protobuf::Timestamp out;
  out.set_seconds(seconds.time_since_epoch().count());
  out.set_nanos(static_cast<int>((time - seconds).count()) * 1000);
  return out;
}

Time FromTimestamp(const google::protobuf::Timestamp& timestamp) {
  return Time(std::chrono::seconds(timestamp.seconds()) + std::chrono::microseconds(timestamp.nanos() / 1000));
}

google::type::Date ToDate(Day day) {
  const std::chrono::year_month_day date(day);
  google::type::Date out;
  out.set_year(static_cast<int>(date.year()));
  out.set_month(static_cast<int>(static_cast<unsigned>(date.month())));
  out.set_day(static_cast<int>(static_cast<unsigned>(date.day())));
  return out;
}

Day FromDate(const google::type::Date& date) {
  return std::chrono::year(date.year()) / std::chrono::month(static_cast<unsigned>(date.month())) /
         std::chrono::day(static_cast<unsigned>(date.day()));
}

std::string FormatTime(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::hh_mm_ss clock(time - day);
  char text[40];
  std::snprintf(text, sizeof text, "%sT%02d:%02d:%02d.%06dZ", FormatDate(ToDate(day)).c_str(),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return text;
}

std::string FormatDate(const google::type::Date& date) {
  char text[40];
  std::snprintf(text, sizeof text, "%04d-%02d-%02d", date.year(), date.month(), date.day());
  return text;
}

}  // namespace embudo
