#pragma once

#include <string>
#include <vector>

#include "embudo/reporting/v1/reporting_service.pb.h"
#include "tools/cli/output.h"

namespace embudo::cli {

/// A report as rows of numbers. JSON is one object: `rows`, `total`, and how old they are; a table ends with its total.
template <class Response>
void PrintReport(const Response& response, const std::vector<std::string>& by, Output& output);
/// One object of numbers.
void PrintKeyFigures(const reporting::v1::GetKeyFiguresResponse& response, Output& output);
/// What became of a forecast: one row an outcome.
void PrintSlippage(const reporting::v1::CompareForecastsResponse& response, Output& output);

}  // namespace embudo::cli
