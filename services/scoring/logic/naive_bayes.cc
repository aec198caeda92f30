#include "services/scoring/logic/naive_bayes.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace embudo::scoring::logic {
namespace {

/// A tag that fewer closed leads had would weigh more than it knows.
constexpr double kLeastTagCount = 50;

}  // namespace

NaiveBayes::NaiveBayes(const FrequencyTable& table) {
  for (const auto& [key, counts] : table.rows()) {
    // A team with nothing but rare tags still has rows, and so is judged by its own.
    View* team = key.team.empty() ? nullptr : &teams_[key.team];
    if (key.couple.variable == kTag && counts.won + counts.lost < kLeastTagCount) continue;
    if (team != nullptr) Sum(key, counts, *team);
    Sum(key, counts, all_);
  }
}

void NaiveBayes::Sum(const RowKey& key, const Counts& counts, View& view) {
  Variable& variable = view[key.couple.variable];
  variable.total.won += counts.won;
  variable.total.lost += counts.lost;
  const auto [value, is_new] = variable.values.try_emplace(key.couple.value, counts);
  if (is_new) return;
  value->second.won += counts.won;
  value->second.lost += counts.lost;
}

std::optional<Evidence> NaiveBayes::Weigh(const Features& features) const {
  const auto team = teams_.find(features.team);
  const View& view = team == teams_.end() ? all_ : team->second;
  const auto find = [&](const Couple& couple) -> std::pair<const Variable*, const Counts*> {
    const auto variable = view.find(couple.variable);
    if (variable == view.end()) return {nullptr, nullptr};
    const auto value = variable->second.values.find(couple.value);
    return {&variable->second, value == variable->second.values.end() ? nullptr : &value->second};
  };

  const Counts* first = find({std::string(kStage), features.first_stage}).second;
  if (first == nullptr || first->won <= 0 || first->lost <= 0) return std::nullopt;
  Evidence evidence{.team = team == teams_.end() ? "" : features.team, .won = first->won, .lost = first->lost};
  const Couple stage{std::string(kStage), features.stage};
  if (const Counts* counts = find(stage).second; counts != nullptr) {
    // Every won lead counts for every stage, so shares of the stages would not add up to one.
    evidence.factors.push_back({stage, counts->won, first->won, counts->lost, first->lost});
  }
  for (const Couple& couple : features.couples) {
    const auto [variable, counts] = find(couple);
    if (counts == nullptr || variable->total.won <= 0 || variable->total.lost <= 0) continue;
    evidence.factors.push_back({couple, counts->won, variable->total.won, counts->lost, variable->total.lost});
  }
  return evidence;
}

std::optional<double> NaiveBayes::Probability(const Features& features) const {
  if (features.stage.empty()) return 0;
  if (features.stage_is_won) return 100;
  const std::optional<Evidence> evidence = Weigh(features);
  if (!evidence) return std::nullopt;
  return PercentOf(ChanceOf(*evidence));
}

double ChanceOf(const Evidence& evidence, const Factor* without) {
  double won = std::log(evidence.won / (evidence.won + evidence.lost));
  double lost = std::log(evidence.lost / (evidence.won + evidence.lost));
  for (const Factor& factor : evidence.factors) {
    if (&factor == without) continue;
    won += std::log(factor.won / factor.won_total);
    lost += std::log(factor.lost / factor.lost_total);
  }
  return 1 / (1 + std::exp(lost - won));
}

double PercentOf(double chance) {
  // Printing rounds the number itself; std::round(x * 100) / 100 would round its product.
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", 100 * chance);
  return std::clamp(std::strtod(text, nullptr), 0.01, 99.99);
}

}  // namespace embudo::scoring::logic
