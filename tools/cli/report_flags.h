#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/error.h"
#include "common/text/dates.h"
#include "embudo/reporting/v1/reporting_service.pb.h"

namespace CLI {
class App;
}

namespace embudo::cli {

/// What reports are asked for with.
struct ReportFlags {
  std::vector<std::string> by;
  std::string filter;
  std::string from, to, time;
  std::vector<std::string> min_positions;
  bool leads = false;
  bool last_touch = false;
  bool exported = false;
  std::string pipeline;
  std::string snapshot;
  std::string base;
};

/// --by, --filter, --from, --to, --time, --min-position.
void AddReportFlags(CLI::App& command, ReportFlags& flags);

/// A day of a flag; unset if the flag was not given.
absl::Status FillDay(const std::string& text, const std::string& flag, google::type::Date& day);
absl::Status FillPeriod(const ReportFlags& flags, reporting::v1::Period& period);
absl::Status FillPositions(const ReportFlags& flags,
                           google::protobuf::RepeatedPtrField<reporting::v1::ConsumerPosition>& positions);

template <class Request>
absl::Status FillRequest(const ReportFlags& flags, Request& request) {
  for (const std::string& dimension : flags.by) request.add_group_by(dimension);
  request.set_filter(flags.filter);
  EMBUDO_RETURN_IF_ERROR(FillPeriod(flags, *request.mutable_period()));
  return FillPositions(flags, *request.mutable_min_positions());
}

}  // namespace embudo::cli
