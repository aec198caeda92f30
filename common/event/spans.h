#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/trace/span.h"
#include "embudo/type/v1/event.pb.h"

namespace embudo::event {

/// Records what was done with events, from `start` to now, in the trace of the call that caused each:
/// `<what> <type>`, such as `scoring apply lead.created`.
void RecordEvents(trace::Span::Kind kind, const std::string& what, std::chrono::steady_clock::time_point start,
                  const std::vector<type::v1::Event>& events);

}  // namespace embudo::event
