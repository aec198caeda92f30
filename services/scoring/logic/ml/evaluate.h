#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/scoring/logic/ml/drift.h"
#include "services/scoring/logic/ml/models.h"
#include "services/scoring/logic/ml/reading.h"

namespace embudo::scoring::ml {

/// What of a labelled table is to be judged, and how.
struct EvaluateOptions {
  /// The column that is predicted.
  std::string label;
  /// Its value that counts as won. Empty: `1`, `yes`, `won`, `true` …, else the rarer of two.
  std::string positive;
  /// Values that count as lost; rows with others are left out. Empty: every other value.
  std::vector<std::string> negatives;
  /// Columns not to learn from.
  std::vector<std::string> exclude;
  /// The newest fifth by this column is the test part. Empty: folds.
  std::string time;
  int folds = 5;
};

/// A model on rows that it has not seen.
struct Judged {
  ModelKind kind = ModelKind::kPrior;
  Figures figures;
  std::vector<CalibrationBin> curve;
  /// `none`, `platt`, `isotonic`: how its probabilities were set right; of folds, the most frequent.
  std::string calibration;
};

struct Evaluation {
  size_t rows = 0;
  size_t positives = 0;
  /// Rows without a label, or with one that counts as neither.
  size_t rows_left_out = 0;
  std::string positive;
  /// 0: the newest part was held out.
  size_t folds = 0;
  size_t test_rows = 0;
  std::vector<Judged> models;
  ModelKind champion = ModelKind::kPrior;
  /// The champion of each fold on that fold's test part, all together.
  Figures chosen;
  bool has_signal = false;
  std::string signal;
  std::vector<Source> sources;
  Drift drift;
  /// Only with time.
  std::optional<Recalibration> recalibration;
  std::vector<std::string> warnings;
};

/// Judges all kinds of models on a labelled table. INVALID_ARGUMENT for a column that is not there, no labels at all,
/// or more than two without `positive`.
absl::StatusOr<Evaluation> Evaluate(const Table& table, const EvaluateOptions& options);

}  // namespace embudo::scoring::ml
