#include "tools/cli/error.h"

#include <google/protobuf/util/time_util.h>

#include "common/base/error.h"
#include "google/rpc/error_details.pb.h"

namespace embudo::cli {
namespace {

void AppendDetail(const google::protobuf::Any& detail, const std::string& message, std::string& out) {
  google::rpc::BadRequest bad_request;
  google::rpc::PreconditionFailure precondition;
  google::rpc::ResourceInfo resource;
  google::rpc::RetryInfo retry;
  if (detail.UnpackTo(&bad_request)) {
    for (const auto& violation : bad_request.field_violations()) {
      const std::string line = violation.field() + ": " + violation.description();
      if (line != message) out += "  " + line + "\n";
    }
  } else if (detail.UnpackTo(&precondition)) {
    for (const auto& violation : precondition.violations()) {
      out += "  " + violation.type() + " " + violation.subject() + ": " + violation.description() + "\n";
    }
  } else if (detail.UnpackTo(&resource)) {
    out += "  " + resource.resource_type() + " " + resource.resource_name() + "\n";
  } else if (detail.UnpackTo(&retry)) {
    const auto milliseconds = google::protobuf::util::TimeUtil::DurationToMilliseconds(retry.retry_delay());
    out += "  try again in " + std::to_string(milliseconds) + " ms\n";
  }
}

}  // namespace

std::string ErrorText(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  std::string out = "error: " + absl::StatusCodeToString(status.code()) + (reason.empty() ? "" : " " + reason) + ": " +
                    MessageOf(status) + "\n";
  const google::rpc::Status details = ToRpcStatus(status);
  for (const auto& detail : details.details()) AppendDetail(detail, MessageOf(status), out);
  return out;
}

}  // namespace embudo::cli
