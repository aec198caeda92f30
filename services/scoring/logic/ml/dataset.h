#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace embudo::scoring::ml {

/// One variable of all rows, as models see it: numbers, or texts that are counted (categories).
struct Column {
  std::string name;
  bool is_number = false;
  /// NaN: missing. Empty in a category.
  std::vector<double> numbers;
  /// Index into `values`; -1: missing. Empty in a number.
  std::vector<int32_t> codes;
  std::vector<std::string> values;
};

/// Rows to learn from or to judge; the labels are beside it.
struct Dataset {
  std::vector<Column> columns;
  size_t rows = 0;
};

/// 1: the row is of the class that is predicted (won).
using Labels = std::vector<uint8_t>;
/// Which rows; kept in the order in which they are to be used.
using Rows = std::vector<uint32_t>;
/// A figure of each row: a probability, or its logarithm of the odds.
using Scores = std::vector<double>;

/// Splits that depend on this alone, and on no clock or thread.
inline constexpr uint64_t kSeed = 20240117;

}  // namespace embudo::scoring::ml
