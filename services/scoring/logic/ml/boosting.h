#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/scoring/logic/ml/boost_features.h"

namespace embudo::scoring::ml {

/// How trees are grown.
struct BoostOptions {
  int depth = 3;
  double rate = 0.05;
  double least_weight = 5;
  double ridge = 5;
  int most_rounds = 1500;
  /// Rounds without a gain on the held-out rows after which it stops.
  int patience = 50;
};

/// Gradient-boosted trees on the log-loss, by XGBoost on one thread: the same rows make the same trees. Immutable;
/// thread-safe.
class Booster {
 public:
  /// Stops where the held-out rows are told best, and keeps the trees up to there.
  static absl::StatusOr<Booster> TrainUntilBest(const Dense& train, const Labels& train_labels, const Dense& held_out,
                                                const Labels& held_out_labels, const BoostOptions& options);
  static absl::StatusOr<Booster> Train(const Dense& train, const Labels& labels, int rounds,
                                       const BoostOptions& options);
  /// What Save gave. DATA_LOSS if it is broken.
  static absl::StatusOr<Booster> Load(const std::string& bytes);
  absl::StatusOr<std::string> Save() const;

  /// Logarithms of the odds.
  absl::StatusOr<Scores> Predict(const Dense& rows) const;
  /// For each row one figure for each column, and one for the constant: what they add to the logarithm of the odds.
  absl::StatusOr<std::vector<Scores>> Contributions(const Dense& rows) const;
  int rounds() const { return rounds_; }

 private:
  struct Handle;
  std::shared_ptr<Handle> handle_;
  int rounds_ = 0;
};

}  // namespace embudo::scoring::ml
