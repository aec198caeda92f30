#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/rpc/service.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {

/// The service's gRPC services over its records. Each Make function registers the handlers of one proto service.
std::unique_ptr<embudo::rpc::Service> MakeTenantService(Records& records);
std::unique_ptr<embudo::rpc::Service> MakePipelineService(Records& records);
std::unique_ptr<embudo::rpc::Service> MakeTeamService(Records& records);
std::unique_ptr<embudo::rpc::Service> MakeCatalogService(Records& records);
std::unique_ptr<embudo::rpc::Service> MakeContactService(Records& records);
std::unique_ptr<embudo::rpc::Service> MakeLeadService(Records& records);
std::unique_ptr<embudo::rpc::Service> MakeActivityService(Records& records);
std::unique_ptr<embudo::rpc::Service> MakeApprovalService(Records& records);
std::unique_ptr<embudo::rpc::Service> MakeMessageService(Records& records);
/// `storage_limit`: bytes of files of a tenant that has no limit of its own; 0: no limit.
std::unique_ptr<embudo::rpc::Service> MakeAttachmentService(Records& records, int64_t storage_limit);
std::unique_ptr<embudo::rpc::Service> MakeTouchService(Records& records);
std::unique_ptr<embudo::rpc::Service> MakeNotificationService(Records& records);
std::unique_ptr<embudo::rpc::Service> MakeQuoteService(Records& records);
std::unique_ptr<embudo::rpc::Service> MakeImportedRecordService(Records& records);

}  // namespace embudo::pipeline::rpc
