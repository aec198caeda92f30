#include "services/scoring/logic/ml/drift.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace embudo::scoring::ml {
namespace {

constexpr double kMuch = 0.25;
constexpr double kFarApart = 4;
constexpr int32_t kTenths = 10;
constexpr size_t kBlocks = 100;
/// More outcomes than that tell no more of how a model is off.
constexpr size_t kMostRemembered = 20000;

std::vector<double> CountBins(const std::vector<int32_t>& bins, const Rows& rows, int32_t count) {
  // One more for values of which nothing was known.
  std::vector<double> counts(static_cast<size_t>(count) + 1);
  for (const uint32_t row : rows) ++counts[static_cast<size_t>(bins[row] < 0 ? count : bins[row])];
  return counts;
}

double SumOf(const std::vector<double>& counts) {
  double sum = 0;
  for (const double count : counts) sum += count;
  return sum;
}

/// A way to set probabilities right by the newest outcomes.
struct Way {
  /// Of how many of them.
  size_t rows = 0;
  /// How many rows' worth of trust the model's own probabilities keep.
  double trust = 0;
  /// The rate alone.
  bool level = false;
  /// What this way has lost so far, on outcomes that it did not know.
  double loss = 0;

  Calibration Fit(const Scores& probabilities, const Labels& labels, size_t end) const {
    const auto to = static_cast<Scores::difference_type>(end);
    const auto from = static_cast<Scores::difference_type>(end - std::min(end, rows));
    const Scores said(probabilities.begin() + from, probabilities.begin() + to);
    const Labels were(labels.begin() + from, labels.begin() + to);
    return level ? FitLevel(said, were, trust) : FitPlatt(said, were, trust);
  }
};

/// From a short memory, which follows fast changes, to all that was; which one suits is seen as time goes.
std::vector<Way> Ways(size_t rows) {
  std::vector<Way> ways;
  for (const size_t part : {5, 10, 20, 40, 1}) {
    for (const double trust : {20.0, 5.0}) {
      for (const bool level : {false, true}) {
        ways.push_back({.rows = std::clamp<size_t>(rows / part, 1, kMostRemembered), .trust = trust, .level = level});
      }
    }
  }
  return ways;
}

std::string Percent(double share) {
  char text[16];
  std::snprintf(text, sizeof text, "%.1f %%", 100 * share);
  return text;
}

}  // namespace

double Psi(const std::vector<double>& old_counts, const std::vector<double>& new_counts) {
  const double old_sum = SumOf(old_counts);
  const double new_sum = SumOf(new_counts);
  if (old_sum == 0 || new_sum == 0) return 0;
  const double half = 0.5 * static_cast<double>(old_counts.size());
  double psi = 0;
  for (size_t i = 0; i < old_counts.size(); ++i) {
    if (old_counts[i] + new_counts[i] == 0) continue;
    const double a = (old_counts[i] + 0.5) / (old_sum + half);
    const double b = (new_counts[i] + 0.5) / (new_sum + half);
    psi += (b - a) * std::log(b / a);
  }
  return psi;
}

double PsiOfScores(const Scores& old_scores, const Scores& new_scores) {
  Dataset data;
  Column& column = data.columns.emplace_back();
  column.is_number = true;
  column.numbers = old_scores;
  column.numbers.insert(column.numbers.end(), new_scores.begin(), new_scores.end());
  data.rows = column.numbers.size();
  Rows old_rows;
  Rows new_rows;
  for (uint32_t row = 0; row < data.rows; ++row) (row < old_scores.size() ? old_rows : new_rows).push_back(row);
  const Drift drift = DriftBetween(data, Labels(data.rows), old_rows, new_rows);
  return drift.variables.front().psi;
}

Drift DriftBetween(const Dataset& data, const Labels& labels, const Rows& old_rows, const Rows& new_rows) {
  Drift drift;
  const auto olds = static_cast<double>(old_rows.size());
  const auto news = static_cast<double>(new_rows.size());
  drift.old_rate = RateOf(Pick(labels, old_rows));
  drift.new_rate = RateOf(Pick(labels, new_rows));
  if (olds > 0 && news > 0) {
    const double rate = (drift.old_rate * olds + drift.new_rate * news) / (olds + news);
    const double error = std::sqrt(rate * (1 - rate) * (1 / olds + 1 / news));
    drift.rate_z = error > 0 ? (drift.new_rate - drift.old_rate) / error : 0;
  }
  const std::vector<Bins> bins = FitBins(data, old_rows, {.most = kTenths});
  for (size_t c = 0; c < bins.size(); ++c) {
    const std::vector<int32_t> column = BinColumn(bins[c], data.columns[c]);
    drift.variables.push_back(
        {bins[c].name, Psi(CountBins(column, old_rows, bins[c].count), CountBins(column, new_rows, bins[c].count))});
  }
  std::stable_sort(drift.variables.begin(), drift.variables.end(),
                   [](const Moved& a, const Moved& b) { return a.psi > b.psi; });
  Judge(drift);
  return drift;
}

void Judge(Drift& drift) {
  const bool moved = !drift.variables.empty() && drift.variables.front().psi > kMuch;
  const bool other_rate = std::abs(drift.rate_z) > kFarApart;
  drift.drifted = moved || other_rate || drift.score_psi > kMuch;
  drift.text = "the rate goes from " + Percent(drift.old_rate) + " in the older rows to " + Percent(drift.new_rate) +
               " in the newest" + (other_rate ? ", which is no chance" : "");
  if (moved) {
    drift.text += "; moved much: ";
    for (size_t i = 0; i < drift.variables.size() && i < 3 && drift.variables[i].psi > kMuch; ++i) {
      drift.text += (i == 0 ? "" : ", ") + drift.variables[i].variable;
    }
  }
}

Recalibration RecalibrateAsTimeGoes(const Scores& probabilities, const Labels& labels) {
  Recalibration result;
  result.before = FiguresOf(probabilities, labels);
  result.blocks = std::min(kBlocks, labels.size());
  std::vector<Way> ways = Ways(labels.size());
  Scores after;
  for (size_t block = 0; block < result.blocks; ++block) {
    const size_t begin = after.size();
    const size_t end = labels.size() * (block + 1) / result.blocks;
    const auto best =
        std::min_element(ways.begin(), ways.end(), [](const Way& a, const Way& b) { return a.loss < b.loss; });
    const Calibration serving = best->Fit(probabilities, labels, begin);
    for (size_t row = begin; row < end; ++row) after.push_back(serving.Apply(probabilities[row]));
    for (Way& way : ways) {
      const Calibration calibration = way.Fit(probabilities, labels, begin);
      for (size_t row = begin; row < end; ++row) {
        way.loss += LossOf(calibration.Apply(probabilities[row]), labels[row] != 0);
      }
    }
  }
  result.after = FiguresOf(after, labels);
  return result;
}

}  // namespace embudo::scoring::ml
