#pragma once

#include <string>
#include <vector>

#include "common/text/dates.h"
#include "services/scoring/logic/ml/dataset.h"

namespace embudo::scoring::ml {

/// A table of texts, as a file has it: cells[c][r].
struct Table {
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> cells;

  size_t rows() const { return cells.empty() ? 0 : cells.front().size(); }
};

/// What a column of a table is taken for.
struct Source {
  enum class Kind { kNumber, kCategory, kDate, kLeftOut };

  std::string name;
  Kind kind = Kind::kLeftOut;
  /// Why it is left out: `constant`, `id`, `text`, `empty`.
  std::string why;
  /// kNumber: `1.234,5`.
  bool decimal_comma = false;
  /// kDate.
  text::DateOrder order = text::DateOrder::kYearMonthDay;
};

/// How the columns of a table become variables: learned once, then applied to any rows. No label is looked at.
class Reading {
 public:
  static Reading Learn(const Table& table);
  explicit Reading(std::vector<Source> sources) : sources_(std::move(sources)) {}
  Reading() = default;

  /// Columns that the table does not have are all missing; others than the learned ones are passed over.
  Dataset Read(const Table& table) const;
  const std::vector<Source>& sources() const { return sources_; }

 private:
  std::vector<Source> sources_;
};

/// A cell as a place in time: a number as it is, a date in days. NaN if it is neither.
std::vector<double> TimesOf(const std::vector<std::string>& cells);

}  // namespace embudo::scoring::ml
