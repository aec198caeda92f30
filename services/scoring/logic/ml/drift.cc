#include "services/scoring/logic/ml/drift.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace embudo::scoring::ml {
namespace {

constexpr double kMuch = 0.25;
constexpr double kFarApart = 4;
constexpr int32_t kTenths = 10;
constexpr size_t kBlocks = 20;
/// How many rows' worth of trust the model's own probabilities keep.
constexpr double kTrust = 20;

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
  Scores after;
  size_t begin = 0;
  for (size_t block = 0; block < result.blocks; ++block) {
    const size_t end = labels.size() * (block + 1) / result.blocks;
    const auto at = static_cast<Scores::difference_type>(begin);
    // Of the rows before, the newest count most: no more than as many as four blocks.
    const auto from = static_cast<Scores::difference_type>(begin - std::min(begin, 4 * (end - begin)));
    const Calibration calibration = FitPlatt(Scores(probabilities.begin() + from, probabilities.begin() + at),
                                             Labels(labels.begin() + from, labels.begin() + at), kTrust);
    for (; begin < end; ++begin) after.push_back(calibration.Apply(probabilities[begin]));
  }
  result.after = FiguresOf(after, labels);
  return result;
}

}  // namespace embudo::scoring::ml
