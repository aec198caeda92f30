#include "services/capture/events/undo_run.h"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "common/base/error.h"
#include "common/log/log.h"

namespace embudo::capture::events {
namespace {

using v1::ImportMetadata;
using Response = pipeline::v1::UndoImportedRecordsResponse;

constexpr char kUndo[] = "embudo.pipeline.v1.ImportedRecordService/UndoImportedRecords";
constexpr int kPart = 200;
constexpr int kMaxKept = 1000;
constexpr std::chrono::seconds kTimeout{60};
constexpr std::chrono::milliseconds kPause{500};

}  // namespace

UndoRun::UndoRun(const ImportTools& tools, const ImportLimits& limits, storage::ImportJob job, std::string owner)
    : tools_(tools), limits_(limits), job_(std::move(job)), owner_(std::move(owner)), identity_(ImportIdentity(job_)) {}

void UndoRun::Run() {
  log::Info("undo: started", {{"tenant", job_.tenant}, {"import", job_.undoes}, {"attempt", job_.attempts}});
  End(Work());
}

absl::Status UndoRun::Work() {
  if (!job_.undo.has_start_time()) *job_.undo.mutable_start_time() = ToTimestamp(tools_.clock.Now());
  EMBUDO_RETURN_IF_ERROR(Save());
  std::mutex mutex;
  std::condition_variable never;
  pipeline::v1::UndoImportedRecordsRequest request;
  request.set_import(job_.undoes);
  request.set_limit(kPart);
  request.set_undo(job_.id);
  while (true) {
    if (tools_.stopping) return Error(absl::StatusCode::kCancelled, "IMPORT_INTERRUPTED", "the process ends");
    Response response;
    const absl::Status status = tools_.pipeline.Call(kUndo, identity_, request, &response, kTimeout);
    if (MayPass(status)) {
      log::Warning("undo: waits for the pipeline service", {{"import", job_.undoes}, {"reason", ReasonOf(status)}});
      std::unique_lock lock(mutex);
      never.wait_for(lock, kPause);
      lock.unlock();
      EMBUDO_RETURN_IF_ERROR(Save());
      continue;
    }
    EMBUDO_RETURN_IF_ERROR(status);
    Count(response);
    EMBUDO_RETURN_IF_ERROR(Save());
    if (response.done()) break;
  }
  EMBUDO_ASSIGN_OR_RETURN(storage::ImportJob import, tools_.imports.Get(job_.tenant, job_.undoes, db::After(kTimeout)));
  EMBUDO_ASSIGN_OR_RETURN(const v1::File file, tools_.files.Get(job_.tenant, import.file_id, db::After(kTimeout)));
  rpc::Identity identity = identity_;
  return TellOfImport(tools_.pipeline, identity, import, file.filename(),
                      pipeline::v1::RecordImportRequest::STEP_UNDONE);
}

void UndoRun::Count(const Response& response) {
  v1::UndoImportMetadata& undo = job_.undo;
  if (response.done()) {
    // The last answer has it all, also what a worker before did not live to keep.
    undo.clear_deleted();
    undo.clear_restored();
    undo.clear_kept();
    undo.clear_kept_records();
  }
  undo.set_deleted(undo.deleted() + response.deleted());
  undo.set_restored(undo.restored() + response.restored());
  undo.set_kept(undo.kept() + response.kept_count());
  for (const Response::Kept& kept : response.kept()) {
    if (undo.kept_records_size() == kMaxKept) break;
    auto* told = undo.add_kept_records();
    told->set_record(kept.record());
    told->set_reason(kept.reason());
    *told->mutable_fields() = kept.fields();
  }
}

absl::Status UndoRun::Save() {
  job_.undo.set_state(job_.progress.state());
  EMBUDO_RETURN_IF_ERROR(
      tools_.imports.Save(&job_, owner_, tools_.clock.Now() + limits_.lease, {}, {}, db::After(kTimeout)));
  const bool open = job_.progress.state() == ImportMetadata::STATE_RUNNING;
  if (!open || !job_.cancel_requested) return absl::OkStatus();
  return Error(absl::StatusCode::kCancelled, "IMPORT_CANCELLED",
               "the undo was cancelled; what was taken back stays so");
}

void UndoRun::End(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  if (reason == "IMPORT_INTERRUPTED" || IsClosed(status)) {
    tools_.imports.Release(job_, owner_, db::After(std::chrono::seconds(5))).IgnoreError();
    return;
  }
  if (reason == "LEASE_LOST") return;
  if (reason != "IMPORT_CANCELLED" && MayPass(status)) {
    log::Warning("undo: left for later", {{"import", job_.undoes}, {"reason", reason}});
    return;
  }
  job_.progress.set_state(status.ok() ? ImportMetadata::STATE_SUCCEEDED : ImportMetadata::STATE_FAILED);
  if (reason == "IMPORT_CANCELLED") job_.progress.set_state(ImportMetadata::STATE_CANCELLED);
  *job_.undo.mutable_end_time() = ToTimestamp(tools_.clock.Now());
  if (!status.ok()) job_.error = ToRpcStatus(status);
  const absl::Status saved = Save();
  log::Info("undo: ended", {{"tenant", job_.tenant},
                            {"import", job_.undoes},
                            {"state", ImportMetadata::State_Name(job_.progress.state())},
                            {"deleted", job_.undo.deleted()},
                            {"restored", job_.undo.restored()},
                            {"kept", job_.undo.kept()},
                            {"saved", saved.ok()}});
}

}  // namespace embudo::capture::events
