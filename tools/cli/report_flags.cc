#include "tools/cli/report_flags.h"

#include <CLI/CLI.hpp>
#include <cstdlib>

namespace embudo::cli {

void AddReportFlags(CLI::App& command, ReportFlags& flags) {
  command.add_option("--by", flags.by, "Dimensions, comma-separated: stage, owner, source, close_month …")
      ->delimiter(',');
  command.add_option("--filter", flags.filter, "Which leads, in the filter language");
  command.add_option("--from", flags.from, "First day, YYYY-MM-DD, of the period");
  command.add_option("--to", flags.to, "Last day of the period");
  command.add_option("--time", flags.time, "The time that lies in the period: create, close, expected_close …");
  command
      .add_option("--min-position", flags.min_positions,
                  "Wait until the figures have the event of that place: partition:position, comma-separated")
      ->delimiter(',');
}

absl::Status FillDay(const std::string& text, const std::string& flag, google::type::Date& day) {
  if (text.empty()) return absl::OkStatus();
  const absl::StatusOr<Day> parsed = text::ParseDay(text);
  if (!parsed.ok()) return InvalidField(flag, MessageOf(parsed.status()));
  day = ToDate(*parsed);
  return absl::OkStatus();
}

absl::Status FillPeriod(const ReportFlags& flags, reporting::v1::Period& period) {
  period.set_time(flags.time);
  if (!flags.from.empty()) EMBUDO_RETURN_IF_ERROR(FillDay(flags.from, "--from", *period.mutable_start_date()));
  if (!flags.to.empty()) EMBUDO_RETURN_IF_ERROR(FillDay(flags.to, "--to", *period.mutable_end_date()));
  return absl::OkStatus();
}

absl::Status FillPositions(const ReportFlags& flags,
                           google::protobuf::RepeatedPtrField<reporting::v1::ConsumerPosition>& positions) {
  for (const std::string& text : flags.min_positions) {
    const size_t colon = text.find(':');
    if (colon == std::string::npos) return InvalidField("--min-position", "\"" + text + "\" is not partition:position");
    reporting::v1::ConsumerPosition& position = *positions.Add();
    position.set_partition(std::atoi(text.substr(0, colon).c_str()));
    position.set_position(std::atoll(text.substr(colon + 1).c_str()));
  }
  return absl::OkStatus();
}

}  // namespace embudo::cli
