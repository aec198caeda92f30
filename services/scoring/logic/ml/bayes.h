#pragma once

#include <vector>

#include "services/scoring/logic/ml/binning.h"

namespace embudo::scoring::ml {

/// The naive Bayes model of the service (see naive_bayes.h) over binned variables: counts begin at 0.1, missing and
/// unknown values count nothing.
class Bayes {
 public:
  struct Counts {
    double won = 0;
    double lost = 0;
  };

  Bayes() = default;
  Bayes(const std::vector<Bins>& bins, const BinMatrix& matrix, const Labels& labels, const Rows& rows);
  Bayes(Counts all, std::vector<std::vector<Counts>> table);

  double Probability(const BinMatrix& matrix, uint32_t row) const;

  const Counts& all() const { return all_; }
  const std::vector<std::vector<Counts>>& table() const { return table_; }

 private:
  void SumUp();

  Counts all_{0.1, 0.1};
  /// table_[c][bin]; no counts: no row.
  std::vector<std::vector<Counts>> table_;
  std::vector<Counts> totals_;
};

}  // namespace embudo::scoring::ml
