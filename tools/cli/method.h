#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"

namespace embudo::cli {

/// The method of that name, `LeadService/GetLead` or `embudo.pipeline.v1.LeadService/GetLead`, among those whose
/// descriptors are linked in. INVALID_ARGUMENT that says what there is.
absl::StatusOr<const google::protobuf::MethodDescriptor*> FindMethod(const std::string& name);

}  // namespace embudo::cli
