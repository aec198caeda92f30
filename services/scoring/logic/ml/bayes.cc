#include "services/scoring/logic/ml/bayes.h"

#include <cmath>

#include "services/scoring/logic/ml/metrics.h"

namespace embudo::scoring::ml {
namespace {

constexpr double kSmoothing = 0.1;

}  // namespace

Bayes::Bayes(const std::vector<Bins>& bins, const BinMatrix& matrix, const Labels& labels, const Rows& rows) {
  for (const uint32_t row : rows) (labels[row] != 0 ? all_.won : all_.lost) += 1;
  for (size_t c = 0; c < bins.size(); ++c) {
    std::vector<Counts>& counts = table_.emplace_back(static_cast<size_t>(bins[c].count));
    for (const uint32_t row : rows) {
      if (matrix[c][row] <= 0) continue;
      Counts& of_value = counts[static_cast<size_t>(matrix[c][row])];
      if (of_value.won + of_value.lost == 0) of_value = {kSmoothing, kSmoothing};
      (labels[row] != 0 ? of_value.won : of_value.lost) += 1;
    }
  }
  SumUp();
}

Bayes::Bayes(Counts all, std::vector<std::vector<Counts>> table) : all_(all), table_(std::move(table)) { SumUp(); }

void Bayes::SumUp() {
  for (const std::vector<Counts>& counts : table_) {
    Counts& total = totals_.emplace_back();
    for (const Counts& each : counts) {
      total.won += each.won;
      total.lost += each.lost;
    }
  }
}

double Bayes::Probability(const BinMatrix& matrix, uint32_t row) const {
  double logit = std::log(all_.won / all_.lost);
  for (size_t c = 0; c < table_.size(); ++c) {
    const int32_t bin = matrix[c][row];
    if (bin <= 0) continue;
    const Counts& counts = table_[c][static_cast<size_t>(bin)];
    if (counts.won + counts.lost == 0) continue;
    logit += std::log(counts.won / totals_[c].won) - std::log(counts.lost / totals_[c].lost);
  }
  return Sigmoid(logit);
}

}  // namespace embudo::scoring::ml
