#include "services/scoring/logic/ml/models.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "common/base/error.h"
#include "services/scoring/logic/ml/champion.h"
#include "services/scoring/logic/ml/splits.h"

namespace embudo::scoring::ml {
namespace {

/// Fewer rows of a class teach nothing that chance does not.
constexpr size_t kLeastOfClass = 8;
constexpr size_t kLeastRows = 30;
constexpr double kNewestShare = 0.2;
constexpr double kCosts[] = {0.003, 0.01, 0.03, 0.1, 0.3, 1.0};
/// How far numbers may bend in the logistic regression, the straightest first.
constexpr double kBends[] = {0, 0.3, 1};
/// How sure it must be that a model beats the prior, and that one beats a simpler one: in standard errors.
constexpr double kSureOfSignal = 2.0;
constexpr double kSureOfBetter = 0.5;
constexpr size_t kSmall = 3000;
/// Up to so many, all held-out parts choose the logistic regression.
constexpr size_t kMedium = 10000;
/// So many rows tell how a logistic regression is best fitted, which all then are.
constexpr size_t kSearched = 15000;
/// With so many rows, a few held-out parts tell as much as all of them, and one way to grow is enough.
constexpr size_t kLarge = 60000;
constexpr size_t kHuge = 250000;

size_t Index(ModelKind kind) { return static_cast<size_t>(kind); }

/// Odds of the class with half a row of each kind beside: never 0 or 1.
double PriorOf(const Labels& labels, const Rows& rows) {
  double positives = 0.5;
  for (const uint32_t row : rows) positives += labels[row];
  return positives / (static_cast<double>(rows.size()) + 1);
}

Scores BlendOf(const Scores& logistic, const Scores& trees, double part) {
  Scores blend(logistic.size());
  for (size_t i = 0; i < blend.size(); ++i) {
    blend[i] = Sigmoid((1 - part) * Logit(logistic[i]) + part * Logit(trees[i]));
  }
  return blend;
}

/// Every n-th of the rows, so that there are no more than `most`.
Rows Thinned(const Rows& rows, size_t most) {
  const size_t step = (rows.size() + most - 1) / most;
  Rows some;
  for (size_t i = 0; i < rows.size(); i += step) some.push_back(rows[i]);
  return some;
}

BinOptions BinOptionsOf(size_t rows) {
  BinOptions options;
  options.most = static_cast<int32_t>(std::clamp<size_t>(rows / 60, 3, 16));
  return options;
}

/// Weights are told in rows and brought to what such rows weigh: those of a rare class weigh little.
std::vector<BoostOptions> BoostOptionsFor(size_t rows, double prior) {
  const double weight = prior * (1 - prior);
  const auto grow = [&](int depth, double rate, double least_rows, double ridge_rows, int patience) {
    return BoostOptions{.depth = depth,
                        .rate = rate,
                        .least_weight = least_rows * weight,
                        .ridge = ridge_rows * weight,
                        .patience = patience};
  };
  if (rows < kSmall) return {grow(2, 0.05, 12, 20, 50), grow(4, 0.05, 12, 20, 50)};
  if (rows > kLarge) return {grow(6, 0.1, 40, 40, 25)};
  return {grow(3, 0.05, 20, 20, 50), grow(6, 0.05, 20, 40, 50)};
}

/// Learns and judges inside the training rows.
class Fitting {
 public:
  Fitting(const Dataset& data, const Labels& labels, const Rows& rows, const FitOptions& options)
      : data_(data), labels_(labels), rows_(rows), options_(options) {}

