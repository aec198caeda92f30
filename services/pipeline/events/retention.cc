#include "services/pipeline/events/retention.h"

#include <utility>

#include "common/base/error.h"
#include "common/log/log.h"
#include "common/resource/mask.h"
#include "embudo/pipeline/v1/privacy_service.pb.h"
#include "embudo/pipeline/v1/retention_service.pb.h"
#include "services/pipeline/storage/retention_store.h"

namespace embudo::pipeline::events {
namespace {

using rpc::CallContext;
using v1::RetentionSettings;

constexpr std::chrono::hours kEvery{1};
constexpr std::chrono::minutes kForOneTenant{5};
/// Persons that one call erases: each takes a few steps of its own.
constexpr int kMostPersons = 100;
constexpr int kLeastAuditDays = 30;
constexpr char kName[] = "retentionSettings/default";
constexpr char kReason[] = "retention";

absl::Status CheckName(const std::string& name) {
  return name == kName ? absl::OkStatus() : NotFound("embudo.dev/RetentionSettings", name);
}

absl::StatusOr<RetentionSettings> Read(const RetentionRoom& room, const CallContext& call) {
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, room.privacy.events.pool.Acquire(call.tenant(), call.deadline));
  return storage::ReadRetention(*lease, call.tenant());
}

absl::StatusOr<RetentionSettings> Get(const RetentionRoom& room, const CallContext& call,
                                      const v1::GetRetentionSettingsRequest& request) {
  EMBUDO_RETURN_IF_ERROR(CheckName(request.name()));
  return Read(room, call);
}

absl::StatusOr<RetentionSettings> Update(const RetentionRoom& room, const CallContext& call,
                                         const v1::UpdateRetentionSettingsRequest& request) {
  const RetentionSettings& wanted = request.retention_settings();
  EMBUDO_RETURN_IF_ERROR(CheckName(wanted.name()));
  RetentionSettings settings;
  const auto change = [&](db::Connection& connection) -> absl::Status {
    EMBUDO_ASSIGN_OR_RETURN(settings, storage::ReadRetention(connection, call.tenant()));
    if (!wanted.etag().empty() && wanted.etag() != settings.etag()) return StaleEtag(kName);
    EMBUDO_RETURN_IF_ERROR(
        resource::ApplyMask(resource::MaskOf(request, wanted), wanted, "retention_settings", &settings));
    if (settings.audit_days() > 0 && settings.audit_days() < kLeastAuditDays) {
      return InvalidField("retention_settings.audit_days", "is less than 30");
    }
    if (request.validate_only()) return absl::OkStatus();
    return storage::WriteRetention(connection, call.tenant(), room.privacy.events.clock.Now(), &settings);
  };
  EMBUDO_RETURN_IF_ERROR(db::RunInTx(room.privacy.events.pool, call.tenant(), call.deadline, change));
  return settings;
}

absl::Status Forget(const RetentionRoom& room, const CallContext& call, const std::string& contact,
                    const std::string& email) {
  v1::ErasePersonRequest request;
  if (!contact.empty()) request.set_contact("contacts/" + contact);
  request.set_email(email);
  request.set_reason(kReason);
  const absl::Status status = ErasePerson(room.privacy, call, request).status();
  // Somebody was faster.
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

absl::StatusOr<v1::ApplyRetentionResponse> ApplySettings(const RetentionRoom& room, const CallContext& call,
                                                         bool validate_only) {
  EMBUDO_ASSIGN_OR_RETURN(const RetentionSettings settings, Read(room, call));
  const Time now = room.privacy.events.clock.Now();
  v1::ApplyRetentionResponse response;
  if (settings.lost_lead_days() > 0) {
    storage::Forgettable found;
    {
      EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, room.privacy.events.pool.Acquire(call.tenant(), call.deadline));
      EMBUDO_ASSIGN_OR_RETURN(
          found, storage::FindForgettable(*lease, call.tenant(),
                                          now - std::chrono::hours(24 * settings.lost_lead_days()), kMostPersons));
    }
    for (const std::string& contact : found.contacts) {
      response.add_contacts("contacts/" + contact);
      if (!validate_only) EMBUDO_RETURN_IF_ERROR(Forget(room, call, contact, ""));
    }
    for (const storage::Forgettable::Lead& lead : found.leads) {
      response.add_leads("leads/" + lead.id);
      if (!validate_only) EMBUDO_RETURN_IF_ERROR(Forget(room, call, "", lead.email));
    }
  }
  if (settings.audit_days() > 0) {
    EMBUDO_ASSIGN_OR_RETURN(
        const int64_t entries,
        storage::DropAuditEntries(room.worker_pool, call.tenant(), now - std::chrono::hours(24 * settings.audit_days()),
                                  validate_only, call.deadline));
    response.set_audit_entries(entries);
  }
  return response;
}

absl::Status ApplyEverywhere(const RetentionRoom& room) {
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> tenants, storage::TenantsWithRetention(room.worker_pool));
  absl::Status first;
  for (const std::string& tenant : tenants) {
    CallContext call;
    call.identity.tenant = tenant;
    call.identity.actor = "services/pipeline";
    call.identity.roles = {type::v1::ROLE_SERVICE};
    call.method = kReason;
    call.deadline = db::After(kForOneTenant);
    const auto applied = ApplySettings(room, call, false);
    first.Update(applied.status());
    if (!applied.ok()) continue;
    const int persons = applied->contacts_size() + applied->leads_size();
    if (persons > 0) log::Info("retention: persons were erased", {{"tenant", tenant}, {"persons", persons}});
  }
  return first;
}

}  // namespace

std::unique_ptr<rpc::Service> MakeRetentionService(const RetentionRoom& room) {
  auto service = std::make_unique<rpc::Service>(v1::ApplyRetentionRequest::descriptor()->file()->service(0));
  service->Unary<v1::GetRetentionSettingsRequest, RetentionSettings>(
      "GetRetentionSettings", [&room](const CallContext& call, const v1::GetRetentionSettingsRequest& request) {
        return Get(room, call, request);
      });
  service->Unary<v1::UpdateRetentionSettingsRequest, RetentionSettings>(
      "UpdateRetentionSettings", [&room](const CallContext& call, const v1::UpdateRetentionSettingsRequest& request) {
        return Update(room, call, request);
      });
  service->Unary<v1::ApplyRetentionRequest, v1::ApplyRetentionResponse>(
      "ApplyRetention",
      [&room](const CallContext& call,
              const v1::ApplyRetentionRequest& request) -> absl::StatusOr<v1::ApplyRetentionResponse> {
        EMBUDO_RETURN_IF_ERROR(CheckName(request.name()));
        return ApplySettings(room, call, request.validate_only());
      });
  return service;
}

RetentionChore::RetentionChore(const RetentionRoom& room)
    : Chore("retention", kEvery, [&room] { return ApplyEverywhere(room); }) {}

}  // namespace embudo::pipeline::events
