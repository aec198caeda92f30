#pragma once

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "common/trace/span.h"

namespace embudo::rpc {

/// Records one side of a call that ends now, if its trace is recorded.
void RecordCall(trace::Span::Kind kind, const trace::Context& context, const std::string& parent_id,
                const std::string& method, std::chrono::steady_clock::time_point start, const absl::Status& status);

}  // namespace embudo::rpc
