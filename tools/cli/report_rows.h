#pragma once

#include <string>
#include <vector>

#include "embudo/reporting/v1/reporting_service.pb.h"
#include "tools/cli/output.h"

namespace embudo::cli {

/// A report as rows of numbers. JSON is one object: `rows`, `total`, and how old they are; a table ends with its total.
void PrintReport(const reporting::v1::AnalyzePipelineResponse& response, const std::vector<std::string>& by,
                 Output& output);
void PrintReport(const reporting::v1::AnalyzeWinLossResponse& response, const std::vector<std::string>& by,
                 Output& output);
/// One object of numbers.
void PrintKeyFigures(const reporting::v1::GetKeyFiguresResponse& response, Output& output);

}  // namespace embudo::cli
