#include "tools/cli/event_output.h"

#include <google/protobuf/util/time_util.h>

#include <ostream>

#include "common/base/error.h"
#include "common/event/cloud_event.h"
#include "common/text/csv.h"

namespace embudo::cli {
namespace {

using google::protobuf::util::TimeUtil;
using pipeline::v1::TailStart;

}  // namespace

TailStart ParsePlace(const std::string& text) {
  TailStart start;
  google::protobuf::Timestamp time;
  if (text == "earliest") {
    start.set_position(TailStart::POSITION_EARLIEST);
  } else if (text == "latest") {
    start.set_position(TailStart::POSITION_LATEST);
  } else if (text == "snapshot") {
    start.set_position(TailStart::POSITION_SNAPSHOT);
  } else if (TimeUtil::FromString(text, &time)) {
    *start.mutable_time() = time;
  } else {
    start.set_cursor(text);
  }
  return start;
}

absl::StatusOr<std::string> EventJson(const type::v1::Event& event, Format format) {
  if (format == Format::kCloudEvents) return event::ToCloudEvent(event);
  return ToJson(event).dump();
}

EventLines::EventLines(Output& output) : output_(output) {
  if (output_.format() == Format::kCsv) PrintCells({"time", "type", "subject", "actor"});
}

absl::Status EventLines::Print(const type::v1::Event& event) {
  if (output_.format() == Format::kJson || output_.format() == Format::kCloudEvents) {
    EMBUDO_ASSIGN_OR_RETURN(const std::string line, EventJson(event, output_.format()));
    output_.stream() << line << '\n';
  } else {
    PrintCells({TimeUtil::ToString(event.time()), event.type(), event.subject(), event.actor()});
  }
  return absl::OkStatus();
}

absl::Status EventLines::Print(const type::v1::Lead& lead) {
  if (output_.format() == Format::kCloudEvents) {
    return InvalidField("--from", "a snapshot holds leads, which are no CloudEvents: use --format json");
  }
  if (output_.format() == Format::kJson) {
    output_.stream() << Json{{"snapshot", ToJson(lead)}}.dump() << '\n';
  } else {
    PrintCells({TimeUtil::ToString(lead.update_time()), "snapshot", lead.name(), lead.owner()});
  }
  return absl::OkStatus();
}

absl::Status EventLines::Flush() {
  if (output_.stream().flush()) return absl::OkStatus();
  return absl::DataLossError("can't write what was read");
}

void EventLines::PrintCells(const std::vector<std::string>& cells) {
  if (output_.format() == Format::kCsv) {
    output_.stream() << text::CsvLine(cells);
    return;
  }
  for (size_t i = 0; i < cells.size(); ++i) output_.stream() << (i == 0 ? "" : "  ") << cells[i];
  output_.stream() << '\n';
}

}  // namespace embudo::cli
