#pragma once

#include <array>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/scoring/logic/ml/bayes.h"
#include "services/scoring/logic/ml/boosting.h"
#include "services/scoring/logic/ml/calibration.h"
#include "services/scoring/logic/ml/logistic.h"
#include "services/scoring/logic/ml/metrics.h"

namespace embudo::scoring::ml {

/// The kinds of models, the simplest first.
enum class ModelKind { kPrior, kNaiveBayes, kLogistic, kGradientBoosting, kBlend };
inline constexpr size_t kModelKinds = 5;
/// `prior`, `naive_bayes`, `logistic`, `gradient_boosting`, `blend`.
std::string NameOf(ModelKind kind);

/// What every kind says of some rows: [kind][row], probabilities.
using Predictions = std::array<Scores, kModelKinds>;

/// What is kept of one kind beside its weights.
struct Card {
  Calibration calibration;
  /// On the rows held out inside the training rows.
  Figures held_out;
};

/// Why a probability is what it is.
struct Reasons {
  double probability = 0.5;
  /// [c]: how far the probability would fall without what the variable adds to it, against the mean row; negative:
  /// rise.
  std::vector<double> effects;
};

/// All kinds, learned from the same rows. Immutable; thread-safe.
struct Models {
  double prior = 0.5;
  std::vector<Bins> bins;
  Bayes bayes;
  Logistic logistic;
  /// Trees that saw different parts of the rows; their mean is told. Empty: there were too few rows to learn from, and
  /// all kinds but naive Bayes are the prior.
  struct Member {
    BoostFeatures features;
    Booster booster;
  };
  std::vector<Member> members;
  /// Part of the trees in the blend.
  double blend = 0.5;
  std::array<Card, kModelKinds> cards;
  /// The kind with the least log-loss on held-out rows; a simpler one within noise.
  ModelKind champion = ModelKind::kPrior;
  /// Whether any kind says more than the prior, beyond noise; and in words.
  bool has_signal = false;
  std::string signal;
  /// What was held out inside, and what the champion said of it.
  Rows held_out;
  Scores held_out_champion;

  /// Rows of each outcome that it was learned from.
  size_t positives = 0;
  size_t negatives = 0;

  bool learned() const { return !members.empty(); }
  absl::StatusOr<Predictions> Predict(const Dataset& data, const Rows& rows) const;
  /// What a kind says of a row, and by how much each variable moved it.
  absl::StatusOr<Reasons> Explain(ModelKind kind, const Dataset& data, uint32_t row) const;
};

struct FitOptions {
  /// The rows are in order of time: the newest are held out, not a share of all.
  bool in_time_order = false;
  /// Rows of one number belong together and are held out together; only with in_time_order. Empty: each is by itself.
  std::vector<uint32_t> groups;
  int folds = 5;
};

/// Learns all kinds from the rows and chooses among them by what is held out inside these rows alone. Few rows, or one
/// class alone, are no error: the prior serves.
absl::StatusOr<Models> FitModels(const Dataset& data, const Labels& labels, const Rows& rows,
                                 const FitOptions& options);

}  // namespace embudo::scoring::ml
