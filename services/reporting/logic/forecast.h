#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "embudo/reporting/v1/reporting_service.pb.h"
#include "google/type/money.pb.h"

namespace embudo::reporting::logic {

/// No amount of anything, in a currency.
v1::ForecastMeasures NoForecast(const std::string& currency);

/// Adds opportunities of a category (`COMMITTED`, …; `WON` for won ones). `other`: those without a rate among them.
absl::Status AddForecast(const std::string& category, int64_t count, int64_t other, const google::type::Money& revenue,
                         const google::type::Money& weighted, v1::ForecastMeasures& to);
/// Adds one to another, quotas aside.
absl::Status AddForecast(const v1::ForecastMeasures& from, v1::ForecastMeasures& to);

/// Measures it by its quota, if it has one, and sums up.
absl::Status FinishForecast(const std::optional<google::type::Money>& quota, v1::ForecastMeasures& forecast);

}  // namespace embudo::reporting::logic
