#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "embudo/capture/v1/field_mapping.pb.h"
#include "google/protobuf/repeated_field.h"

namespace embudo::cli {

inline constexpr char kMappingHelp[] =
    "source=field, such as mail=email; with ! behind it what is required; =field:text for a constant. May be given "
    "several times; values and separators are set by `call`";

/// Reads mappings of the command line. INVALID_ARGUMENT for what is none.
absl::Status AddMappings(const std::vector<std::string>& arguments,
                         google::protobuf::RepeatedPtrField<capture::v1::FieldMapping>* mappings);

}  // namespace embudo::cli
