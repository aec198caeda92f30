#pragma once

#include <vector>

#include "absl/status/status.h"
#include "embudo/type/v1/custom_field.pb.h"
#include "services/pipeline/logic/custom_fields.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {

/// Defines the custom fields that an import brings and that have no definition yet, so that no record is refused for
/// them. Does nothing for calls of other origin.
absl::Status DefineImportedFields(Records& records, const embudo::rpc::CallContext& call,
                                  type::v1::CustomField::Target target,
                                  const std::vector<const logic::CustomValues*>& values);

}  // namespace embudo::pipeline::rpc
