#pragma once

#include "services/capture/rpc/services.h"

namespace embudo::capture::rpc {

absl::StatusOr<v1::FindDuplicatesResponse> FindDuplicates(Room& room, const embudo::rpc::CallContext& call,
                                                          const v1::FindDuplicatesRequest& request);
absl::StatusOr<v1::CaptureSettings> GetCaptureSettings(Room& room, const embudo::rpc::CallContext& call,
                                                       const v1::GetCaptureSettingsRequest& request);
absl::StatusOr<v1::CaptureSettings> UpdateCaptureSettings(Room& room, const embudo::rpc::CallContext& call,
                                                          const v1::UpdateCaptureSettingsRequest& request);

}  // namespace embudo::capture::rpc
