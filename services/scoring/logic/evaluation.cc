#include "services/scoring/logic/evaluation.h"

#include <cmath>

namespace embudo::scoring::logic {
namespace {

double Rounded(double value) { return std::isfinite(value) ? std::round(value * 1e6) / 1e6 : 0; }

v1::EvaluatedColumn::Kind KindOf(ml::Source::Kind kind) {
  switch (kind) {
    case ml::Source::Kind::kNumber:
      return v1::EvaluatedColumn::KIND_NUMBER;
    case ml::Source::Kind::kCategory:
      return v1::EvaluatedColumn::KIND_CATEGORY;
    case ml::Source::Kind::kDate:
      return v1::EvaluatedColumn::KIND_DATE;
    case ml::Source::Kind::kLeftOut:
      break;
  }
  return v1::EvaluatedColumn::KIND_LEFT_OUT;
}

}  // namespace

ml::EvaluateOptions OptionsOf(const v1::EvaluateRequest::Settings& settings) {
  ml::EvaluateOptions options;
  options.label = settings.label_column();
  options.positive = settings.positive();
  options.negatives.assign(settings.negatives().begin(), settings.negatives().end());
  options.exclude.assign(settings.excluded_columns().begin(), settings.excluded_columns().end());
  options.time = settings.time_column();
  if (settings.folds() != 0) options.folds = settings.folds();
  return options;
}

v1::ModelFigures FiguresOf(const std::string& name, const ml::Figures& figures) {
  v1::ModelFigures told;
  told.set_name(name);
  told.set_auc(Rounded(figures.auc));
  told.set_log_loss(Rounded(figures.log_loss));
  told.set_brier(Rounded(figures.brier));
  told.set_ece(Rounded(figures.ece));
  return told;
}

void SetCurve(const std::vector<ml::CalibrationBin>& curve, v1::ModelFigures& figures) {
  for (const ml::CalibrationBin& bin : curve) {
    v1::CalibrationBin& point = *figures.add_calibration_curve();
    point.set_lower(bin.lower);
    point.set_upper(bin.upper);
    point.set_rows(static_cast<int32_t>(bin.rows));
    point.set_predicted(Rounded(bin.predicted));
    point.set_observed(Rounded(bin.observed));
  }
}

void SetDrift(const ml::Drift& drift, bool with_scores, v1::Drift& told) {
  told.set_ordered_by(drift.ordered_by);
  told.set_old_rate(Rounded(drift.old_rate));
  told.set_new_rate(Rounded(drift.new_rate));
  told.set_rate_z(Rounded(drift.rate_z));
  for (const ml::Moved& moved : drift.variables) {
    v1::VariableDrift& variable = *told.add_variables();
    variable.set_variable(moved.variable);
    variable.set_psi(Rounded(moved.psi));
  }
  if (with_scores) told.set_score_psi(Rounded(drift.score_psi));
  told.set_drifted(drift.drifted);
  told.set_text(drift.text);
}

v1::Evaluation ToProto(const ml::Evaluation& evaluation) {
  v1::Evaluation told;
  told.set_rows(static_cast<int32_t>(evaluation.rows));
  told.set_positives(static_cast<int32_t>(evaluation.positives));
  told.set_rows_left_out(static_cast<int32_t>(evaluation.rows_left_out));
  told.set_positive(evaluation.positive);
  told.set_folds(static_cast<int32_t>(evaluation.folds));
  told.set_test_rows(static_cast<int32_t>(evaluation.test_rows));
  for (const ml::Judged& judged : evaluation.models) {
    v1::ModelFigures& model = *told.add_models();
    model = FiguresOf(ml::NameOf(judged.kind), judged.figures);
    model.set_calibration(judged.calibration);
    SetCurve(judged.curve, model);
  }
  const std::string champion = ml::NameOf(evaluation.champion);
  told.set_champion(champion);
  *told.mutable_champion_by_fold() = FiguresOf(champion, evaluation.chosen);
  told.set_has_signal(evaluation.has_signal);
  told.set_signal(evaluation.signal);
  SetDrift(evaluation.drift, evaluation.recalibration.has_value(), *told.mutable_drift());
  if (evaluation.recalibration) {
    *told.mutable_recalibration()->mutable_before() = FiguresOf(champion, evaluation.recalibration->before);
    *told.mutable_recalibration()->mutable_after() = FiguresOf(champion, evaluation.recalibration->after);
    told.mutable_recalibration()->set_steps(static_cast<int32_t>(evaluation.recalibration->blocks));
  }
  for (const ml::Source& source : evaluation.sources) {
    v1::EvaluatedColumn& column = *told.add_columns();
    column.set_name(source.name);
    column.set_kind(KindOf(source.kind));
    column.set_reason(source.why);
  }
  told.mutable_warnings()->Add(evaluation.warnings.begin(), evaluation.warnings.end());
  return told;
}

}  // namespace embudo::scoring::logic
