#include "common/base/error.h"
#include "common/event/event.h"
#include "services/pipeline/rpc/imported_records.h"
#include "services/pipeline/rpc/services.h"
#include "services/pipeline/storage/import_journal.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;

absl::StatusOr<v1::UpsertImportedRecordsResponse> Upsert(Records& records, const CallContext& caller,
                                                         const v1::UpsertImportedRecordsRequest& request) {
  Imported work{records, caller, request, {}};
  if (request.origin() != type::v1::ORIGIN_UNSPECIFIED) {
    work.call.identity.origin = request.origin();
  } else {
    work.call.identity.origin = type::v1::ORIGIN_IMPORT;
  }
  work.call.identity.cause.set_event_id(request.import());
  const int kinds = (request.leads_size() > 0) + (request.contacts_size() > 0) + (request.activities_size() > 0) +
                    (request.messages_size() > 0) + (request.stays_size() > 0);
  if (kinds > 1) return InvalidField("contacts", "records of one kind only are written at once");
  if (request.leads_size() > 0) EMBUDO_RETURN_IF_ERROR(UpsertImportedLeads(work));
  if (request.contacts_size() > 0) EMBUDO_RETURN_IF_ERROR(UpsertImportedContacts(work));
  if (request.activities_size() > 0) EMBUDO_RETURN_IF_ERROR(UpsertImportedActivities(work));
  if (request.messages_size() > 0) EMBUDO_RETURN_IF_ERROR(UpsertImportedMessages(work));
  if (request.stays_size() > 0) EMBUDO_RETURN_IF_ERROR(KeepImportedStays(work));
  return std::move(work.response);
}

absl::StatusOr<v1::RecordImportResponse> RecordImport(Records& records, const CallContext& call,
                                                      const v1::RecordImportRequest& request) {
  type::v1::EventType type = type::v1::EVENT_TYPE_IMPORT_STARTED;
  if (request.step() == v1::RecordImportRequest::STEP_FINISHED) type = type::v1::EVENT_TYPE_IMPORT_FINISHED;
  if (request.step() == v1::RecordImportRequest::STEP_UNDONE) type = type::v1::EVENT_TYPE_IMPORT_UNDONE;
  const std::string& name = request.import().name();
  const std::string id = name.substr(name.find('/') + 1);
  if (!Uuid::Parse(id)) return InvalidField("import.name", "is not operations/{operation} with a UUID");
  const Time now = records.clock().Now();
  type::v1::Event event;
  event.set_id(Uuid::V7(now).ToString());
  event.set_type(event::TypeText(type));
  event.set_subject(name);
  *event.mutable_time() = ToTimestamp(now);
  event.set_partition_key(id);
  event.set_actor(call.identity.actor);
  event.set_origin(type::v1::ORIGIN_IMPORT);
  event.set_traceparent(call.traceparent);
  event.set_tenant(call.tenant());
  *event.mutable_data()->mutable_import() = request.import();
  EMBUDO_RETURN_IF_ERROR(storage::RecordImportStep(
      records.pool(), call.tenant(), v1::RecordImportRequest::Step_Name(request.step()), event, call.deadline));
  return v1::RecordImportResponse();
}

}  // namespace

std::unique_ptr<embudo::rpc::Service> MakeImportedRecordService(Records& records) {
  auto service =
      std::make_unique<embudo::rpc::Service>(v1::UpsertImportedRecordsRequest::descriptor()->file()->service(0));
  service->Unary<v1::UpsertImportedRecordsRequest, v1::UpsertImportedRecordsResponse>(
      "UpsertImportedRecords",
      [&records](const CallContext& call, const auto& request) { return Upsert(records, call, request); });
  service->Unary<v1::UndoImportedRecordsRequest, v1::UndoImportedRecordsResponse>(
      "UndoImportedRecords",
      [&records](const CallContext& call, const auto& request) { return UndoImportedRecords(records, call, request); });
  service->Unary<v1::RecordImportRequest, v1::RecordImportResponse>(
      "RecordImport",
      [&records](const CallContext& call, const auto& request) { return RecordImport(records, call, request); });
  return service;
}

}  // namespace embudo::pipeline::rpc
