#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "services/scoring/logic/ml/dataset.h"

namespace embudo::scoring::ml {

/// How one variable is cut into a few values. Bin 0: missing; -1 in a row: a value of which nothing is known.
struct Bins {
  std::string name;
  bool is_number = false;
  /// Number: bin 1 is up to and with edges[0], and so on; the last one is above all edges.
  std::vector<double> edges;
  /// Number: to tell how far from the middle a value is; outliers have little say.
  double mean = 0;
  double deviation = 1;
  /// Category: the bins of the values that are frequent enough.
  std::unordered_map<std::string, int32_t> values;
  /// The bin of all others; -1: there were none.
  int32_t others = -1;
  /// Bins, the missing one too.
  int32_t count = 1;

  int32_t OfNumber(double number) const;
  int32_t OfValue(const std::string& value) const;
  /// Distance of a number from the mean in deviations, within ±4; 0 of a missing one.
  double Standardised(double number) const;
  /// The bin in words: `from 30 to 45`, `retired`, `missing`, `other`.
  std::string Name(int32_t bin) const;
};

/// The bins of every variable and row: bins[c][r].
using BinMatrix = std::vector<std::vector<int32_t>>;

struct BinOptions {
  /// Most bins of a number.
  int32_t most = 16;
  /// Least rows in one, and of a category's value that is not among the others.
  size_t least_rows = 5;
};

std::vector<Bins> FitBins(const Dataset& data, const Rows& rows, const BinOptions& options);
/// Of all rows of the data. Columns go by their place.
BinMatrix ApplyBins(const std::vector<Bins>& bins, const Dataset& data);

/// Which of a column's values a row has, in terms of `bins`: maps the column's own codes once.
std::vector<int32_t> BinColumn(const Bins& bins, const Column& column);

}  // namespace embudo::scoring::ml
