#pragma once

#include <memory>

#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/resource/resource.h"
#include "common/rpc/client.h"
#include "common/rpc/service.h"
#include "services/capture/events/enricher.h"
#include "services/capture/storage/enrichment_store.h"
#include "services/capture/storage/file_store.h"
#include "services/capture/storage/settings_store.h"

namespace embudo::capture::rpc {

/// What the handlers of enrichment work on.
struct EnrichmentRoom {
  /// `a_pool` is of the capture_rpc role.
  EnrichmentRoom(db::Pool& a_pool, resource::Writer& a_writer, embudo::rpc::Client& pipeline_client,
                 const Clock& a_clock, const events::EnricherOptions& options);

  db::Pool& pool;
  embudo::rpc::Client& pipeline;
  const Clock& clock;
  storage::EnrichmentStore store;
  storage::SettingsStore settings;
  storage::FileStore files;
  resource::Resource providers;
  resource::Resource enrichments;
  events::Enricher enricher;
};

std::unique_ptr<embudo::rpc::Service> MakeEnrichmentService(EnrichmentRoom& room);

}  // namespace embudo::capture::rpc
