#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"

namespace embudo::db {

/// A parameter in PostgreSQL's binary form, what its receive functions read: less work on both sides than text.
struct Binary {
  std::string bytes;
};

/// The ids of types that rows are made of, from PostgreSQL's pg_type.dat: they never change.
namespace type_id {
inline constexpr uint32_t kBool = 16, kBytea = 17, kInt8 = 20, kInt2 = 21, kInt4 = 23, kText = 25, kFloat8 = 701,
                          kTextArray = 1009, kDate = 1082, kTimestamptz = 1184, kNumeric = 1700, kUuid = 2950,
                          kJsonb = 3802;
}  // namespace type_id

/// Each appends one value in binary form, without its length.
void AppendInt16(std::string& out, int16_t value);
void AppendInt32(std::string& out, int32_t value);
void AppendInt64(std::string& out, int64_t value);
void AppendFloat8(std::string& out, double value);
/// timestamptz.
void AppendTime(std::string& out, Time value);
void AppendDate(std::string& out, std::chrono::sys_days value);
/// numeric: `units` and `nanos` of google.type.Money, of one sign.
void AppendNumeric(std::string& out, int64_t units, int32_t nanos);
void AppendUuid(std::string& out, const Uuid& value);
/// What stands before the items of an array of `size` items; each item is its length as int32 (-1: NULL) and its value.
void AppendArrayHeader(std::string& out, uint32_t item_type, size_t size, bool has_null);
void AppendTextArray(std::string& out, const std::vector<std::string>& values);

/// Leaves room for the length of a value that is appended next, and fills it in.
class LengthPrefix {
 public:
  explicit LengthPrefix(std::string& out) : out_(out), at_(out.size()) { AppendInt32(out_, 0); }
  void Close();

 private:
  std::string& out_;
  const size_t at_;
};

}  // namespace embudo::db
