#pragma once

#include <cstdint>
#include <optional>

#include "embudo/reporting/v1/reporting_service.pb.h"
#include "google/type/money.pb.h"

namespace embudo::reporting::logic {

/// What a set of records comes to, exactly. All amounts are in the tenant's currency.
struct Measures {
  int64_t count = 0;
  int64_t open_count = 0;
  int64_t won_count = 0;
  int64_t lost_count = 0;
  google::type::Money expected_revenue;
  google::type::Money open_revenue;
  google::type::Money weighted_revenue;
  google::type::Money weighted_open_revenue;
  google::type::Money recurring_revenue;
  google::type::Money monthly_recurring_revenue;
  google::type::Money won_revenue;
  google::type::Money lost_revenue;
  int64_t won_cycle_days = 0;
  int64_t won_cycle_count = 0;
  int64_t other_currency_count = 0;
  /// Those that were leads and became opportunities; those that are leads still; those that are opportunities.
  int64_t converted_count = 0;
  int64_t unqualified_count = 0;
  int64_t opportunity_count = 0;
};

/// part ÷ whole in percent, sum ÷ count: rounded half up (away from zero) to two decimals by integer arithmetic;
/// nothing if there is nothing to divide by.
std::optional<double> Percent(int64_t part, int64_t whole);
std::optional<double> Average(int64_t sum, int64_t count);
std::optional<double> Average(const google::type::Money& sum, int64_t count);

/// The same of amounts in one currency: part ÷ whole in percent, and as it is.
std::optional<double> Percent(const google::type::Money& part, const google::type::Money& whole);
std::optional<double> Quotient(const google::type::Money& part, const google::type::Money& whole);

v1::PipelineMeasures ToPipeline(const Measures& measures);
v1::WinLossMeasures ToWinLoss(const Measures& measures);
/// Without costs.
v1::LeadMeasures ToLeads(const Measures& measures);
/// Adds what the records cost, and what that brought.
void SetCost(const google::type::Money& cost, v1::LeadMeasures& measures);
/// With the health of the figures that have a healthy range.
v1::GetKeyFiguresResponse ToKeyFigures(const Measures& measures);

}  // namespace embudo::reporting::logic
