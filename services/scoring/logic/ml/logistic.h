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

/// `cost` is the weight of the rows against the penalty: the greater, the freer the weights. Both classes are there.
Logistic FitLogistic(const std::vector<Bins>& bins, const Encoded& encoded, const Labels& labels, const Rows& rows,
                     double cost);

}  // namespace embudo::scoring::ml
