#pragma once

#include <string>
#include <string_view>

#include "embudo/capture/v1/hook.pb.h"
#include "services/capture/logic/form_capture.h"

namespace embudo::capture::logic {

/// What a call of a webhook becomes by the hook's mapping: a lead, or rejected, since the body is no JSON or lacks what
/// the mapping requires. The same body, mapped again after the mapping was mended, may become a lead.
Capturing CaptureHook(const v1::Hook& hook, std::string_view body);

/// What tells this delivery from others: the header's text, else what stands in the body; empty if the hook looks at
/// neither, or it is not there.
std::string DeliveryIdOf(const v1::Hook& hook, std::string_view header, std::string_view body);

/// Checks a hook. INVALID_ARGUMENT naming the field.
absl::Status PrepareHook(v1::Hook& hook);

}  // namespace embudo::capture::logic
