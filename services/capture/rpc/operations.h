#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "google/longrunning/operations.pb.h"
#include "services/capture/storage/import_store.h"

namespace embudo::capture::rpc {

/// An import as the operation that its callers see.
google::longrunning::Operation OperationOf(const storage::ImportJob& job);
/// The import's id in the name of an operation. INVALID_ARGUMENT for other names, NOT_FOUND for ids that are none.
absl::StatusOr<std::string> ImportIdOf(const std::string& operation);

}  // namespace embudo::capture::rpc
