#include "common/db/binary.h"

#include <array>
#include <bit>
#include <cstdlib>

namespace embudo::db {
namespace {

// PostgreSQL counts time from 2000-01-01.
constexpr std::chrono::sys_days kEpoch = std::chrono::year(2000) / 1 / 1;

template <class Unsigned>
void AppendBigEndian(std::string& out, Unsigned value) {
  for (int shift = 8 * (static_cast<int>(sizeof value) - 1); shift >= 0; shift -= 8) {
    out += static_cast<char>(static_cast<uint8_t>(value >> shift));
  }
}

}  // namespace

void AppendInt16(std::string& out, int16_t value) { AppendBigEndian(out, static_cast<uint16_t>(value)); }
void AppendInt32(std::string& out, int32_t value) { AppendBigEndian(out, static_cast<uint32_t>(value)); }
void AppendInt64(std::string& out, int64_t value) { AppendBigEndian(out, static_cast<uint64_t>(value)); }
void AppendFloat8(std::string& out, double value) { AppendBigEndian(out, std::bit_cast<uint64_t>(value)); }

void AppendTime(std::string& out, Time value) {
  AppendInt64(out, std::chrono::duration_cast<std::chrono::microseconds>(value - Time(kEpoch)).count());
}

void AppendDate(std::string& out, std::chrono::sys_days value) {
  AppendInt32(out, static_cast<int32_t>((value - kEpoch).count()));
}

void AppendNumeric(std::string& out, int64_t units, int32_t nanos) {
  // Digits to the base 10,000, the first of weight 10,000^weight: five of the units (19 decimal digits), three of the
  // fraction (9, with three zeros after them).
  static constexpr int kUnitGroups = 5;
  static constexpr int kGroups = 8;
  std::array<int16_t, kGroups> groups{};
  uint64_t whole = units < 0 ? 0 - static_cast<uint64_t>(units) : static_cast<uint64_t>(units);
  for (int i = kUnitGroups; i-- > 0; whole /= 10000)
    groups[static_cast<size_t>(i)] = static_cast<int16_t>(whole % 10000);
  int64_t fraction = std::abs(static_cast<int64_t>(nanos)) * 1000;
  for (int i = kGroups; i-- > kUnitGroups; fraction /= 10000) {
    groups[static_cast<size_t>(i)] = static_cast<int16_t>(fraction % 10000);
  }
  int16_t scale = nanos == 0 ? 0 : 9;
  for (int64_t rest = nanos; scale > 0 && rest % 10 == 0; rest /= 10) --scale;
  static constexpr int16_t kNegative = 0x4000;
  AppendInt16(out, kGroups);
  AppendInt16(out, kUnitGroups - 1);
  AppendInt16(out, units < 0 || nanos < 0 ? kNegative : 0);
  AppendInt16(out, scale);
  for (const int16_t group : groups) AppendInt16(out, group);
}

void AppendUuid(std::string& out, const Uuid& value) {
  out.append(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
}

void AppendArrayHeader(std::string& out, uint32_t item_type, size_t size, bool has_null) {
  AppendInt32(out, size == 0 ? 0 : 1);  // dimensions
  AppendInt32(out, has_null ? 1 : 0);
  AppendInt32(out, static_cast<int32_t>(item_type));
  if (size == 0) return;
  AppendInt32(out, static_cast<int32_t>(size));
  AppendInt32(out, 1);  // the first item's index
}

void AppendTextArray(std::string& out, const std::vector<std::string>& values) {
  AppendArrayHeader(out, type_id::kText, values.size(), false);
  for (const std::string& value : values) {
    AppendInt32(out, static_cast<int32_t>(value.size()));
    out += value;
  }
}

void LengthPrefix::Close() {
  std::string length;
  AppendInt32(length, static_cast<int32_t>(out_.size() - at_ - sizeof(int32_t)));
  out_.replace(at_, length.size(), length);
}

}  // namespace embudo::db
