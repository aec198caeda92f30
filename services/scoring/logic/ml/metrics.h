#pragma once

#include <vector>

#include "services/scoring/logic/ml/dataset.h"

namespace embudo::scoring::ml {

/// Probabilities are kept off 0 and 1 by this before a logarithm is taken.
inline constexpr double kTiny = 1e-7;

double Clamp01(double probability);
/// log(p / (1 - p)), of a probability that is kept off 0 and 1.
double Logit(double probability);
double Sigmoid(double logit);

/// -log of the probability that was given to what happened.
double LossOf(double probability, bool label);

/// How good probabilities are.
struct Figures {
  /// Chance that a row of the class is put above one that is not; ties are a half. 0.5 where one of them is missing.
  double auc = 0.5;
  double log_loss = 0;
  /// Mean square of probability - outcome.
  double brier = 0;
  /// Expected calibration error: see CalibrationCurve.
  double ece = 0;
};

/// Rows whose probability is in one tenth of 0–1.
struct CalibrationBin {
  double lower = 0;
  double upper = 0;
  size_t rows = 0;
  /// Mean probability, and share that is of the class.
  double predicted = 0;
  double observed = 0;
};

double Auc(const Scores& scores, const Labels& labels);
double LogLoss(const Scores& probabilities, const Labels& labels);
double Brier(const Scores& probabilities, const Labels& labels);
/// Ten bins of equal width; those without rows are left out.
std::vector<CalibrationBin> CalibrationCurve(const Scores& probabilities, const Labels& labels);
/// Mean over the bins, by their rows, of |predicted - observed|.
double Ece(const Scores& probabilities, const Labels& labels);
/// All of them; of no rows, that of a guess.
Figures FiguresOf(const Scores& probabilities, const Labels& labels);

/// Labels of the rows.
Labels Pick(const Labels& labels, const Rows& rows);
Scores Pick(const Scores& scores, const Rows& rows);
/// Share of the class; 0 of no rows.
double RateOf(const Labels& labels);

}  // namespace embudo::scoring::ml
