#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "google/api/field_behavior.pb.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/message.h"

namespace embudo::resource {

/// Whether the field is marked so (AIP-203).
bool HasBehavior(const google::protobuf::FieldDescriptor* field, google::api::FieldBehavior behavior);

/// Takes out of what a caller sends what only the service sets (AIP-203).
void ClearOutputOnly(google::protobuf::Message* record);

/// The request's update_mask; where it has none, every field that is set in `body` (AIP-134).
google::protobuf::FieldMask MaskOf(const google::protobuf::Message& request, const google::protobuf::Message& body);

/// Copies what the mask names from `body` into `record`. Output-only fields are passed over (AIP-134, AIP-161); an
/// immutable one is INVALID_ARGUMENT. `field` is what the request calls the record.
absl::Status ApplyMask(const google::protobuf::FieldMask& mask, const google::protobuf::Message& body,
                       const std::string& field, google::protobuf::Message* record);

/// Which fields a read is to return (AIP-157): the request's read_mask, by top-level fields. Without one: all.
class ReadMask {
 public:
  /// INVALID_ARGUMENT for a path that is no field of the record.
  static absl::StatusOr<ReadMask> Of(const google::protobuf::Message& request,
                                     const google::protobuf::Descriptor* record);

  /// The fields to read from the database: those that it names, `always`, and, if it names one that is derived, what
  /// those are derived from. Empty: all.
  std::set<std::string> Reads(const std::vector<std::string>& always,
                              const std::vector<std::string>& derived_from) const;
  /// Clears what it does not name, but for name and etag.
  void Apply(google::protobuf::Message& record) const;

 private:
  std::set<std::string> fields_;
  /// Those that it does not name.
  std::vector<const google::protobuf::FieldDescriptor*> others_;
  bool derived_ = false;
};

}  // namespace embudo::resource
