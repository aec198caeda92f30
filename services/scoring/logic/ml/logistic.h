#pragma once

#include <vector>

#include "services/scoring/logic/ml/binning.h"

namespace embudo::scoring::ml {

/// Rows as the linear model reads them.
struct Encoded {
  BinMatrix bins;
  /// Numbers, standardised: [c][r]; empty in a category.
  std::vector<std::vector<double>> standardised;
};
Encoded Encode(const std::vector<Bins>& bins, const Dataset& data);

/// A logistic regression with a weight for each bin of each variable and one for each standardised number, L2.
struct Logistic {
  double intercept = 0;
  /// [c][bin]
  std::vector<std::vector<double>> weights;
  /// [c]; 0 in a category.
  std::vector<double> slopes;
  /// [c]: what a variable adds on the mean of the rows that it was fitted on.
  std::vector<double> means;

  /// What one variable adds to the logarithm of the odds.
  double Part(const Encoded& rows, size_t column, uint32_t row) const;
  double Logit(const Encoded& rows, uint32_t row) const;
};

/// How freely the weights may follow the rows.
struct LogisticOptions {
  /// Weight of the rows against the penalty: the greater, the freer.
  double cost = 0.1;
  /// How freely a number may bend away from a straight line: 1, its bins as freely as its slope; 0, not at all.
  double bend = 1;
};

/// Both classes are there.
Logistic FitLogistic(const std::vector<Bins>& bins, const Encoded& encoded, const Labels& labels, const Rows& rows,
                     const LogisticOptions& options);

}  // namespace embudo::scoring::ml
