#pragma once

#include <vector>

#include "services/scoring/logic/ml/dataset.h"

namespace embudo::scoring::ml {

/// How much less one model loses than another, row by row.
struct Gain {
  double mean = 0;
  /// Of the mean.
  double standard_error = 0;
};
Gain GainOf(const Scores& losses, const Scores& than);

/// Which of some models to take, given what each loses on each held-out row, the simplest model first: the first one
/// whose mean loss is not above the best one's by more than that many standard errors of the difference.
size_t SimplestWithinNoise(const std::vector<Scores>& losses, double standard_errors);

}  // namespace embudo::scoring::ml
