#include "services/reporting/logic/key_figures.h"

#include <algorithm>
#include <array>

namespace embudo::reporting::logic {
namespace {

using v1::FigureHealth;
using v1::KeyFigure;

/// One of the figures: how it is told, and how it is made.
struct Definition {
  const char* name;
  const char* display_name;
  const char* words;
  /// Empty: the tenant's currency.
  const char* unit;
  std::optional<double> min, max;
  std::optional<double> (*value)(const FigureInput&);
  /// It should fall.
  bool falling = false;
};

const std::array<Definition, 6>& Definitions() {
  static const std::array<Definition, 6> definitions = {{
      {"lead_conversion", "Lead conversion",
       "Leads that became opportunities, of those that did and those that are leads still. Healthy: 15 to 30 %.", "%",
       15, 30,
       [](const FigureInput& in) {
         return Percent(in.leads.converted_count, in.leads.converted_count + in.leads.unqualified_count);
       }},
      {"win_rate", "Win rate", "Opportunities won, of those won and those lost. Healthy: 20 to 40 %.", "%", 20, 40,
       [](const FigureInput& in) { return Percent(in.closed.won_count, in.closed.won_count + in.closed.lost_count); }},
      {"average_won_deal",
       "Average deal",
       "What won opportunities brought, divided by their number.",
       "",
       {},
       {},
       [](const FigureInput& in) { return Average(in.closed.won_revenue, in.closed.won_count); }},
      {"average_won_cycle_days", "Sales cycle",
       "Calendar days from the beginning of work to the close of won opportunities, on average. Healthy: 30 to 90 "
       "days.",
       "days", 30, 90,
       [](const FigureInput& in) { return Average(in.closed.won_cycle_days, in.closed.won_cycle_count); }},
      {"pipeline_coverage", "Pipeline coverage",
       "What is open and expected to close in the time, divided by the quota of the time. Healthy: 3 to 5 times.", "×",
       3, 5,
       [](const FigureInput& in) {
         return in.quota ? Quotient(in.expected.open_revenue, *in.quota) : std::optional<double>();
       }},
      {"activities_per_won_deal",
       "Activities per won deal",
       "Activities done on won opportunities, divided by their number. It should fall.",
       "activities",
       {},
       {},
       [](const FigureInput& in) { return Average(in.won_activities, in.closed.won_count); },
       true},
  }};
  return definitions;
}

FigureHealth::Standing StandingOf(double value, double min, double max) {
  return value < min   ? FigureHealth::STANDING_BELOW
         : value > max ? FigureHealth::STANDING_ABOVE
                       : FigureHealth::STANDING_WITHIN;
}

void AddFigure(const Definition& definition, const FigureInput& now, const FigureInput* before,
               const std::string& currency, v1::GetKeyFiguresResponse& answer) {
  KeyFigure& figure = *answer.add_figures();
  figure.set_name(definition.name);
  figure.set_display_name(definition.display_name);
  figure.set_definition(definition.words);
  figure.set_unit(*definition.unit == '\0' ? currency : definition.unit);
  const auto value = definition.value(now);
  const auto previous = before == nullptr ? std::nullopt : definition.value(*before);
  if (value) figure.set_value(*value);
  if (previous) figure.set_previous_value(*previous);
  if (value && previous) {
    figure.set_trend(*value > *previous   ? KeyFigure::TREND_UP
                     : *value < *previous ? KeyFigure::TREND_DOWN
                                          : KeyFigure::TREND_FLAT);
    if (definition.falling) {
      figure.set_standing(*value > *previous ? FigureHealth::STANDING_ABOVE : FigureHealth::STANDING_WITHIN);
    }
  }
  if (!definition.min) return;
  figure.set_healthy_min(*definition.min);
  figure.set_healthy_max(*definition.max);
  if (value) figure.set_standing(StandingOf(*value, *definition.min, *definition.max));
}

}  // namespace

v1::GetKeyFiguresResponse ToKeyFigures(const FigureInput& now, const FigureInput* before, const std::string& currency) {
  Measures all = now.closed;
  all.count = now.created.count;
  all.open_count = now.expected.open_count;
  all.open_revenue = now.expected.open_revenue;
  all.weighted_open_revenue = now.expected.weighted_open_revenue;
  all.other_currency_count =
      std::max({now.created.other_currency_count, now.closed.other_currency_count, now.expected.other_currency_count});
  v1::GetKeyFiguresResponse answer = ToKeyFigures(all);
  for (const Definition& definition : Definitions()) AddFigure(definition, now, before, currency, answer);
  return answer;
}

}  // namespace embudo::reporting::logic
