#include "services/scoring/logic/ml/logistic.h"

#include <linear.h>

namespace embudo::scoring::ml {
namespace {

/// Of the constant term: a large one is hardly penalised.
constexpr double kBias = 10;
constexpr double kTolerance = 0.001;

/// Where each variable's weights begin, from 1 on; the standardised number comes after its bins.
std::vector<int> FirstIndices(const std::vector<Bins>& bins, int& features) {
  std::vector<int> first;
  features = 0;
  for (const Bins& each : bins) {
    first.push_back(features + 1);
    features += each.count + (each.is_number ? 1 : 0);
  }
  return first;
}

/// What stands in a row for being in a bin. A smaller one makes the bin's weight costlier.
double InBin(const Bins& bins, int32_t bin, double bend) { return bins.is_number && bin > 0 ? bend : 1; }

/// Rows in liblinear's form.
class Nodes {
 public:
  Nodes(const std::vector<Bins>& bins, const std::vector<int>& first, int features, const Encoded& encoded,
        const Rows& rows, double bend) {
    std::vector<size_t> begins;
    nodes_.reserve(rows.size() * (2 * bins.size() + 2));
    for (const uint32_t row : rows) {
      begins.push_back(nodes_.size());
      for (size_t c = 0; c < bins.size(); ++c) {
        const int32_t bin = encoded.bins[c][row];
        const double in_bin = InBin(bins[c], bin, bend);
        if (bin >= 0 && in_bin > 0) nodes_.push_back({first[c] + bin, in_bin});
        if (bins[c].is_number && encoded.standardised[c][row] != 0) {
          nodes_.push_back({first[c] + bins[c].count, encoded.standardised[c][row]});
        }
      }
      nodes_.push_back({features + 1, kBias});
      nodes_.push_back({-1, 0});
    }
    for (const size_t begin : begins) rows_.push_back(&nodes_[begin]);
  }
  feature_node** rows() { return rows_.data(); }

 private:
  std::vector<feature_node> nodes_;
  std::vector<feature_node*> rows_;
};

void Quiet(const char*) {}

}  // namespace

Encoded Encode(const std::vector<Bins>& bins, const Dataset& data) {
  Encoded encoded;
  encoded.bins = ApplyBins(bins, data);
  for (size_t c = 0; c < bins.size(); ++c) {
    std::vector<double>& standardised = encoded.standardised.emplace_back();
    for (const double number : data.columns[c].numbers) standardised.push_back(bins[c].Standardised(number));
  }
  return encoded;
}

double Logistic::Part(const Encoded& rows, size_t column, uint32_t row) const {
  const int32_t bin = rows.bins[column][row];
  double part = bin < 0 ? 0 : weights[column][static_cast<size_t>(bin)];
  if (!rows.standardised[column].empty()) part += slopes[column] * rows.standardised[column][row];
  return part;
}

double Logistic::Logit(const Encoded& rows, uint32_t row) const {
  double logit = intercept;
  for (size_t c = 0; c < weights.size(); ++c) logit += Part(rows, c, row);
  return logit;
}

Logistic FitLogistic(const std::vector<Bins>& bins, const Encoded& encoded, const Labels& labels, const Rows& rows,
                     const LogisticOptions& options) {
  int features = 0;
  const std::vector<int> first = FirstIndices(bins, features);
  Nodes nodes(bins, first, features, encoded, rows, options.bend);
  std::vector<double> y;
  y.reserve(rows.size());
  for (const uint32_t row : rows) y.push_back(labels[row] != 0 ? 1 : -1);

  problem task{};
  task.l = static_cast<int>(rows.size());
  task.n = features + 1;
  task.y = y.data();
  task.x = nodes.rows();
  task.bias = kBias;
  parameter settings{};
  settings.solver_type = L2R_LR;
  settings.eps = kTolerance;
  settings.C = options.cost;
  set_print_string_function(Quiet);
  model* trained = train(&task, &settings);
  // The weights speak for the class that liblinear saw first.
  const double sign = trained->label[0] == 1 ? 1 : -1;
  const double* w = trained->w;
  Logistic fitted;
  for (size_t c = 0; c < bins.size(); ++c) {
    const double* begin = w + first[c] - 1;
    std::vector<double>& weights = fitted.weights.emplace_back(begin, begin + bins[c].count);
    for (int32_t bin = 0; bin < bins[c].count; ++bin) {
      weights[static_cast<size_t>(bin)] *= sign * InBin(bins[c], bin, options.bend);
    }
    fitted.slopes.push_back(bins[c].is_number ? sign * begin[bins[c].count] : 0);
  }
  fitted.intercept = sign * w[features] * kBias;
  free_and_destroy_model(&trained);
  for (size_t c = 0; c < bins.size(); ++c) {
    double sum = 0;
    for (const uint32_t row : rows) sum += fitted.Part(encoded, c, row);
    fitted.means.push_back(sum / static_cast<double>(rows.size()));
  }
  return fitted;
}

}  // namespace embudo::scoring::ml
