#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "embudo/pipeline/v1/event_service.pb.h"
#include "embudo/type/v1/event.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "tools/cli/output.h"

namespace embudo::cli {

/// Where to read from, as the command line says it: `earliest`, `latest`, `snapshot`, a time (RFC 3339), or a cursor.
pipeline::v1::TailStart ParsePlace(const std::string& text);

/// An event as one line of JSON: protobuf's form, or a CloudEvent where that is the format.
absl::StatusOr<std::string> EventJson(const type::v1::Event& event, Format format);

/// Writes events and leads a line each, as they come. JSON is one object a line, CSV has a header.
class EventLines {
 public:
  /// Writes the header.
  explicit EventLines(Output& output);

  absl::Status Print(const type::v1::Event& event);
  /// A lead of a snapshot, in JSON as `{"snapshot": …}`. INVALID_ARGUMENT in CloudEvents, of which it is none.
  absl::Status Print(const type::v1::Lead& lead);
  /// DATA_LOSS if what was printed could not be written.
  absl::Status Flush();

 private:
  /// In the formats that are no JSON.
  void PrintCells(const std::vector<std::string>& cells);

  Output& output_;
};

}  // namespace embudo::cli
