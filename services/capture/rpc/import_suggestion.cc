// What a file probably is, and taking an import back.

#include "common/base/error.h"
#include "common/resource/change.h"
#include "common/rpc/operation_wait.h"
#include "services/capture/events/file_rows.h"
#include "services/capture/logic/presets.h"
#include "services/capture/logic/suggestion.h"
#include "services/capture/rpc/import_methods.h"
#include "services/capture/rpc/operations.h"
#include "services/capture/rpc/paging.h"

namespace embudo::capture::rpc {

using embudo::rpc::CallContext;
using google::longrunning::Operation;
using storage::ImportJob;

namespace {

/// Rows that a suggestion looks at: enough for every stage and both orders of a date to show.
constexpr size_t kSampleRows = 2000;

}  // namespace

absl::StatusOr<v1::SuggestMappingResponse> SuggestMapping(Room& room, const CallContext& call,
                                                          const v1::SuggestMappingRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string file_id, FileIdOf(request.file(), "file"));
  EMBUDO_RETURN_IF_ERROR(room.files.Get(call.tenant(), file_id, call.deadline).status());
  events::FileRows rows(room.files, call.tenant(), file_id, v1::ImportFormat());
  logic::Sample sample;
  EMBUDO_ASSIGN_OR_RETURN(sample.header, rows.Header());
  sample.delimiter = rows.delimiter();
  text::CsvRow row;
  while (sample.rows.size() < kSampleRows) {
    const absl::StatusOr<bool> found = rows.Next(&row);
    if (!found.ok() && found.status().code() != absl::StatusCode::kInvalidArgument) return found.status();
    if (!found.ok() || !*found) break;  // what is wrong with the file is told by the import
    if (row.problem == text::CsvProblem::kNone || row.problem == text::CsvProblem::kTooFewCells) {
      sample.rows.push_back(std::move(row));
    }
  }
  return logic::Suggest(request, sample);
}

absl::StatusOr<v1::ListImportPresetsResponse> ListImportPresets(Room&, const CallContext&,
                                                                const v1::ListImportPresetsRequest& request) {
  constexpr char kQuery[] = "importPresets";
  EMBUDO_ASSIGN_OR_RETURN(const int64_t place, NumberIn(request.page_token(), kQuery, 0));
  const auto& presets = logic::Presets();
  const int all = static_cast<int>(presets.size());
  const int begin = static_cast<int>(std::min<int64_t>(all, place));
  const int end = std::min(all, begin + PageSize(request.page_size(), all, all));
  v1::ListImportPresetsResponse response;
  for (int i = begin; i < end; ++i) {
    const v1::ImportPreset& preset = presets[static_cast<size_t>(i)];
    auto* info = response.add_import_presets();
    info->set_name(preset.name());
    info->set_display_name(preset.display_name());
    info->set_system(preset.system());
    info->set_target(preset.target());
  }
  if (end < all) response.set_next_page_token(PageToken(std::to_string(end), kQuery));
  return response;
}

absl::StatusOr<Operation> UndoImport(Room& room, const CallContext& call, const v1::UndoImportRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string id, embudo::rpc::OperationIdOf(request.name()));
  EMBUDO_ASSIGN_OR_RETURN(const ImportJob import, room.imports.Get(call.tenant(), id, call.deadline));
  const auto refuse = [&](const char* reason, const std::string& text) {
    return Error(absl::StatusCode::kFailedPrecondition, reason, request.name() + " " + text)
        .Meta("operation", request.name())
        .Violation("STATE", request.name(), text)
        .ToStatus();
  };
  if (!import.undoes.empty()) return refuse("NOT_AN_IMPORT", "is an undo itself; import the file again");
  if (import.progress.dry_run()) return refuse("IMPORT_DRY_RUN", "wrote nothing");
  if (!OperationOf(import).done()) return refuse("IMPORT_RUNNING", "is still running; cancel it first");
  ImportJob job;
  job.tenant = call.tenant();
  job.file_id = import.file_id;
  job.actor = call.identity.actor;
  job.undoes = id;
  job.undo.set_import(request.name());
  job.request_id = request.request_id();
  job.request_hash = resource::HashRequest(call.method, request);
  EMBUDO_ASSIGN_OR_RETURN(job, room.imports.Create(std::move(job), room.clock.Now(), call.deadline));
  room.import_queued();
  return OperationOf(job);
}

}  // namespace embudo::capture::rpc
