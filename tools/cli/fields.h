#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/message.h"

namespace embudo::cli {

/// Sets a field of a record from text: numbers, `true`, enum values by their short names (`WON`), amounts (`12.50` or
/// `12.50 EUR`, without a currency the tenant's), dates and times (ISO 8601), lists separated by commas, and
/// `custom_fields.<key>` (a number, true, false, or a text; a text in quotes whatever it is). An empty text clears it.
/// INVALID_ARGUMENT that names the field.
absl::Status SetField(google::protobuf::Message& record, const std::string& path, const std::string& text);

/// Applies `field=value` arguments, and adds their paths to the mask.
absl::Status SetFields(google::protobuf::Message& record, const std::vector<std::string>& arguments,
                       google::protobuf::FieldMask* mask);

}  // namespace embudo::cli
