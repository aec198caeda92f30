#pragma once

#include "google/longrunning/operations.pb.h"
#include "services/capture/storage/import_store.h"

namespace embudo::capture::rpc {

/// An import as the operation that its callers see.
google::longrunning::Operation OperationOf(const storage::ImportJob& job);

}  // namespace embudo::capture::rpc
