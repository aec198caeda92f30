#pragma once

#include <string>
#include <vector>

#include "services/scoring/logic/ml/binning.h"
#include "services/scoring/logic/ml/calibration.h"
#include "services/scoring/logic/ml/metrics.h"

namespace embudo::scoring::ml {

/// How far a variable's values have moved. Population stability index: below 0.1 is none, above 0.25 is much.
struct Moved {
  std::string variable;
  double psi = 0;
};

/// How newer rows differ from older ones.
struct Drift {
  /// What the rows were ordered by: a column's name, or empty: their order in the file.
  std::string ordered_by;
  double old_rate = 0;
  double new_rate = 0;
  /// Two-sided normal test of the two rates: how many standard errors they are apart.
  double rate_z = 0;
  /// By falling psi.
  std::vector<Moved> variables;
  /// Of the champion's probabilities; 0 where it was not asked.
  double score_psi = 0;
  /// Whether any of them is much; and in words.
  bool drifted = false;
  std::string text;
};

/// Sum over the shares a (old) and b (new) of (b - a) · ln(b / a), each smoothed by half a row.
double Psi(const std::vector<double>& old_counts, const std::vector<double>& new_counts);
/// Of figures, by the tenths of the old ones.
double PsiOfScores(const Scores& old_scores, const Scores& new_scores);
/// Of all but the scores.
Drift DriftBetween(const Dataset& data, const Labels& labels, const Rows& old_rows, const Rows& new_rows);
/// Fills in what follows from the figures.
void Judge(Drift& drift);

/// What setting the champion's probabilities right by the newest outcomes does, as time goes on.
struct Recalibration {
  Figures before;
  Figures after;
  size_t blocks = 0;
};
/// The rows are in order of time. Each block of them is told by what the blocks before have taught: both the line that
/// sets right, and how many of the newest outcomes to draw it through.
Recalibration RecalibrateAsTimeGoes(const Scores& probabilities, const Labels& labels);

}  // namespace embudo::scoring::ml
