#include "services/scoring/logic/ml/evaluate.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <numeric>

#include "common/base/error.h"
#include "services/scoring/logic/ml/splits.h"
#include "services/scoring/logic/ml/values.h"

namespace embudo::scoring::ml {
namespace {

constexpr double kTestShare = 0.2;
/// One variable alone that tells outcomes apart that well is likely known only afterwards.
constexpr double kTooGood = 0.97;
constexpr std::string_view kYes[] = {"1",   "1.0",        "true",    "t",         "yes",      "y",      "won",
                                     "win", "closed won", "success", "converted", "positive", "closed", "sim"};

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
  return lower;
}

absl::StatusOr<size_t> FindColumn(const Table& table, const std::string& name, std::string_view field) {
  const auto found = std::find(table.names.begin(), table.names.end(), name);
  if (found != table.names.end()) return static_cast<size_t>(found - table.names.begin());
  std::string there;
  for (size_t i = 0; i < table.names.size() && i < 40; ++i) there += (i == 0 ? "" : ", ") + table.names[i];
  return InvalidField(field, "there is no column \"" + name + "\"; there are: " + there);
}

/// The value that counts as won, given the values that there are.
absl::StatusOr<std::string> PositiveOf(const std::map<std::string, size_t>& values, const std::string& asked) {
  if (!asked.empty()) return asked;
  if (values.size() > 2) {
    return InvalidField("positive",
                        "the label has " + std::to_string(values.size()) + " values: say which one counts as won");
  }
  std::string rarest;
  for (const auto& [value, count] : values) {
    if (std::find(std::begin(kYes), std::end(kYes), Lower(value)) != std::end(kYes)) return value;
    if (rarest.empty() || count < values.at(rarest)) rarest = value;
  }
  // One value that is not a yes: nobody has won.
  return values.size() == 2 ? rarest : "";
}

bool IsSame(const std::string& cell, const std::string& value) {
  if (cell == value) return true;
  const auto a = ParseNumber(cell, false);
  const auto b = ParseNumber(value, false);
  return a && b && *a == *b;
}

/// Takes the rows that are given, in their order.
Table Pick(const Table& table, const Rows& rows, const std::vector<size_t>& columns) {
  Table picked;
  for (const size_t column : columns) {
    picked.names.push_back(table.names[column]);
    std::vector<std::string>& cells = picked.cells.emplace_back();
    cells.reserve(rows.size());
    for (const uint32_t row : rows) cells.push_back(table.cells[column][row]);
  }
  return picked;
}

class Evaluating {
 public:
  Evaluating(const Table& table, const EvaluateOptions& options) : table_(table), options_(options) {}

  absl::StatusOr<Evaluation> Run() {
    EMBUDO_RETURN_IF_ERROR(ReadLabels());
    EMBUDO_RETURN_IF_ERROR(Order());
    EMBUDO_RETURN_IF_ERROR(ReadColumns());
    EMBUDO_RETURN_IF_ERROR(Judge());
    FindLeaks();
    return std::move(evaluation_);
  }

 private:
  absl::Status ReadLabels() {
    EMBUDO_ASSIGN_OR_RETURN(label_column_, FindColumn(table_, options_.label, "label"));
    std::map<std::string, size_t> values;
    const std::vector<std::string>& cells = table_.cells[label_column_];
    for (const std::string& cell : cells) {
      if (const std::string value(Trim(cell)); !value.empty()) ++values[value];
    }
    // `none` may be an outcome, but not beside two others.
    const auto named = std::count_if(values.begin(), values.end(), [](const auto& v) { return !IsMissing(v.first); });
    if (named >= 2) std::erase_if(values, [](const auto& value) { return IsMissing(value.first); });
    if (values.empty()) return InvalidField("label", "no row has a value in \"" + options_.label + "\"");
    EMBUDO_ASSIGN_OR_RETURN(evaluation_.positive, PositiveOf(values, options_.positive));
    for (uint32_t row = 0; row < cells.size(); ++row) {
      const std::string value(Trim(cells[row]));
      const bool counts = values.count(value) > 0;
      const bool won = counts && IsSame(value, evaluation_.positive);
      const bool lost = counts && !won &&
                        (options_.negatives.empty() ||
                         std::any_of(options_.negatives.begin(), options_.negatives.end(),
                                     [&](const std::string& negative) { return IsSame(value, negative); }));
      if (!won && !lost) {
        ++evaluation_.rows_left_out;
        continue;
      }
      kept_.push_back(row);
      labels_.push_back(won ? 1 : 0);
    }
    evaluation_.rows = kept_.size();
    evaluation_.positives = static_cast<size_t>(std::accumulate(labels_.begin(), labels_.end(), size_t{0}));
    if (kept_.size() < 2) return InvalidField("label", "fewer than two rows have a label");
    if (evaluation_.positives == 0 || evaluation_.positives == evaluation_.rows) {
      evaluation_.warnings.push_back(
          "all rows are of one class: no model can tell them apart, AUC is 0.5 by definition");
    }
    return absl::OkStatus();
  }

