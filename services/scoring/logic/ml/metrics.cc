#include "services/scoring/logic/ml/metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace embudo::scoring::ml {
namespace {

constexpr size_t kBins = 10;

}  // namespace

double Clamp01(double probability) { return std::clamp(probability, kTiny, 1 - kTiny); }

double Logit(double probability) {
  const double p = Clamp01(probability);
  return std::log(p / (1 - p));
}

double Sigmoid(double logit) {
  if (logit >= 0) return 1 / (1 + std::exp(-logit));
  const double e = std::exp(logit);
  return e / (1 + e);
}

double LossOf(double probability, bool label) {
  const double p = Clamp01(probability);
  return -std::log(label ? p : 1 - p);
}

double Auc(const Scores& scores, const Labels& labels) {
  std::vector<uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return scores[a] < scores[b]; });
  // Sum of the ranks of the class; equal scores share the mean of their ranks.
  double ranks = 0;
  double positives = 0;
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin;
    double within = 0;
    while (end < order.size() && scores[order[end]] == scores[order[begin]]) within += labels[order[end++]];
    ranks += within * (static_cast<double>(begin + end + 1) / 2);
    positives += within;
    begin = end;
  }
  const double negatives = static_cast<double>(order.size()) - positives;
  if (positives == 0 || negatives == 0) return 0.5;
  return (ranks - positives * (positives + 1) / 2) / (positives * negatives);
}

double LogLoss(const Scores& probabilities, const Labels& labels) {
  double sum = 0;
  for (size_t i = 0; i < labels.size(); ++i) sum += LossOf(probabilities[i], labels[i] != 0);
  return labels.empty() ? 0 : sum / static_cast<double>(labels.size());
}

double Brier(const Scores& probabilities, const Labels& labels) {
  double sum = 0;
  for (size_t i = 0; i < labels.size(); ++i) sum += (probabilities[i] - labels[i]) * (probabilities[i] - labels[i]);
  return labels.empty() ? 0 : sum / static_cast<double>(labels.size());
}

std::vector<CalibrationBin> CalibrationCurve(const Scores& probabilities, const Labels& labels) {
  std::vector<CalibrationBin> bins(kBins);
  for (size_t i = 0; i < labels.size(); ++i) {
    CalibrationBin& bin = bins[std::min(kBins - 1, static_cast<size_t>(probabilities[i] * kBins))];
    ++bin.rows;
    bin.predicted += probabilities[i];
    bin.observed += labels[i];
  }
  std::vector<CalibrationBin> filled;
  for (size_t i = 0; i < kBins; ++i) {
    CalibrationBin bin = bins[i];
    if (bin.rows == 0) continue;
    bin.lower = static_cast<double>(i) / kBins;
    bin.upper = static_cast<double>(i + 1) / kBins;
    bin.predicted /= static_cast<double>(bin.rows);
    bin.observed /= static_cast<double>(bin.rows);
    filled.push_back(bin);
  }
  return filled;
}

double Ece(const Scores& probabilities, const Labels& labels) {
  double sum = 0;
  for (const CalibrationBin& bin : CalibrationCurve(probabilities, labels)) {
    sum += static_cast<double>(bin.rows) * std::abs(bin.predicted - bin.observed);
  }
  return labels.empty() ? 0 : sum / static_cast<double>(labels.size());
}

Figures FiguresOf(const Scores& probabilities, const Labels& labels) {
  return {Auc(probabilities, labels), LogLoss(probabilities, labels), Brier(probabilities, labels),
          Ece(probabilities, labels)};
}

Labels Pick(const Labels& labels, const Rows& rows) {
  Labels picked;
  picked.reserve(rows.size());
  for (const uint32_t row : rows) picked.push_back(labels[row]);
  return picked;
}

Scores Pick(const Scores& scores, const Rows& rows) {
  Scores picked;
  picked.reserve(rows.size());
  for (const uint32_t row : rows) picked.push_back(scores[row]);
  return picked;
}

double RateOf(const Labels& labels) {
  if (labels.empty()) return 0;
  return std::accumulate(labels.begin(), labels.end(), 0.0) / static_cast<double>(labels.size());
}

}  // namespace embudo::scoring::ml