  absl::StatusOr<Models> Run() {
    models_.prior = PriorOf(labels_, rows_);
    for (const uint32_t row : rows_) ++(labels_[row] != 0 ? models_.positives : models_.negatives);
    models_.bins = FitBins(data_, rows_, BinOptionsOf(rows_.size()));
    encoded_ = Encode(models_.bins, data_);
    models_.bayes = Bayes(models_.bins, encoded_.bins, labels_, rows_);
    if (!CanLearn(rows_)) {
      models_.signal = "too few rows of each outcome to learn from: the prior serves";
      return std::move(models_);
    }
    splits_ = options_.in_time_order ? std::vector<Split>{NewestPart(rows_, kNewestShare, options_.groups)}
                                     : StratifiedFolds(rows_, labels_, options_.folds);
    if (rows_.size() > kLarge) splits_.resize(std::min<size_t>(splits_.size(), rows_.size() > kHuge ? 1 : 2));
    for (const Split& split : splits_) {
      if (!CanLearn(split.train)) {
        models_.signal = "too few rows of each outcome to learn from: the prior serves";
        return std::move(models_);
      }
      models_.held_out.insert(models_.held_out.end(), split.held_out.begin(), split.held_out.end());
    }
    held_out_labels_ = Pick(labels_, models_.held_out);
    FitSimple();
    FitLinear();
    EMBUDO_RETURN_IF_ERROR(FitTrees());
    FitBlend();
    Choose();
    return std::move(models_);
  }

 private:
  bool CanLearn(const Rows& rows) const {
    size_t positives = 0;
    for (const uint32_t row : rows) positives += labels_[row];
    return rows.size() >= kLeastRows && positives >= kLeastOfClass && rows.size() - positives >= kLeastOfClass;
  }

  /// Of more rows than that, two splits tell what to choose.
  size_t ComparedOf(size_t many) const {
    return rows_.size() > many ? std::min<size_t>(splits_.size(), 2) : splits_.size();
  }

  /// Log-loss of what is said of the first held-out rows.
  double LossOfFirst(const Scores& said) const {
    return LogLoss(said, Labels(held_out_labels_.begin(),
                                held_out_labels_.begin() + static_cast<Labels::difference_type>(said.size())));
  }

  void FitSimple() {
    for (const Split& split : splits_) {
      const double prior = PriorOf(labels_, split.train);
      const Bayes bayes(models_.bins, encoded_.bins, labels_, split.train);
      for (const uint32_t row : split.held_out) {
        raw_[Index(ModelKind::kPrior)].push_back(prior);
        raw_[Index(ModelKind::kNaiveBayes)].push_back(bayes.Probability(encoded_.bins, row));
      }
    }
  }

  /// What regressions on the splits up to `end` say, each taught by so many rows at most.
  Scores HeldOutOfLinear(const LogisticOptions& options, size_t end, size_t most) const {
    Scores said;
    for (size_t i = 0; i < end; ++i) {
      const Logistic logistic = FitLogistic(models_.bins, encoded_, labels_, Thinned(splits_[i].train, most), options);
      for (const uint32_t row : splits_[i].held_out) said.push_back(Sigmoid(logistic.Logit(encoded_, row)));
    }
    return said;
  }

  void FitLinear() {
    LogisticOptions chosen;
    double least = std::numeric_limits<double>::infinity();
    for (const double bend : kBends) {
      double least_of_bend = std::numeric_limits<double>::infinity();
      for (const double cost : kCosts) {
        const LogisticOptions tried = {.cost = cost, .bend = bend};
        const double loss = LossOfFirst(HeldOutOfLinear(tried, ComparedOf(kMedium), kSearched));
        // Freer weights that already told worse will not tell better.
        if (loss >= least_of_bend) break;
        least_of_bend = loss;
        if (loss >= least) continue;
        least = loss;
        chosen = tried;
      }
    }
    raw_[Index(ModelKind::kLogistic)] = HeldOutOfLinear(chosen, splits_.size(), rows_.size());
    models_.logistic = FitLogistic(models_.bins, encoded_, labels_, rows_, chosen);
  }

  struct Grown {
    std::vector<Models::Member> members;
    Scores held_out;
  };

  absl::Status Grow(const Split& split, const BoostOptions& options, Grown& grown) {
    const BoostFeatures features = BoostFeatures::Fit(data_, labels_, split.train);
    const Dense held_out = features.Apply(data_, split.held_out);
    EMBUDO_ASSIGN_OR_RETURN(Booster booster, Booster::TrainUntilBest(features.ApplyToOwn(data_, labels_, split.train),
                                                                     Pick(labels_, split.train), held_out,
                                                                     Pick(labels_, split.held_out), options));
    EMBUDO_ASSIGN_OR_RETURN(const Scores said, booster.Predict(held_out));
    for (const double logit : said) grown.held_out.push_back(Sigmoid(logit));
    grown.members.push_back({features, std::move(booster)});
    return absl::OkStatus();
  }

