#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "embudo/capture/v1/capture_service.pb.h"
#include "embudo/type/v1/lead.pb.h"

namespace embudo::capture::logic {

/// Something that tells a lead from all others.
struct DedupeKey {
  /// EXTERNAL_ID or EMAIL.
  std::string kind;
  std::string key;

  bool operator==(const DedupeKey&) const = default;
};

/// A capture, read.
struct Prepared {
  /// The lead that it would make, in its normal form.
  type::v1::Lead lead;
  /// What a lead that is there is found by, the weightiest first: external ids, then the mail address.
  std::vector<DedupeKey> keys;
  /// Not empty: it is rejected for this.
  std::string rejected;
};

/// Reads what a channel delivered: fills the lead with what the payload tells, takes the source of the visit over,
/// gives it a title, and finds its keys. INVALID_ARGUMENT if the caller's own lead is wrong.
absl::StatusOr<Prepared> Prepare(const v1::CaptureLeadRequest& request);

/// The channel that a payload stands for.
type::v1::Lead::Channel ChannelOf(const v1::Payload& payload);

}  // namespace embudo::capture::logic
