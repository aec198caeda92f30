#include "services/scoring/logic/trained.h"

#include <algorithm>
#include <cmath>

#include "common/base/resource_id.h"
#include "services/scoring/logic/lead_cells.h"
#include "services/scoring/logic/naive_bayes.h"
#include "services/scoring/logic/wording.h"

namespace embudo::scoring::logic {
namespace {

using Method = v1::ScoringSettings;
using type::v1::Lead;

/// Effects in words for that many variables at most.
constexpr int kToldFactors = 12;

std::string ValueOf(const LeadCells& cells, const std::string& variable) {
  const auto found = cells.find(variable);
  return found == cells.end() ? std::string() : found->second;
}

v1::Factor FactorOf(const std::string& variable, const std::string& value, double effect, const Stages& stages) {
  v1::Factor factor;
  factor.set_variable(variable);
  factor.set_value(value);
  factor.set_effect(std::round(1e4 * effect) / 100);
  std::string shown = value.empty() ? "not known" : IdOf(value);
  if (variable == kStage && !value.empty()) {
    const Stage* stage = stages.Find(value);
    if (stage != nullptr) shown = stage->display_name;
  }
  factor.set_text(VariableText(variable) + " " + shown + ": " + EffectText(factor.effect()));
  return factor;
}

}  // namespace

const ml::Artifact& Trained::For(const Lead& lead) const {
  const auto own = teams.find(IdOf(lead.team()));
  return own == teams.end() ? all : own->second;
}

std::optional<ml::ModelKind> Serving(v1::ScoringSettings::Method method, const ml::Models& models) {
  if (!models.learned()) return std::nullopt;
  switch (method) {
    case Method::METHOD_LOGISTIC:
      return ml::ModelKind::kLogistic;
    case Method::METHOD_GRADIENT_BOOSTING:
      return ml::ModelKind::kGradientBoosting;
    case Method::METHOD_AUTOMATIC:
      // The service's own naive Bayes learns from every closing at once; the run's is but a measure of it.
      if (models.champion == ml::ModelKind::kNaiveBayes) return std::nullopt;
      return models.champion;
    default:
      return std::nullopt;
  }
}

std::optional<double> ProbabilityOf(const Trained& trained, v1::ScoringSettings::Method method, const Lead& lead,
                                    Time now) {
  const ml::Artifact& artifact = trained.For(lead);
  const auto kind = Serving(method, artifact.models);
  if (!kind) return std::nullopt;
  const ml::Dataset row = artifact.reading.Read(TableOf({CellsOf(lead, now)}));
  const auto said = artifact.models.Predict(row, {0});
  if (!said.ok()) return std::nullopt;
  return PercentOf((*said)[static_cast<size_t>(*kind)][0]);
}

bool ExplainTrained(const Trained& trained, v1::ScoringSettings::Method method, const Lead& lead, const Stages& stages,
                    Time now, v1::Explanation& out) {
  const ml::Artifact& artifact = trained.For(lead);
  const auto kind = Serving(method, artifact.models);
  if (!kind) return false;
  const LeadCells cells = CellsOf(lead, now);
  const ml::Dataset row = artifact.reading.Read(TableOf({cells}));
  const auto reasons = artifact.models.Explain(*kind, row, 0);
  if (!reasons.ok()) return false;
  out.set_probability(PercentOf(reasons->probability));
  out.set_model(ml::NameOf(*kind));
  out.set_training_run(trained.run);
  if (&artifact != &trained.all) out.mutable_basis()->set_team(lead.team());
  out.mutable_basis()->set_won_count(static_cast<double>(artifact.models.positives));
  out.mutable_basis()->set_lost_count(static_cast<double>(artifact.models.negatives));
  for (size_t c = 0; c < reasons->effects.size(); ++c) {
    const std::string& variable = row.columns[c].name;
    v1::Factor factor = FactorOf(variable, ValueOf(cells, variable), reasons->effects[c], stages);
    if (factor.effect() != 0) *out.add_factors() = std::move(factor);
  }
  std::stable_sort(out.mutable_factors()->begin(), out.mutable_factors()->end(),
                   [](const auto& a, const auto& b) { return std::abs(a.effect()) > std::abs(b.effect()); });
  while (out.factors_size() > kToldFactors) out.mutable_factors()->RemoveLast();
  return true;
}

}  // namespace embudo::scoring::logic
