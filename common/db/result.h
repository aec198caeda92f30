#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"

struct pg_result;

namespace embudo::db {

/// One row of a result, by column number. Valid while its Result lives.
class Row {
 public:
  Row(const pg_result* result, int row) : result_(result), row_(row) {}

  bool IsNull(int column) const;
  /// The text form; empty for NULL.
  std::string_view Text(int column) const;
  int64_t Int(int column) const;
  double Double(int column) const;
  bool Bool(int column) const;
  /// A timestamptz.
  Time TimeAt(int column) const;
  /// A bytea.
  std::string Bytes(int column) const;
  /// A text[].
  std::vector<std::string> TextArray(int column) const;

 private:
  const pg_result* result_;
  int row_;
};

/// The rows that a statement returned.
class Result {
 public:
  explicit Result(pg_result* result);

  int size() const;
  bool empty() const { return size() == 0; }
  int columns() const;
  Row operator[](int row) const { return {result_.get(), row}; }
  /// Rows that an INSERT, UPDATE or DELETE changed.
  int64_t affected() const;
  const pg_result* raw() const { return result_.get(); }

 private:
  std::shared_ptr<pg_result> result_;
};

/// Parses PostgreSQL's text forms.
Time ParseTimestamp(std::string_view text);
std::vector<std::string> ParseTextArray(std::string_view text);
/// Writes an array literal `{"a","b"}` to be cast to text[] or uuid[].
std::string ToArrayLiteral(const std::vector<std::string>& values);
std::string ToArrayLiteral(const std::vector<std::optional<std::string>>& values);

}  // namespace embudo::db
