#pragma once

#include <functional>
#include <memory>

#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/resource/resource.h"
#include "common/resource/writer.h"
#include "common/rpc/client.h"
#include "common/rpc/operation_wait.h"
#include "common/rpc/service.h"
#include "services/capture/events/intake.h"
#include "services/capture/storage/file_store.h"
#include "services/capture/storage/import_store.h"
#include "services/capture/storage/saved_mappings.h"
#include "services/capture/storage/settings_store.h"
#include "services/capture/storage/submission_store.h"

namespace embudo::capture::rpc {

/// What the handlers work on.
struct Room {
  Room(db::Pool& pool, embudo::rpc::Client& pipeline_client, const Clock& a_clock, std::function<void()> queued)
      : submissions(pool),
        settings(pool),
        files(pool),
        imports(pool),
        pipeline(pipeline_client),
        clock(a_clock),
        intake(submissions, pipeline, clock),
        regions(pipeline),
        import_queued(std::move(queued)),
        writer(pool),
        saved_mappings(storage::SavedMappingTable(), {.default_order = "display_name"}, pool, writer, a_clock) {}

  storage::SubmissionStore submissions;
  storage::SettingsStore settings;
  storage::FileStore files;
  storage::ImportStore imports;
  embudo::rpc::Client& pipeline;
  const Clock& clock;
  events::Intake intake;
  events::Regions regions;
  /// Called when there is an import to work on.
  std::function<void()> import_queued;
  resource::Writer writer;
  resource::Resource saved_mappings;
  embudo::rpc::OperationWait operation_wait;
  /// Bytes that are kept of a tenant without a limit of its own; 0: no limit.
  int64_t storage_limit = 0;
};

/// The service's gRPC services. Each Make function registers the handlers of one proto service; the room outlives them.
std::unique_ptr<embudo::rpc::Service> MakeCaptureService(Room& room);
std::unique_ptr<embudo::rpc::Service> MakeImportService(Room& room);
std::unique_ptr<embudo::rpc::Service> MakeOperationService(Room& room);
std::unique_ptr<embudo::rpc::Service> MakeImportMappingService(Room& room);

}  // namespace embudo::capture::rpc
