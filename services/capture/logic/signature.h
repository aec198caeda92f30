#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "embudo/capture/v1/hook.pb.h"

namespace embudo::capture::logic {

/// Whether a call of a webhook is signed, over its body byte by byte, by one of the secrets. UNAUTHENTICATED, reason
/// SIGNATURE_MISSING, SIGNATURE_WRONG or TIMESTAMP_OUT_OF_RANGE.
absl::Status VerifySignature(const v1::HookSignature& scheme, const std::vector<std::string>& secrets,
                             std::string_view header, std::string_view body, Time now);

}  // namespace embudo::capture::logic
