#include "services/scoring/logic/ml/champion.h"

#include <cmath>
#include <numeric>

namespace embudo::scoring::ml {
namespace {

double MeanOf(const Scores& scores) {
  return scores.empty() ? 0 : std::accumulate(scores.begin(), scores.end(), 0.0) / static_cast<double>(scores.size());
}

}  // namespace

Gain GainOf(const Scores& losses, const Scores& than) {
  Gain gain;
  if (losses.size() < 2) return gain;
  const auto rows = static_cast<double>(losses.size());
  gain.mean = MeanOf(than) - MeanOf(losses);
  double squares = 0;
  for (size_t i = 0; i < losses.size(); ++i) {
    const double deviation = than[i] - losses[i] - gain.mean;
    squares += deviation * deviation;
  }
  gain.standard_error = std::sqrt(squares / (rows - 1) / rows);
  return gain;
}

size_t SimplestWithinNoise(const std::vector<Scores>& losses, double standard_errors) {
  size_t best = 0;
  for (size_t i = 1; i < losses.size(); ++i) {
    if (MeanOf(losses[i]) < MeanOf(losses[best])) best = i;
  }
  for (size_t i = 0; i < best; ++i) {
    const Gain gain = GainOf(losses[best], losses[i]);
    if (gain.mean <= standard_errors * gain.standard_error) return i;
  }
  return best;
}

}  // namespace embudo::scoring::ml