  /// Brings the rows in order of time.
  absl::Status Order() {
    if (options_.time.empty()) return absl::OkStatus();
    EMBUDO_ASSIGN_OR_RETURN(const size_t column, FindColumn(table_, options_.time, "time"));
    std::vector<std::string> cells;
    for (const uint32_t row : kept_) cells.push_back(table_.cells[column][row]);
    const std::vector<double> times = TimesOf(cells);
    const auto unknown = std::count_if(times.begin(), times.end(), [](double time) { return std::isnan(time); });
    if (unknown > 0) {
      evaluation_.warnings.push_back(std::to_string(unknown) + " rows have no time in \"" + options_.time +
                                     "\" and count as the oldest");
    }
    std::vector<uint32_t> order(kept_.size());
    std::iota(order.begin(), order.end(), 0U);
    const auto at = [&](uint32_t i) { return std::isnan(times[i]) ? -HUGE_VAL : times[i]; };
    std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return at(a) < at(b); });
    Rows kept;
    Labels labels;
    for (const uint32_t i : order) {
      kept.push_back(kept_[i]);
      labels.push_back(labels_[i]);
    }
    kept_ = std::move(kept);
    labels_ = std::move(labels);
    return absl::OkStatus();
  }

  absl::Status ReadColumns() {
    std::vector<bool> excluded(table_.names.size());
    excluded[label_column_] = true;
    for (const std::string& name : options_.exclude) {
      EMBUDO_ASSIGN_OR_RETURN(const size_t column, FindColumn(table_, name, "exclude"));
      excluded[column] = true;
    }
    std::vector<size_t> columns;
    for (size_t i = 0; i < excluded.size(); ++i) {
      // What time itself told of old rows says nothing of new ones, which are all beyond.
      if (!excluded[i] && (options_.time.empty() || table_.names[i] != options_.time)) columns.push_back(i);
    }
    const Table picked = Pick(table_, kept_, columns);
    const Reading reading = Reading::Learn(picked);
    evaluation_.sources = reading.sources();
    data_ = reading.Read(picked);
    return absl::OkStatus();
  }

  absl::Status Judge() {
    const bool by_time = !options_.time.empty();
    const Rows all = AllRows(kept_.size());
    const std::vector<Split> splits =
        by_time ? std::vector<Split>{NewestPart(all, kTestShare)} : StratifiedFolds(all, labels_, options_.folds);
    evaluation_.folds = by_time ? 0 : splits.size();
    std::array<double, kModelKinds> aucs{};
    std::array<std::map<std::string, int>, kModelKinds> calibrations;
    std::array<int, kModelKinds> wins{};
    std::array<std::string, kModelKinds> signals;
    Predictions said;
    Scores chosen;
    double chosen_auc = 0;
    Labels truth;
    for (const Split& split : splits) {
      EMBUDO_ASSIGN_OR_RETURN(const Models models, FitModels(data_, labels_, split.train, {.in_time_order = by_time}));
      EMBUDO_ASSIGN_OR_RETURN(const Predictions part, models.Predict(data_, split.held_out));
      const Labels labels = ml::Pick(labels_, split.held_out);
      truth.insert(truth.end(), labels.begin(), labels.end());
      for (size_t kind = 0; kind < kModelKinds; ++kind) {
        said[kind].insert(said[kind].end(), part[kind].begin(), part[kind].end());
        aucs[kind] += Auc(part[kind], labels) / static_cast<double>(splits.size());
        ++calibrations[kind][NameOf(models.cards[kind].calibration.kind)];
      }
      const auto champion = static_cast<size_t>(models.champion);
      ++wins[champion];
      chosen.insert(chosen.end(), part[champion].begin(), part[champion].end());
      chosen_auc += Auc(part[champion], labels) / static_cast<double>(splits.size());
      signals[champion] = models.signal;
      if (by_time) Compare(models, split, part[champion], labels);
    }
    evaluation_.test_rows = truth.size();
    for (size_t kind = 0; kind < kModelKinds; ++kind) {
      Judged& judged = evaluation_.models.emplace_back();
      judged.kind = static_cast<ModelKind>(kind);
      judged.figures = FiguresOf(said[kind], truth);
      judged.figures.auc = aucs[kind];
      judged.curve = CalibrationCurve(said[kind], truth);
      judged.calibration = std::max_element(calibrations[kind].begin(), calibrations[kind].end(), [](auto& a, auto& b) {
                             return a.second < b.second;
                           })->first;
    }
    evaluation_.chosen = FiguresOf(chosen, truth);
    evaluation_.chosen.auc = chosen_auc;
    // The kind that most folds chose, each without seeing its test part; of several, the simplest.
    evaluation_.champion = static_cast<ModelKind>(std::max_element(wins.begin(), wins.end()) - wins.begin());
    evaluation_.has_signal = evaluation_.champion != ModelKind::kPrior;
    evaluation_.signal = signals[static_cast<size_t>(evaluation_.champion)];
    if (!by_time) {
      const Split order = NewestPart(all, kTestShare);
      evaluation_.drift = DriftBetween(data_, labels_, order.train, order.held_out);
    }
    return absl::OkStatus();
  }

  void Compare(const Models& models, const Split& split, const Scores& said, const Labels& labels) {
    evaluation_.drift = DriftBetween(data_, labels_, split.train, split.held_out);
    evaluation_.drift.ordered_by = options_.time;
    evaluation_.drift.score_psi = PsiOfScores(models.held_out_champion, said);
    ml::Judge(evaluation_.drift);
    evaluation_.recalibration = RecalibrateAsTimeGoes(said, labels);
  }

  void FindLeaks() {
    const Rows all = AllRows(kept_.size());
    const std::vector<Bins> bins = FitBins(data_, all, {});
    for (size_t c = 0; c < bins.size(); ++c) {
      const BinMatrix column = {BinColumn(bins[c], data_.columns[c])};
      std::vector<double> rows(static_cast<size_t>(bins[c].count) + 1, 2);
      std::vector<double> positives(rows.size(), 2 * RateOf(labels_));
      for (const uint32_t row : all) {
        const auto bin = static_cast<size_t>(column[0][row] + 1);
        ++rows[bin];
        positives[bin] += labels_[row];
      }
      Scores alone;
      for (const uint32_t row : all) {
        const auto bin = static_cast<size_t>(column[0][row] + 1);
        alone.push_back(positives[bin] / rows[bin]);
      }
      if (Auc(alone, labels_) > kTooGood) {
        evaluation_.warnings.push_back(
            "\"" + bins[c].name + "\" alone tells nearly all outcomes: if it is known only after closing, exclude it");
      }
    }
  }

  const Table& table_;
  const EvaluateOptions& options_;
  Evaluation evaluation_;
  size_t label_column_ = 0;
  /// Rows of the table that count, in the order in which they are used; labels_ and data_ are parallel to it.
  Rows kept_;
  Labels labels_;
  Dataset data_;
};

}  // namespace

absl::StatusOr<Evaluation> Evaluate(const Table& table, const EvaluateOptions& options) {
  return Evaluating(table, options).Run();
}

}  // namespace embudo::scoring::ml