  /// The ways to grow are compared on the first two splits; the best one goes on to the others.
  absl::Status FitTrees() {
    const size_t compared = ComparedOf(0);
    Grown best;
    BoostOptions chosen;
    double least = std::numeric_limits<double>::infinity();
    for (const BoostOptions& options : BoostOptionsFor(rows_.size(), models_.prior)) {
      Grown grown;
      for (size_t i = 0; i < compared; ++i) EMBUDO_RETURN_IF_ERROR(Grow(splits_[i], options, grown));
      const double loss = LossOfFirst(grown.held_out);
      if (loss >= least) continue;
      least = loss;
      best = std::move(grown);
      chosen = options;
    }
    for (size_t i = compared; i < splits_.size(); ++i) EMBUDO_RETURN_IF_ERROR(Grow(splits_[i], chosen, best));
    raw_[Index(ModelKind::kGradientBoosting)] = std::move(best.held_out);
    models_.members = std::move(best.members);
    return options_.in_time_order ? GrowOnAll(chosen) : absl::OkStatus();
  }

  /// What the newest rows teach must not be left out of what serves tomorrow.
  absl::Status GrowOnAll(const BoostOptions& options) {
    const int rounds = models_.members.front().booster.rounds();
    BoostFeatures features = BoostFeatures::Fit(data_, labels_, rows_);
    EMBUDO_ASSIGN_OR_RETURN(Booster booster, Booster::Train(features.ApplyToOwn(data_, labels_, rows_),
                                                            Pick(labels_, rows_), rounds, options));
    models_.members.clear();
    models_.members.push_back({std::move(features), std::move(booster)});
    return absl::OkStatus();
  }

  void FitBlend() {
    double least = std::numeric_limits<double>::infinity();
    for (int tenths = 1; tenths <= 9; ++tenths) {
      Scores blend =
          BlendOf(raw_[Index(ModelKind::kLogistic)], raw_[Index(ModelKind::kGradientBoosting)], tenths / 10.0);
      const double loss = LogLoss(blend, held_out_labels_);
      if (loss >= least) continue;
      least = loss;
      models_.blend = tenths / 10.0;
      raw_[Index(ModelKind::kBlend)] = std::move(blend);
    }
  }

  void Choose() {
    std::vector<Scores> losses;
    Predictions calibrated;
    for (size_t kind = 0; kind < kModelKinds; ++kind) {
      // Naive Bayes stays what Odoo tells.
      const bool as_it_is = kind <= Index(ModelKind::kNaiveBayes);
      Chosen chosen = as_it_is ? Chosen{{}, raw_[kind]} : ChooseCalibration(raw_[kind], held_out_labels_);
      if (options_.in_time_order && !as_it_is) {
        chosen.calibration = FitMoved(raw_[kind], held_out_labels_, kNewestShare);
      }
      models_.cards[kind] = {chosen.calibration, FiguresOf(chosen.held_out, held_out_labels_)};
      calibrated[kind] = std::move(chosen.held_out);
      Scores& loss = losses.emplace_back(held_out_labels_.size());
      for (size_t i = 0; i < loss.size(); ++i) loss[i] = LossOf(calibrated[kind][i], held_out_labels_[i] != 0);
    }
    const std::vector<Scores> without_prior(losses.begin() + 1, losses.end());
    const size_t best = 1 + SimplestWithinNoise(without_prior, kSureOfBetter);
    const Gain gain = GainOf(losses[best], losses[0]);
    models_.has_signal = gain.mean > kSureOfSignal * gain.standard_error && gain.mean > 0;
    models_.champion = models_.has_signal ? static_cast<ModelKind>(best) : ModelKind::kPrior;
    models_.held_out_champion = calibrated[Index(models_.champion)];
    Say(static_cast<ModelKind>(best), gain);
  }

