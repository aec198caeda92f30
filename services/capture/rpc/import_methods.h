#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "embudo/capture/v1/import_service.pb.h"
#include "google/longrunning/operations.pb.h"
#include "services/capture/rpc/services.h"

namespace embudo::capture::rpc {

/// Handlers of ImportService that have a file of their own.
absl::StatusOr<v1::SuggestMappingResponse> SuggestMapping(Room& room, const embudo::rpc::CallContext& call,
                                                          const v1::SuggestMappingRequest& request);
absl::StatusOr<v1::ListImportPresetsResponse> ListImportPresets(Room& room, const embudo::rpc::CallContext& call,
                                                                const v1::ListImportPresetsRequest& request);
absl::StatusOr<google::longrunning::Operation> UndoImport(Room& room, const embudo::rpc::CallContext& call,
                                                          const v1::UndoImportRequest& request);
absl::StatusOr<v1::DownloadImportResultsResponse> DownloadImportResults(
    Room& room, const embudo::rpc::CallContext& call, const v1::DownloadImportResultsRequest& request);
absl::StatusOr<v1::DownloadRefusedRowsResponse> DownloadRefusedRows(Room& room, const embudo::rpc::CallContext& call,
                                                                    const v1::DownloadRefusedRowsRequest& request);
/// The id in a file's name. INVALID_ARGUMENT for other names, NOT_FOUND for ids that are none.
absl::StatusOr<std::string> FileIdOf(const std::string& name, const char* field);

}  // namespace embudo::capture::rpc
