#pragma once

#include <string>
#include <vector>

#include "services/scoring/logic/ml/dataset.h"

namespace embudo::scoring::ml {

/// Turns what a model says into what then happens. Monotone: it never changes the order of two rows (isotonic may make
/// them equal).
struct Calibration {
  enum class Kind { kNone, kPlatt, kIsotonic };

  Kind kind = Kind::kNone;
  /// kPlatt: the logarithm of the odds is slope · x + intercept.
  double slope = 1;
  double intercept = 0;
  /// kIsotonic: knots by rising x (logarithms of odds), between which the probability y goes straight.
  std::vector<double> x;
  std::vector<double> y;

  double Apply(double probability) const;
  Scores Apply(const Scores& probabilities) const;
};

/// `none`, `platt`, `isotonic`.
std::string NameOf(Calibration::Kind kind);

/// A logistic regression on the logarithm of the odds. `ridge` pulls it to the identity, as if that many rows had said
/// so.
Calibration FitPlatt(const Scores& probabilities, const Labels& labels, double ridge = 1);
/// The same with the slope of 1: the rate alone is set right.
Calibration FitLevel(const Scores& probabilities, const Labels& labels, double ridge = 1);
/// Pool adjacent violators, each pool smoothed by half a row of each kind.
Calibration FitIsotonic(const Scores& probabilities, const Labels& labels);
/// For a model that serves after it has learned from these rows, too: the newest `share` of all. What older rows alone
/// have taught is off by what Platt says; the model that serves knows that share of it already. Newer rows may move the
/// rate and make a model less sure of itself, but not surer: that does not last. None of few
/// rows.
Calibration FitMoved(const Scores& probabilities, const Labels& labels, double share);
/// A calibration, and what it would have made of the same rows where it had not seen them.
struct Chosen {
  Calibration calibration;
  Scores held_out;
};
/// The one with the least log-loss on held-out parts of these rows; none, unless another is better beyond noise.
Chosen ChooseCalibration(const Scores& probabilities, const Labels& labels);

}  // namespace embudo::scoring::ml
