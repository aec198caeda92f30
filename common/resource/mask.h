#pragma once

#include <string>

#include "absl/status/status.h"
#include "google/api/field_behavior.pb.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/message.h"

namespace embudo::resource {

/// Whether the field is marked so (AIP-203).
bool HasBehavior(const google::protobuf::FieldDescriptor* field, google::api::FieldBehavior behavior);

/// The request's update_mask; where it has none, every field that is set in `body` (AIP-134).
google::protobuf::FieldMask MaskOf(const google::protobuf::Message& request, const google::protobuf::Message& body);

/// Copies what the mask names from `body` into `record`. Output-only fields are passed over (AIP-134, AIP-161); an
/// immutable one is INVALID_ARGUMENT. `field` is what the request calls the record.
absl::Status ApplyMask(const google::protobuf::FieldMask& mask, const google::protobuf::Message& body,
                       const std::string& field, google::protobuf::Message* record);

}  // namespace embudo::resource
