#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/resource_id.h"
#include "embudo/pipeline/v1/audit_service.pb.h"
#include "services/pipeline/rpc/tenancy.h"
#include "services/pipeline/storage/tenancy_store.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;

absl::StatusOr<v1::RecordAuditEntriesResponse> Record(const TenancyRoom& room, const CallContext& call,
                                                      const v1::RecordAuditEntriesRequest& request) {
  std::vector<storage::AuditRow> rows;
  for (const v1::AuditEntry& entry : request.audit_entries()) {
    const auto id = Uuid::Parse(IdOf(entry.name()));
    if (!id || !entry.has_create_time()) return InvalidField("audit_entries", "have a name and a create_time");
    rows.push_back({.id = id->ToString(),
                    .time = FromTimestamp(entry.create_time()),
                    .record = {.tenant = call.tenant(),
                               .actor = entry.actor(),
                               .roles = entry.roles(),
                               .method = entry.method(),
                               .resource = entry.subject(),
                               .code = entry.code(),
                               .reason = entry.reason(),
                               .call_id = entry.call_id(),
                               .peer = entry.peer()}});
  }
  EMBUDO_RETURN_IF_ERROR(storage::AddAuditEntries(room.pool, call.tenant(), rows, call.deadline));
  return v1::RecordAuditEntriesResponse();
}

}  // namespace

std::unique_ptr<embudo::rpc::Service> MakeAuditService(const TenancyRoom& room, resource::Resource& entries) {
  auto service =
      std::make_unique<embudo::rpc::Service>(v1::RecordAuditEntriesRequest::descriptor()->file()->service(0));
  service->Unary<v1::RecordAuditEntriesRequest, v1::RecordAuditEntriesResponse>(
      "RecordAuditEntries", [&room](const CallContext& call, const v1::RecordAuditEntriesRequest& request) {
        return Record(room, call, request);
      });
  entries.Bind(*service);
  return service;
}

}  // namespace embudo::pipeline::rpc
