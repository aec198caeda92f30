#include "services/scoring/logic/ml/binning.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace embudo::scoring::ml {
namespace {

constexpr double kFarthest = 4;
/// Numbers beyond this share of the rows on either side have no say in mean and deviation.
constexpr double kTail = 0.005;

/// Of sorted numbers; those in the tails count as if they stood where the tails begin.
void FitScale(const std::vector<double>& sorted, Bins& bins) {
  const auto tail = static_cast<size_t>(kTail * static_cast<double>(sorted.size()));
  double least = sorted[tail];
  double most = sorted[sorted.size() - 1 - tail];
  // A yes that is rarer than the tails is still a yes.
  if (least == most) {
    least = sorted.front();
    most = sorted.back();
  }
  const auto count = static_cast<double>(sorted.size());
  double sum = 0;
  double squares = 0;
  for (const double number : sorted) sum += std::clamp(number, least, most);
  bins.mean = sum / count;
  for (const double number : sorted) squares += std::pow(std::clamp(number, least, most) - bins.mean, 2);
  bins.deviation = std::sqrt(squares / count);
  if (!(bins.deviation > 0)) bins.deviation = 1;
}

void FitNumber(const Column& column, const Rows& rows, const BinOptions& options, Bins& bins) {
  std::vector<double> present;
  for (const uint32_t row : rows) {
    if (!std::isnan(column.numbers[row])) present.push_back(column.numbers[row]);
  }
  if (present.empty()) return;
  std::sort(present.begin(), present.end());
  const auto count = static_cast<double>(present.size());
  FitScale(present, bins);
  // Values are taken together until they are a share of the rows; equal ones are never parted.
  const double share = std::max(count / options.most, static_cast<double>(options.least_rows));
  double taken = 0;
  for (size_t i = 0; i + 1 < present.size(); ++i) {
    ++taken;
    if (present[i] == present[i + 1] || taken < share) continue;
    if (count - static_cast<double>(i + 1) < static_cast<double>(options.least_rows)) break;
    bins.edges.push_back(present[i] + (present[i + 1] - present[i]) / 2);
    taken = 0;
  }
  bins.count = static_cast<int32_t>(bins.edges.size()) + 2;
}

void FitCategory(const Column& column, const Rows& rows, const BinOptions& options, Bins& bins) {
  std::vector<size_t> counts(column.values.size());
  for (const uint32_t row : rows) {
    if (column.codes[row] >= 0) ++counts[static_cast<size_t>(column.codes[row])];
  }
  bool rare = false;
  for (size_t code = 0; code < counts.size(); ++code) {
    if (counts[code] >= options.least_rows) {
      bins.values.emplace(column.values[code], bins.count++);
    } else {
      rare |= counts[code] > 0;
    }
  }
  if (rare) bins.others = bins.count++;
}

std::string NumberText(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", number);
  return text;
}

}  // namespace

int32_t Bins::OfNumber(double number) const {
  if (std::isnan(number)) return 0;
  if (count == 1) return -1;
  return 1 + static_cast<int32_t>(std::lower_bound(edges.begin(), edges.end(), number) - edges.begin());
}

int32_t Bins::OfValue(const std::string& value) const {
  const auto found = values.find(value);
  return found == values.end() ? others : found->second;
}

double Bins::Standardised(double number) const {
  return std::isnan(number) ? 0 : std::clamp((number - mean) / deviation, -kFarthest, kFarthest);
}

std::string Bins::Name(int32_t bin) const {
  if (bin == 0) return "missing";
  if (is_number && bin > 0 && bin < count) {
    const auto i = static_cast<size_t>(bin - 1);
    if (edges.empty()) return "present";
    if (i == 0) return "up to " + NumberText(edges[0]);
    if (i == edges.size()) return "above " + NumberText(edges.back());
    return "from " + NumberText(edges[i - 1]) + " to " + NumberText(edges[i]);
  }
  for (const auto& [value, of] : values) {
    if (of == bin) return value;
  }
  return bin == others && bin > 0 ? "other" : "unknown";
}

std::vector<Bins> FitBins(const Dataset& data, const Rows& rows, const BinOptions& options) {
  std::vector<Bins> all;
  for (const Column& column : data.columns) {
    Bins& bins = all.emplace_back();
    bins.name = column.name;
    bins.is_number = column.is_number;
    if (column.is_number) {
      FitNumber(column, rows, options, bins);
    } else {
      FitCategory(column, rows, options, bins);
    }
  }
  return all;
}

std::vector<int32_t> BinColumn(const Bins& bins, const Column& column) {
  std::vector<int32_t> applied;
  if (bins.is_number) {
    applied.reserve(column.numbers.size());
    for (const double number : column.numbers) applied.push_back(bins.OfNumber(number));
    return applied;
  }
  std::vector<int32_t> of_code;
  for (const std::string& value : column.values) of_code.push_back(bins.OfValue(value));
  applied.reserve(column.codes.size());
  for (const int32_t code : column.codes) applied.push_back(code < 0 ? 0 : of_code[static_cast<size_t>(code)]);
  return applied;
}

BinMatrix ApplyBins(const std::vector<Bins>& bins, const Dataset& data) {
  BinMatrix matrix;
  for (size_t i = 0; i < bins.size(); ++i) matrix.push_back(BinColumn(bins[i], data.columns[i]));
  return matrix;
}

}  // namespace embudo::scoring::ml
