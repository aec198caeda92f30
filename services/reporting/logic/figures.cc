#include "services/reporting/logic/figures.h"

#include <array>
#include <string>
#include <string_view>

namespace embudo::reporting::logic {
namespace {

__extension__ typedef __int128 Int128;  // NOLINT(modernize-use-using): __extension__ takes no alias
constexpr int64_t kNanosPerUnit = 1'000'000'000;

Int128 ToNanos(const google::type::Money& money) { return Int128{money.units()} * kNanosPerUnit + money.nanos(); }

/// numerator ÷ denominator, to the nearest hundredth; denominator > 0.
double RoundToHundredths(Int128 numerator, Int128 denominator) {
  const bool negative = numerator < 0;
  const Int128 size = negative ? -numerator : numerator;
  const auto hundredths = static_cast<double>((size * 200 + denominator) / (denominator * 2));
  return (negative ? -hundredths : hundredths) / 100;
}

struct Range {
  std::string_view figure;
  double min;
  double max;
};
// What is healthy in sales between businesses.
constexpr std::array<Range, 2> kRanges = {{{"win_rate", 20, 40}, {"average_won_cycle_days", 30, 90}}};

void AddHealth(v1::GetKeyFiguresResponse& figures) {
  for (const Range& range : kRanges) {
    const auto* field = figures.GetDescriptor()->FindFieldByName(std::string(range.figure));
    if (!figures.GetReflection()->HasField(figures, field)) continue;
    const double value = figures.GetReflection()->GetDouble(figures, field);
    v1::FigureHealth& health = *figures.add_health();
    health.set_figure(field->name());
    health.set_healthy_min(range.min);
    health.set_healthy_max(range.max);
    health.set_standing(value < range.min   ? v1::FigureHealth::STANDING_BELOW
                        : value > range.max ? v1::FigureHealth::STANDING_ABOVE
                                            : v1::FigureHealth::STANDING_WITHIN);
  }
}

/// The figures that GetKeyFiguresResponse and WinLossMeasures share, under the same names.
template <class Answer>
void SetRates(const Measures& measures, Answer& answer) {
  if (const auto rate = Percent(measures.won_count, measures.won_count + measures.lost_count)) {
    answer.set_win_rate(*rate);
  }
  if (const auto deal = Average(measures.won_revenue, measures.won_count)) answer.set_average_won_deal(*deal);
  if (const auto days = Average(measures.won_cycle_days, measures.won_cycle_count)) {
    answer.set_average_won_cycle_days(*days);
  }
  *answer.mutable_won_revenue() = measures.won_revenue;
  answer.set_won_cycle_days(measures.won_cycle_days);
  answer.set_won_cycle_count(measures.won_cycle_count);
  answer.set_other_currency_count(measures.other_currency_count);
}

}  // namespace

std::optional<double> Percent(int64_t part, int64_t whole) {
  if (whole <= 0) return std::nullopt;
  return RoundToHundredths(Int128{part} * 100, whole);
}

std::optional<double> Average(int64_t sum, int64_t count) {
  if (count <= 0) return std::nullopt;
  return RoundToHundredths(sum, count);
}

std::optional<double> Average(const google::type::Money& sum, int64_t count) {
  if (count <= 0) return std::nullopt;
  return RoundToHundredths(ToNanos(sum), Int128{count} * kNanosPerUnit);
}

std::optional<double> Percent(const google::type::Money& part, const google::type::Money& whole) {
  if (ToNanos(whole) <= 0) return std::nullopt;
  return RoundToHundredths(ToNanos(part) * 100, ToNanos(whole));
}

std::optional<double> Quotient(const google::type::Money& part, const google::type::Money& whole) {
  if (ToNanos(whole) <= 0) return std::nullopt;
  return RoundToHundredths(ToNanos(part), ToNanos(whole));
}

v1::PipelineMeasures ToPipeline(const Measures& measures) {
  v1::PipelineMeasures answer;
  answer.set_count(measures.count);
  answer.set_open_count(measures.open_count);
  answer.set_won_count(measures.won_count);
  answer.set_lost_count(measures.lost_count);
  *answer.mutable_expected_revenue() = measures.expected_revenue;
  *answer.mutable_open_revenue() = measures.open_revenue;
  *answer.mutable_weighted_revenue() = measures.weighted_revenue;
  *answer.mutable_recurring_revenue() = measures.recurring_revenue;
  *answer.mutable_monthly_recurring_revenue() = measures.monthly_recurring_revenue;
  *answer.mutable_won_revenue() = measures.won_revenue;
  answer.set_other_currency_count(measures.other_currency_count);
  return answer;
}

v1::WinLossMeasures ToWinLoss(const Measures& measures) {
  v1::WinLossMeasures answer;
  answer.set_won_count(measures.won_count);
  answer.set_lost_count(measures.lost_count);
  *answer.mutable_lost_revenue() = measures.lost_revenue;
  SetRates(measures, answer);
  return answer;
}

v1::LeadMeasures ToLeads(const Measures& measures) {
  v1::LeadMeasures answer;
  answer.set_count(measures.count);
  answer.set_unqualified_count(measures.unqualified_count);
  answer.set_converted_count(measures.converted_count);
  answer.set_opportunity_count(measures.opportunity_count);
  answer.set_won_count(measures.won_count);
  if (const auto rate = Percent(measures.converted_count, measures.converted_count + measures.unqualified_count)) {
    answer.set_conversion_rate(*rate);
  }
  *answer.mutable_won_revenue() = measures.won_revenue;
  *answer.mutable_open_revenue() = measures.open_revenue;
  answer.set_other_currency_count(measures.other_currency_count);
  return answer;
}

void SetCost(const google::type::Money& cost, v1::LeadMeasures& measures) {
  *measures.mutable_cost() = cost;
  if (ToNanos(cost) > 0) {
    const Int128 gain = ToNanos(measures.won_revenue()) - ToNanos(cost);
    measures.set_return_on_investment(RoundToHundredths(gain * 100, ToNanos(cost)));
  }
  if (const auto each = Average(cost, measures.count())) measures.set_cost_per_lead(*each);
}

v1::GetKeyFiguresResponse ToKeyFigures(const Measures& measures) {
  v1::GetKeyFiguresResponse answer;
  answer.set_opportunities(measures.count);
  answer.set_won(measures.won_count);
  answer.set_lost(measures.lost_count);
  answer.set_open(measures.open_count);
  *answer.mutable_open_revenue() = measures.open_revenue;
  *answer.mutable_weighted_open_revenue() = measures.weighted_open_revenue;
  SetRates(measures, answer);
  AddHealth(answer);
  return answer;
}

}  // namespace embudo::reporting::logic