  void Say(ModelKind best, const Gain& gain) {
    char text[256];
    if (models_.has_signal) {
      std::snprintf(text, sizeof text,
                    "%s tells outcomes apart: its log-loss on held-out rows is %.4f (+/- %.4f) below that of the prior",
                    NameOf(best).c_str(), gain.mean, gain.standard_error);
    } else {
      std::snprintf(text, sizeof text,
                    "no signal: the best model, %s, is %.4f (+/- %.4f) below the log-loss of the prior on held-out "
                    "rows, which is within noise; the prior serves",
                    NameOf(best).c_str(), gain.mean, gain.standard_error);
    }
    models_.signal = text;
  }

  const Dataset& data_;
  const Labels& labels_;
  const Rows& rows_;
  const FitOptions& options_;
  Models models_;
  Encoded encoded_;
  std::vector<Split> splits_;
  Labels held_out_labels_;
  /// What each kind says of the held-out rows, not calibrated.
  Predictions raw_;
};

}  // namespace

std::string NameOf(ModelKind kind) {
  constexpr const char* kNames[] = {"prior", "naive_bayes", "logistic", "gradient_boosting", "blend"};
  return kNames[Index(kind)];
}

absl::StatusOr<Predictions> Models::Predict(const Dataset& data, const Rows& rows) const {
  Predictions said;
  const Encoded encoded = Encode(bins, data);
  said[Index(ModelKind::kPrior)].assign(rows.size(), prior);
  for (const uint32_t row : rows) {
    said[Index(ModelKind::kNaiveBayes)].push_back(bayes.Probability(encoded.bins, row));
    said[Index(ModelKind::kLogistic)].push_back(learned() ? Sigmoid(logistic.Logit(encoded, row)) : prior);
  }
  Scores& trees = said[Index(ModelKind::kGradientBoosting)];
  trees.assign(rows.size(), learned() ? 0 : prior);
  for (const Member& member : members) {
    EMBUDO_ASSIGN_OR_RETURN(const Scores logits, member.booster.Predict(member.features.Apply(data, rows)));
    for (size_t i = 0; i < rows.size(); ++i) trees[i] += logits[i] / static_cast<double>(members.size());
  }
  if (learned()) std::transform(trees.begin(), trees.end(), trees.begin(), Sigmoid);
  said[Index(ModelKind::kBlend)] = BlendOf(said[Index(ModelKind::kLogistic)], trees, blend);
  for (size_t kind = 0; kind < kModelKinds; ++kind) said[kind] = cards[kind].calibration.Apply(said[kind]);
  return said;
}

absl::StatusOr<Reasons> Models::Explain(ModelKind kind, const Dataset& data, uint32_t row) const {
  Reasons reasons;
  EMBUDO_ASSIGN_OR_RETURN(const Predictions said, Predict(data, {row}));
  reasons.probability = said[Index(kind)][0];
  reasons.effects.assign(bins.size(), 0);
  if (!learned() || kind == ModelKind::kPrior || kind == ModelKind::kNaiveBayes) return reasons;
  const double trees = kind == ModelKind::kBlend ? blend : kind == ModelKind::kGradientBoosting ? 1 : 0;
  const Encoded encoded = Encode(bins, data);
  std::vector<double> parts(bins.size());
  double logit = (1 - trees) * logistic.Logit(encoded, row);
  for (size_t c = 0; c < parts.size(); ++c) {
    parts[c] = (1 - trees) * (logistic.Part(encoded, c, row) - logistic.means[c]);
  }
  for (const Member& member : members) {
    if (trees == 0) break;
    EMBUDO_ASSIGN_OR_RETURN(const auto rows, member.booster.Contributions(member.features.Apply(data, {row})));
    const double weight = trees / static_cast<double>(members.size());
    const std::vector<size_t> variables = member.features.VariableOfColumn();
    for (size_t i = 0; i < rows[0].size(); ++i) {
      logit += weight * rows[0][i];
      if (i < variables.size()) parts[variables[i]] += weight * rows[0][i];
    }
  }
  const Calibration& calibration = cards[Index(kind)].calibration;
  for (size_t c = 0; c < parts.size(); ++c) {
    reasons.effects[c] = reasons.probability - calibration.Apply(Sigmoid(logit - parts[c]));
  }
  return reasons;
}

absl::StatusOr<Models> FitModels(const Dataset& data, const Labels& labels, const Rows& rows,
                                 const FitOptions& options) {
  return Fitting(data, labels, rows, options).Run();
}

}  // namespace embudo::scoring::ml
