#include "common/rpc/span.h"

#include <utility>

namespace embudo::rpc {

void RecordCall(trace::Span::Kind kind, const trace::Context& context, const std::string& parent_id,
                const std::string& method, std::chrono::steady_clock::time_point start, const absl::Status& status) {
  if (!trace::IsRecorded(context)) return;
  trace::Span span;
  span.context = context;
  span.parent_id = parent_id;
  span.name = method;
  span.kind = kind;
  span.end = Clock::System().Now();
  span.start = span.end - std::chrono::duration_cast<Time::duration>(std::chrono::steady_clock::now() - start);
  const size_t slash = method.find('/');
  span.attributes = {{"rpc.system", "grpc"},
                     {"rpc.service", method.substr(0, slash)},
                     {"rpc.method", method.substr(slash + 1)},
                     {"rpc.grpc.status_code", std::to_string(static_cast<int>(status.code()))}};
  if (!status.ok()) span.error = absl::StatusCodeToString(status.code());
  trace::Record(std::move(span));
}

}  // namespace embudo::rpc
