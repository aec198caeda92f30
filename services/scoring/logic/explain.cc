#include "services/scoring/logic/explain.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "services/scoring/logic/wording.h"

namespace embudo::scoring::logic {
namespace {

using type::v1::Lead;

/// Factors that the summary names.
constexpr int kNamed = 3;

std::string Signed(int points) { return (points < 0 ? "" : "+") + std::to_string(points); }

/// `Industry retail`, `No phone number`.
std::string NameOf(const Couple& couple, const Stages& stages) {
  if (couple.variable == kStage) {
    const Stage* stage = stages.Find(couple.value);
    return "Stage " + (stage == nullptr ? IdOf(couple.value) : stage->display_name);
  }
  for (const auto& [variable, what] : {std::pair("email_quality", "mail address"), {"phone_quality", "phone number"}}) {
    if (couple.variable == variable)
      return (couple.value.empty() ? "No" : couple.value == "correct" ? "Good" : "Wrong") + (" " + std::string(what));
  }
  std::string variable = couple.variable.substr(couple.variable.find('.') + 1);
  std::replace(variable.begin(), variable.end(), '_', ' ');
  if (!variable.empty() && variable[0] >= 'a' && variable[0] <= 'z')
    variable[0] = static_cast<char>(variable[0] - 'a' + 'A');
  return variable + " " + IdOf(couple.value);
}

v1::Factor FactorOf(const Evidence& evidence, const Factor& factor, const Stages& stages) {
  v1::Factor out;
  out.set_variable(factor.couple.variable);
  out.set_value(factor.couple.value);
  out.set_won_count(factor.won);
  out.set_won_total(factor.won_total);
  out.set_lost_count(factor.lost);
  out.set_lost_total(factor.lost_total);
  const double effect = std::round(1e4 * (ChanceOf(evidence) - ChanceOf(evidence, &factor))) / 100;
  out.set_effect(effect);
  const std::string won = Fixed(100 * factor.won / factor.won_total, 1);
  const std::string lost = Fixed(100 * factor.lost / factor.lost_total, 1);
  const std::string shares = factor.couple.variable == kStage
                                 ? won + " % of the won and " + lost + " % of the lost leads got this far"
                                 : won + " % of the won and " + lost + " % of the lost leads have it";
  out.set_text(NameOf(factor.couple, stages) + ": " + shares + "; " + EffectText(effect));
  return out;
}

void ExplainScore(const ManualScore& manual, v1::Explanation* out) {
  out->set_score(manual.score);
  out->set_priority(manual.stars);
  for (const Held& held : manual.held) {
    v1::HeldCriterion& criterion = *out->add_criteria();
    criterion.set_criterion(held.rule->criterion.name());
    criterion.set_display_name(held.rule->criterion.display_name());
    criterion.set_points(held.points);
    const bool less = held.points != held.rule->criterion.points();
    const char* why =
        held.rule->criterion.half_life_days() > 0 ? " (faded since the last touch)" : " (limit of its group)";
    criterion.set_text(held.rule->criterion.display_name() + " " + Signed(held.points) + (less ? why : ""));
  }
  std::stable_sort(out->mutable_criteria()->begin(), out->mutable_criteria()->end(),
                   [](const auto& a, const auto& b) { return std::abs(a.points()) > std::abs(b.points()); });
}

void ExplainProbability(const Model& model, const Lead& lead, const Features& features, Time now,
                        v1::Explanation* out) {
  if (lead.state() != Lead::STATE_OPEN) return;
  const bool asked = model.trained != nullptr && !features.stage.empty() && !features.stage_is_won;
  if (asked && ExplainTrained(*model.trained, model.method, lead, model.stages, now, *out)) return;
  const std::optional<double> probability = model.bayes.Probability(features);
  if (!probability) return;
  out->set_probability(*probability);
  out->set_model("naive_bayes");
  if (features.stage.empty() || features.stage_is_won) return;
  const std::optional<Evidence> evidence = model.bayes.Weigh(features);
  if (!evidence->team.empty()) out->mutable_basis()->set_team(lead.team());
  out->mutable_basis()->set_won_count(evidence->won);
  out->mutable_basis()->set_lost_count(evidence->lost);
  for (const Factor& factor : evidence->factors) *out->add_factors() = FactorOf(*evidence, factor, model.stages);
  std::stable_sort(out->mutable_factors()->begin(), out->mutable_factors()->end(),
                   [](const auto& a, const auto& b) { return std::abs(a.effect()) > std::abs(b.effect()); });
}

std::string ProbabilityText(const Lead& lead, const v1::Explanation& explanation) {
  if (lead.state() == Lead::STATE_WON) return "The lead is won.";
  if (lead.state() == Lead::STATE_LOST) return "The lead is lost.";
  if (lead.stage().empty()) return "It is in no stage yet, so there is no chance to tell.";
  if (!explanation.has_probability()) return "Too few leads were won and lost to tell its chance.";
  const bool is_prior = explanation.model() == "prior";
  return "Chance of winning " + Fixed(explanation.probability(), 2) + " %, " +
         (is_prior ? "the same for every lead, since nothing told wins from losses better; from " : "from ") +
         Fixed(std::floor(explanation.basis().won_count()), 0) + " won and " +
         Fixed(std::floor(explanation.basis().lost_count()), 0) + " lost leads" +
         (explanation.basis().team().empty() ? " of all teams." : " of its team.");
}

std::string Summary(const Lead& lead, const v1::Explanation& explanation) {
  std::string out = "Score " + std::to_string(explanation.score()) + ", " + std::to_string(explanation.priority()) +
                    (explanation.priority() == 1 ? " star" : " stars");
  for (int i = 0; i < explanation.criteria_size(); ++i) out += (i == 0 ? ": " : ", ") + explanation.criteria(i).text();
  out += ". " + ProbabilityText(lead, explanation);
  for (int i = 0; i < std::min(kNamed, explanation.factors_size()); ++i) {
    if (explanation.factors(i).effect() != 0) out += " " + explanation.factors(i).text() + ".";
  }
  return out;
}

}  // namespace

std::optional<double> ProbabilityOf(const Model& model, const Lead& lead, Time now) {
  const Features features = FeaturesOf(lead, model.stages, model.config);
  if (model.trained != nullptr && !features.stage.empty() && !features.stage_is_won) {
    if (const auto probability = ProbabilityOf(*model.trained, model.method, lead, now)) return probability;
  }
  return model.bayes.Probability(features);
}

v1::Explanation Explain(const Model& model, const Lead& lead, Time now) {
  v1::Explanation out;
  out.set_lead(lead.name());
  ExplainScore(ScoreOf(model.rules, lead, now), &out);
  ExplainProbability(model, lead, FeaturesOf(lead, model.stages, model.config), now, &out);
  out.set_summary(Summary(lead, out));
  return out;
}

}  // namespace embudo::scoring::logic
