#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "embudo/capture/v1/capture_service.pb.h"
#include "embudo/type/v1/lead.pb.h"

namespace embudo::capture::logic {

/// A capture, read.
struct Prepared {
  /// The lead that it would make, in its normal form.
  type::v1::Lead lead;
  /// Not empty: it is rejected for this.
  std::string rejected;
};

/// Reads what a channel delivered: fills the lead with what the payload tells, takes the source of the visit over,
/// and gives it a title. INVALID_ARGUMENT if the caller's own lead is wrong.
absl::StatusOr<Prepared> Prepare(const v1::CaptureLeadRequest& request);

/// The channel that a payload stands for.
type::v1::Lead::Channel ChannelOf(const v1::Payload& payload);

}  // namespace embudo::capture::logic
