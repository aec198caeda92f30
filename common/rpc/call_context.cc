#include "common/rpc/call_context.h"

#include <algorithm>

#include "common/trace/trace.h"

namespace embudo::rpc {
namespace {

thread_local const CallContext* current_call = nullptr;

}  // namespace

bool Identity::Has(type::v1::Role role) const { return std::find(roles.begin(), roles.end(), role) != roles.end(); }

std::chrono::milliseconds CallContext::TimeLeft() const {
  using std::chrono::milliseconds;
  constexpr milliseconds kMost = std::chrono::hours(1);
  const auto now = std::chrono::steady_clock::now();
  if (deadline <= now) return milliseconds(0);
  // Compared before it is subtracted, since "no deadline" is the largest time point.
  if (deadline > now + kMost) return kMost;
  return std::chrono::ceil<milliseconds>(deadline - now);
}

CallScope::CallScope(const CallContext& call)
    : log_(call.call_id, trace::TraceIdOf(call.traceparent)), outer_(current_call) {
  current_call = &call;
}

CallScope::~CallScope() { current_call = outer_; }

const CallContext* CallScope::Current() { return current_call; }

}  // namespace embudo::rpc
