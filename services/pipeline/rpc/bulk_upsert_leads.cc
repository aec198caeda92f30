#include "common/base/error.h"
#include "services/pipeline/logic/utm_rules.h"
#include "services/pipeline/rpc/bulk_upsert.h"
#include "services/pipeline/rpc/import_fields.h"
#include "services/pipeline/rpc/lead_service.h"
#include "services/pipeline/rpc/suppression.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using type::v1::EventType;
using type::v1::Lead;

EventType EventOfUpdate(const Lead& before, const Lead& after) {
  if (before.state() != after.state()) {
    switch (after.state()) {
      case Lead::STATE_WON:
        return type::v1::EVENT_TYPE_LEAD_WON;
      case Lead::STATE_LOST:
        return type::v1::EVENT_TYPE_LEAD_LOST;
      default:
        return type::v1::EVENT_TYPE_LEAD_RESTORED;
    }
  }
  if (before.stage() != after.stage()) return type::v1::EVENT_TYPE_LEAD_STAGE_CHANGED;
  if (before.owner() != after.owner() || before.team() != after.team()) return type::v1::EVENT_TYPE_LEAD_ASSIGNED;
  return type::v1::EVENT_TYPE_LEAD_UPDATED;
}

namespace {

/// What an item may say: not what the service derives or others record.
Lead TakenOf(const Message& given) {
  Lead lead = static_cast<const Lead&>(given);
  lead.clear_pipeline();
  lead.clear_office();
  lead.clear_assign_time();
  lead.clear_automated_probability();
  lead.clear_score();
  lead.clear_priority_source();
  lead.clear_unmet_criteria();
  lead.clear_override_reason();
  lead.clear_last_touch_time();
  lead.clear_next_activity_date();
  lead.clear_update_time();
  lead.clear_delete_time();
  lead.clear_purge_time();
  lead.clear_converted_budget();
  lead.clear_converted_expected_revenue();
  lead.clear_converted_recurring_revenue();
  lead.clear_rank();
  lead.clear_merged_into();
  lead.clear_convert_time();
  lead.clear_creator();
  lead.clear_followers();
  lead.clear_unmet_criteria();
  lead.clear_override_reason();
  return lead;
}

}  // namespace

absl::StatusOr<resource::Change> CreateImportedLead(Records& records, const CallContext& call, const Message& given) {
  auto lead = std::make_unique<Lead>(TakenOf(given));
  lead->set_name("leads/" + Uuid::V7(records.clock().Now()).ToString());
  if (lead->display_name().empty()) return InvalidField("lead.display_name", "is required");
  EMBUDO_RETURN_IF_ERROR(records.WithScene(call, [&](const logic::Scene& scene) {
    return logic::SettleImported(scene, records.leads().schema(), nullptr, *lead);
  }));
  return records.leads().NewChange(call, std::move(lead), v1::GetLeadRequest());
}

absl::StatusOr<std::optional<resource::Change>> UpdateImportedLead(Records& records, const CallContext& call,
                                                                   const resource::Record& before,
                                                                   const Message& given) {
  const auto& old = static_cast<const Lead&>(*before.message);
  auto lead = std::make_unique<Lead>(old);
  Lead taken = TakenOf(given);
  if (old.kind() == Lead::KIND_OPPORTUNITY && taken.kind() == Lead::KIND_LEAD) {
    // The other system does not know how far it has come here.
    taken.clear_kind();
    taken.clear_state();
    taken.clear_lead_status();
  }
  Overlay(taken, lead.get());
  if (!old.owner().empty()) lead->set_owner(old.owner());  // an import never takes a lead away
  const absl::Status settled = records.WithSceneOf(call, old, nullptr, [&](const logic::Scene& scene) -> absl::Status {
    EMBUDO_RETURN_IF_ERROR(logic::SettleImported(scene, records.leads().schema(), &old, *lead));
    if (old.kind() == Lead::KIND_LEAD && lead->kind() == Lead::KIND_OPPORTUNITY) {
      lead->clear_lead_status();
      *lead->mutable_convert_time() = ToTimestamp(scene.now);
    }
    if (lead->stage() == old.stage()) return absl::OkStatus();
    if (scene.catalog.FindStage(lead->stage()) == nullptr) {
      return InvalidField("lead.stage", "there is no " + lead->stage());
    }
    lead->set_pipeline(logic::Catalog::PipelineOf(lead->stage()));
    if (lead->state() == Lead::STATE_OPEN) *lead->mutable_stage_enter_time() = ToTimestamp(scene.now);
    return absl::OkStatus();
  });
  EMBUDO_RETURN_IF_ERROR(settled);
  EMBUDO_RETURN_IF_ERROR(records.leads().rules().prepare(call, *lead, &old));
  const EventType event = EventOfUpdate(old, *lead);
  return records.leads().ChangeOf(call, before, std::move(lead), event);
}

absl::Status SeeUtmOfWritten(Records& records, const CallContext& call, const std::vector<const Message*>& items,
                             const std::vector<v1::BulkResult>& results) {
  std::vector<const Lead*> leads;
  for (size_t i = 0; i < items.size(); ++i) {
    if (results[i].outcome() == v1::BulkResult::OUTCOME_REFUSED) continue;
    leads.push_back(static_cast<const Lead*>(items[i]));
  }
  return records.SeeUtmOf(call, leads);
}

absl::StatusOr<v1::BulkUpsertLeadsResponse> BulkUpsertLeads(Records& records, const CallContext& caller,
                                                            const v1::BulkUpsertLeadsRequest& request) {
  CallContext call = caller;
  call.identity.origin = request.origin() == type::v1::ORIGIN_UNSPECIFIED ? type::v1::ORIGIN_IMPORT : request.origin();
  std::vector<const Message*> items;
  std::vector<const logic::CustomValues*> values;
  for (const v1::LeadUpsert& item : request.items()) {
    items.push_back(&item.lead());
    values.push_back(&item.lead().custom_fields());
  }
  if (!request.validate_only()) {
    EMBUDO_RETURN_IF_ERROR(DefineImportedFields(records, call, type::v1::CustomField::TARGET_LEAD, values));
  }
  EMBUDO_ASSIGN_OR_RETURN(const Suppressed suppressed, Suppressed::Among(records, call, items));
  const BulkRules rules{
      [&](const Message& given) -> absl::StatusOr<resource::Change> {
        EMBUDO_RETURN_IF_ERROR(suppressed.Check(given));
        return CreateImportedLead(records, call, given);
      },
      [&](const resource::Record& before, const Message& given) -> absl::StatusOr<std::optional<resource::Change>> {
        EMBUDO_RETURN_IF_ERROR(suppressed.Check(given, before.message.get()));
        return UpdateImportedLead(records, call, before, given);
      }};
  EMBUDO_ASSIGN_OR_RETURN(
      std::vector<v1::BulkResult> results,
      BulkUpsert(records.pool(), records.writer(), call, storage::LeadTable(), items, rules, request.validate_only()));
  if (!request.validate_only()) EMBUDO_RETURN_IF_ERROR(SeeUtmOfWritten(records, call, items, results));
  v1::BulkUpsertLeadsResponse response;
  for (v1::BulkResult& result : results) *response.add_results() = std::move(result);
  return response;
}

}  // namespace embudo::pipeline::rpc
