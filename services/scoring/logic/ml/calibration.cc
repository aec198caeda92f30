#include "services/scoring/logic/ml/calibration.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "services/scoring/logic/ml/champion.h"
#include "services/scoring/logic/ml/metrics.h"
#include "services/scoring/logic/ml/splits.h"

namespace embudo::scoring::ml {
namespace {

constexpr int kFolds = 5;
constexpr int kNewtonSteps = 50;
/// Below it, a curve through the rows says more about chance than about the model.
constexpr size_t kRowsForIsotonic = 1000;
constexpr size_t kLeastRows = 50;

double Interpolate(const std::vector<double>& x, const std::vector<double>& y, double at) {
  const auto above = std::upper_bound(x.begin(), x.end(), at);
  if (above == x.begin()) return y.front();
  if (above == x.end()) return y.back();
  const auto i = static_cast<size_t>(above - x.begin());
  const double part = (at - x[i - 1]) / (x[i] - x[i - 1]);
  return y[i - 1] + part * (y[i] - y[i - 1]);
}

/// Neighbouring rows that get one probability.
struct Pool {
  double x_sum = 0;
  double positives = 0;
  double rows = 0;

  double rate() const { return positives / rows; }
};

std::vector<Pool> PoolViolators(const Scores& probabilities, const Labels& labels) {
  std::vector<uint32_t> order(labels.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return probabilities[a] < probabilities[b]; });
  std::vector<Pool> pools;
  for (size_t begin = 0; begin < order.size();) {
    Pool pool;
    const double here = probabilities[order[begin]];
    for (; begin < order.size() && probabilities[order[begin]] == here; ++begin) {
      pool.x_sum += Logit(here);
      pool.positives += labels[order[begin]];
      ++pool.rows;
    }
    while (!pools.empty() && pools.back().rate() >= pool.rate()) {
      pool.x_sum += pools.back().x_sum;
      pool.positives += pools.back().positives;
      pool.rows += pools.back().rows;
      pools.pop_back();
    }
    pools.push_back(pool);
  }
  return pools;
}

Calibration Fit(Calibration::Kind kind, const Scores& probabilities, const Labels& labels) {
  if (kind == Calibration::Kind::kPlatt) return FitPlatt(probabilities, labels);
  if (kind == Calibration::Kind::kIsotonic) return FitIsotonic(probabilities, labels);
  return {};
}

}  // namespace

double Calibration::Apply(double probability) const {
  if (kind == Kind::kPlatt) return Clamp01(Sigmoid(slope * Logit(probability) + intercept));
  if (kind == Kind::kIsotonic && !x.empty()) return Clamp01(Interpolate(x, y, Logit(probability)));
  return Clamp01(probability);
}

Scores Calibration::Apply(const Scores& probabilities) const {
  Scores applied(probabilities.size());
  std::transform(probabilities.begin(), probabilities.end(), applied.begin(), [&](double p) { return Apply(p); });
  return applied;
}

std::string NameOf(Calibration::Kind kind) {
  switch (kind) {
    case Calibration::Kind::kPlatt:
      return "platt";
    case Calibration::Kind::kIsotonic:
      return "isotonic";
    case Calibration::Kind::kNone:
      break;
  }
  return "none";
}

namespace {

/// The slope stays 1 if it is `fixed`.
Calibration FitLine(const Scores& probabilities, const Labels& labels, double ridge, bool fixed) {
  Calibration fitted;
  fitted.kind = Calibration::Kind::kPlatt;
  std::vector<double> x(probabilities.size());
  std::transform(probabilities.begin(), probabilities.end(), x.begin(), Logit);
  double& a = fitted.slope;
  double& b = fitted.intercept;
  for (int step = 0; step < kNewtonSteps; ++step) {
    double ga = ridge * (a - 1);
    double gb = ridge * b;
    double haa = ridge;
    double hab = 0;
    double hbb = ridge;
    for (size_t i = 0; i < x.size(); ++i) {
      const double p = Sigmoid(a * x[i] + b);
      const double w = p * (1 - p);
      ga += (p - labels[i]) * x[i];
      gb += p - labels[i];
      haa += w * x[i] * x[i];
      hab += w * x[i];
      hbb += w;
    }
    if (fixed) {
      ga = 0;
      hab = 0;
    }
    const double det = haa * hbb - hab * hab;
    if (!(det > 1e-12)) break;
    const double da = (hbb * ga - hab * gb) / det;
    const double db = (haa * gb - hab * ga) / det;
    // Far from the minimum Newton's step may be too long.
    const double scale = std::min(1.0, 2.0 / std::max({std::abs(da), std::abs(db), 1e-12}));
    a -= scale * da;
    b -= scale * db;
    if (std::abs(da) + std::abs(db) < 1e-10) break;
  }
  // A model that is wrong way round is not set right by turning its order.
  if (!(a > 0.01) || !std::isfinite(b)) {
    a = 0.01;
    b = Logit(RateOf(labels));
  }
  return fitted;
}

}  // namespace

Calibration FitPlatt(const Scores& probabilities, const Labels& labels, double ridge) {
  return FitLine(probabilities, labels, ridge, false);
}

Calibration FitLevel(const Scores& probabilities, const Labels& labels, double ridge) {
  return FitLine(probabilities, labels, ridge, true);
}

Calibration FitMoved(const Scores& probabilities, const Labels& labels, double share) {
  if (labels.size() < kLeastRows) return {};
  Calibration fitted = FitPlatt(probabilities, labels);
  if (fitted.slope > 1) fitted = FitLevel(probabilities, labels);
  fitted.slope = 1 + (1 - share) * (fitted.slope - 1);
  fitted.intercept *= 1 - share;
  return fitted;
}

Calibration FitIsotonic(const Scores& probabilities, const Labels& labels) {
  Calibration fitted;
  fitted.kind = Calibration::Kind::kIsotonic;
  for (const Pool& pool : PoolViolators(probabilities, labels)) {
    const double at = pool.x_sum / pool.rows;
    const double rate = (pool.positives + 0.5) / (pool.rows + 1);
    if (!fitted.x.empty() && at <= fitted.x.back()) continue;
    fitted.x.push_back(at);
    fitted.y.push_back(fitted.y.empty() ? rate : std::max(rate, fitted.y.back()));
  }
  return fitted;
}

Chosen ChooseCalibration(const Scores& probabilities, const Labels& labels) {
  if (labels.size() < kLeastRows) return {{}, probabilities};
  const std::vector<Split> splits = StratifiedFolds(AllRows(labels.size()), labels, kFolds, kSeed + 1);
  std::vector<Calibration::Kind> kinds = {Calibration::Kind::kNone, Calibration::Kind::kPlatt};
  if (labels.size() >= kRowsForIsotonic) kinds.push_back(Calibration::Kind::kIsotonic);
  std::vector<Scores> held_out;
  std::vector<Scores> losses;
  for (const Calibration::Kind kind : kinds) {
    Scores& applied = held_out.emplace_back(labels.size());
    Scores& loss = losses.emplace_back(labels.size());
    for (const Split& split : splits) {
      const Calibration part = Fit(kind, Pick(probabilities, split.train), Pick(labels, split.train));
      for (const uint32_t row : split.held_out) {
        applied[row] = part.Apply(probabilities[row]);
        loss[row] = LossOf(applied[row], labels[row] != 0);
      }
    }
  }
  const size_t best = SimplestWithinNoise(losses, 1.0);
  return {Fit(kinds[best], probabilities, labels), std::move(held_out[best])};
}

}  // namespace embudo::scoring::ml
