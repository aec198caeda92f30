#pragma once

#include <string>

#include "services/capture/events/import_run.h"

namespace embudo::capture::events {

/// One worker's work on taking an import back: asks the pipeline service, which has the journal of what the import
/// wrote, for one part after the other, and keeps what came of it after each.
class UndoRun {
 public:
  UndoRun(const ImportTools& tools, const ImportLimits& limits, storage::ImportJob job, std::string owner);

  /// Works until it is done, fails or is cancelled; or until the process ends or the lease is lost, whereupon another
  /// worker goes on.
  void Run();

 private:
  absl::Status Work();
  void Count(const pipeline::v1::UndoImportedRecordsResponse& response);
  absl::Status Save();
  void End(const absl::Status& status);

  const ImportTools tools_;
  const ImportLimits limits_;
  storage::ImportJob job_;
  const std::string owner_;
  const rpc::Identity identity_;
};

}  // namespace embudo::capture::events
