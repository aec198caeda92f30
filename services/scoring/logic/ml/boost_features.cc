#include "services/scoring/logic/ml/boost_features.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "services/scoring/logic/ml/metrics.h"
#include "services/scoring/logic/ml/splits.h"

namespace embudo::scoring::ml {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
/// Values of a category that get a column of their own, and from how many values on the others are told by counts.
constexpr size_t kOwnColumns = 16;
/// What part of the rows such a value has at least.
constexpr double kOwnShare = 0.005;
/// Rows at the mean rate that each value is taken to have had beside its own.
constexpr double kPull = 20;
constexpr int kFolds = 5;

using Told = BoostFeatures::Told;

/// Counts of each code of a column.
std::vector<Told::Seen> Count(const Column& column, const Labels& labels, const Rows& rows) {
  std::vector<Told::Seen> counts(column.values.size());
  for (const uint32_t row : rows) {
    if (column.codes[row] < 0) continue;
    Told::Seen& seen = counts[static_cast<size_t>(column.codes[row])];
    seen.rows += 1;
    seen.positives += labels[row];
  }
  return counts;
}

Told FitCategory(const Column& column, const Labels& labels, const Rows& rows) {
  Told told;
  const std::vector<Told::Seen> counts = Count(column, labels, rows);
  std::vector<size_t> codes;
  for (size_t code = 0; code < counts.size(); ++code) {
    if (counts[code].rows > 0) codes.push_back(code);
  }
  std::sort(codes.begin(), codes.end(), [&](size_t a, size_t b) {
    return counts[a].rows != counts[b].rows ? counts[a].rows > counts[b].rows : column.values[a] < column.values[b];
  });
  told.many = codes.size() > kOwnColumns;
  for (const size_t code : codes) {
    const bool frequent = counts[code].rows >= kOwnShare * static_cast<double>(rows.size());
    if (told.own.size() < kOwnColumns && frequent) {
      told.own.emplace(column.values[code], static_cast<int32_t>(told.own.size()));
    }
    if (told.many) told.seen.emplace(column.values[code], counts[code]);
  }
  told.width = static_cast<int>(told.own.size()) + (told.many ? 2 : 0);
  return told;
}

float RateText(const Told::Seen& seen, double rate) {
  return static_cast<float>(Logit((seen.positives + kPull * rate) / (seen.rows + kPull)));
}

/// Writes a category's columns of the rows, from `at` on.
void TellCategory(const Column& column, const Told& told, const std::vector<Told::Seen>& seen, double rate,
                  const Rows& rows, const std::vector<size_t>& places, size_t at, Dense& dense) {
  std::vector<int32_t> own(column.values.size(), -1);
  for (size_t code = 0; code < own.size(); ++code) {
    if (const auto found = told.own.find(column.values[code]); found != told.own.end()) own[code] = found->second;
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    float* cell = &dense.values[places[i] * dense.width + at];
    const int32_t code = column.codes[rows[i]];
    for (size_t k = 0; k < told.own.size(); ++k) cell[k] = code < 0 ? kNan : 0;
    if (code >= 0 && own[static_cast<size_t>(code)] >= 0) cell[own[static_cast<size_t>(code)]] = 1;
    if (!told.many) continue;
    cell += told.own.size();
    const Told::Seen known = code < 0 ? Told::Seen() : seen[static_cast<size_t>(code)];
    cell[0] = code < 0 ? kNan : RateText(known, rate);
    cell[1] = code < 0 ? kNan : static_cast<float>(known.rows);
  }
}

}  // namespace

BoostFeatures BoostFeatures::Fit(const Dataset& data, const Labels& labels, const Rows& rows) {
  BoostFeatures features;
  features.rate_ = RateOf(Pick(labels, rows));
  for (const Column& column : data.columns) {
    if (column.is_number) {
      features.told_.emplace_back().is_number = true;
    } else {
      features.told_.push_back(FitCategory(column, labels, rows));
    }
  }
  return features;
}

size_t BoostFeatures::Width() const {
  size_t width = 0;
  for (const Told& told : told_) width += static_cast<size_t>(told.width);
  return std::max<size_t>(width, 1);
}

std::vector<size_t> BoostFeatures::VariableOfColumn() const {
  std::vector<size_t> variables;
  for (size_t c = 0; c < told_.size(); ++c) variables.insert(variables.end(), static_cast<size_t>(told_[c].width), c);
  return variables;
}

Dense BoostFeatures::Apply(const Dataset& data, const Rows& rows) const {
  Dense dense;
  dense.width = Width();
  dense.values.assign(rows.size() * dense.width, kNan);
  std::vector<size_t> places(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) places[i] = i;
  size_t at = 0;
  for (size_t c = 0; c < told_.size(); ++c) {
    const Column& column = data.columns[c];
    if (told_[c].is_number) {
      for (size_t i = 0; i < rows.size(); ++i) {
        dense.values[i * dense.width + at] = static_cast<float>(column.numbers[rows[i]]);
      }
    } else {
      std::vector<Told::Seen> seen(column.values.size());
      for (size_t code = 0; code < seen.size(); ++code) {
        if (const auto found = told_[c].seen.find(column.values[code]); found != told_[c].seen.end()) {
          seen[code] = found->second;
        }
      }
      TellCategory(column, told_[c], seen, rate_, rows, places, at, dense);
    }
    at += static_cast<size_t>(told_[c].width);
  }
  return dense;
}

Dense BoostFeatures::ApplyToOwn(const Dataset& data, const Labels& labels, const Rows& rows) const {
  Dense dense = Apply(data, rows);
  std::vector<size_t> place(data.rows);
  for (size_t i = 0; i < rows.size(); ++i) place[rows[i]] = i;
  size_t at = 0;
  for (size_t c = 0; c < told_.size(); ++c) {
    if (told_[c].many) {
      for (const Split& split : StratifiedFolds(rows, labels, kFolds, kSeed + 2)) {
        std::vector<size_t> places;
        for (const uint32_t row : split.held_out) places.push_back(place[row]);
        const std::vector<Told::Seen> others = Count(data.columns[c], labels, split.train);
        TellCategory(data.columns[c], told_[c], others, rate_, split.held_out, places, at, dense);
      }
    }
    at += static_cast<size_t>(told_[c].width);
  }
  return dense;
}

}  // namespace embudo::scoring::ml
