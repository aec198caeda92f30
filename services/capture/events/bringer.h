#pragma once

#include <chrono>
#include <string>

#include "common/rpc/call_context.h"

namespace embudo::capture::events {

/// Who brings something in: a caller of the RPC, or the service itself for a form, a hook, a mailbox.
struct Bringer {
  std::string tenant;
  embudo::rpc::Identity identity;
  std::chrono::steady_clock::time_point deadline;
};

/// The service itself, for what comes without a caller.
embudo::rpc::Identity CaptureIdentity(const std::string& tenant);
/// The caller as the service speaks for them: it may do what the caller may not, find every lead, and write mails and
/// touches.
embudo::rpc::Identity AsService(embudo::rpc::Identity identity);

}  // namespace embudo::capture::events
