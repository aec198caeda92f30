#include "services/pipeline/rpc/records.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/error.h"
#include "services/pipeline/logic/exit_criteria.h"
#include "services/pipeline/rpc/tenant_rules.h"
#include "services/pipeline/storage/stage_facts.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using resource::Rules;
using namespace type::v1;  // NOLINT(google-build-using-namespace): the resources and their events

// The ids of users in an activity plan's steps, as an array.
constexpr char kAssigneesOfSteps[] =
    "ARRAY(SELECT substr(e->>'assignee', length('users/') + 1) FROM jsonb_array_elements(steps) e)";

/// Fails, so that the change is planned again, if what it was based on has gone meanwhile.
resource::Writer::InTransaction StillHolding(const std::string& tenant, const Lead& lead,
                                             const logic::StageFacts& facts,
                                             const resource::Writer::InTransaction& others) {
  return [tenant, lead, facts, others](db::Connection& connection) -> absl::Status {
    if (others) EMBUDO_RETURN_IF_ERROR(others(connection));
    EMBUDO_ASSIGN_OR_RETURN(const logic::StageFacts now, storage::LoadStageFacts(connection, tenant, lead, true));
    if (now == facts) return absl::OkStatus();
    return Error(absl::StatusCode::kAborted, "VERSION_CHANGED", "what the exit criteria ask for has just changed");
  };
}

}  // namespace

Records::Records(db::Pool& pool, const Clock& clock, std::function<void()> on_commit)
    : pool_(pool),
      clock_(clock),
      writer_(pool),
      catalogs_(pool),
      tenants_(storage::TenantTable(), TenantRules(), pool, writer_, clock),
      pipelines_(storage::PipelineTable(), PipelineRules(), pool, writer_, clock),
      stages_(storage::StageTable(), StageRules(), pool, writer_, clock),
      teams_(storage::TeamTable(), TeamRules(), pool, writer_, clock),
      memberships_(storage::MembershipTable(), MembershipRules(), pool, writer_, clock),
      users_(storage::UserTable(),
             ConfigurationRules(EVENT_TYPE_USER_CREATED, EVENT_TYPE_USER_UPDATED, EVENT_TYPE_USER_DELETED,
                                {{"pipeline.lead", {"owner_id"}, "leads"},
                                 {"pipeline.lead", {"collaborators"}, "leads", true},
                                 {"pipeline.lead", {"followers"}, "leads", true},
                                 {"pipeline.membership", {"user_id"}, "memberships"},
                                 {"pipeline.team", {"manager_id"}, "teams"},
                                 {"pipeline.activity", {"assignee_id"}, "activities"},
                                 {"pipeline.activity_type", {"default_assignee_id"}, "activity types"},
                                 {"pipeline.activity_plan", {kAssigneesOfSteps}, "activity plans", true},
                                 {"pipeline.target", {"user_id"}, "targets"}}),
             pool, writer_, clock),
      tags_(storage::TagTable(),
            ConfigurationRules(EVENT_TYPE_TAG_CREATED, EVENT_TYPE_TAG_UPDATED, EVENT_TYPE_TAG_DELETED,
                               {{"pipeline.lead", {"tags"}, "leads", true}}),
            pool, writer_, clock),
      lost_reasons_(
          storage::LostReasonTable(),
          ConfigurationRules(EVENT_TYPE_LOST_REASON_CREATED, EVENT_TYPE_LOST_REASON_UPDATED,
                             EVENT_TYPE_LOST_REASON_DELETED, {{"pipeline.lead", {"lost_reason_id"}, "leads"}}),
          pool, writer_, clock),
      products_(storage::ProductTable(),
                ConfigurationRules(EVENT_TYPE_PRODUCT_CREATED, EVENT_TYPE_PRODUCT_UPDATED, EVENT_TYPE_PRODUCT_DELETED,
                                   {{"pipeline.lead", {"products"}, "leads", true}}),
                pool, writer_, clock),
      contacts_(storage::ContactTable(), ContactRules(), pool, writer_, clock),
      leads_(storage::LeadTable(), LeadRules(), pool, writer_, clock),
      activities_(storage::ActivityTable(), ActivityRules(), pool, writer_, clock),
      activity_types_(storage::ActivityTypeTable(), ActivityTypeRules(), pool, writer_, clock),
      activity_plans_(storage::ActivityPlanTable(), ActivityPlanRules(), pool, writer_, clock),
      messages_(storage::MessageTable(), MessageRules(), pool, writer_, clock),
      attachments_(storage::AttachmentTable(), AttachmentRules(), pool, writer_, clock),
      approvals_(storage::ApprovalTable(), ApprovalRules(), pool, writer_, clock),
      notifications_(storage::NotificationTable(), NotificationRules(), pool, writer_, clock),
      quotes_(storage::QuoteTable(), QuoteRules(), pool, writer_, clock),
      orders_(storage::OrderTable(), OrderRules(), pool, writer_, clock),
      targets_(storage::TargetTable(), TargetRules(), pool, writer_, clock),
      custom_fields_(storage::CustomFieldTable(), CustomFieldRules(), pool, writer_, clock),
      exchange_rates_(storage::ExchangeRateTable(), ExchangeRateRules(), pool, writer_, clock),
      campaigns_(storage::CampaignTable(),
                 UtmRules(storage::CampaignTable(), EVENT_TYPE_CAMPAIGN_CREATED, EVENT_TYPE_CAMPAIGN_UPDATED,
                          EVENT_TYPE_CAMPAIGN_DELETED),
                 pool, writer_, clock),
      utm_sources_(storage::UtmSourceTable(),
                   UtmRules(storage::UtmSourceTable(), EVENT_TYPE_UTM_SOURCE_CREATED, EVENT_TYPE_UTM_SOURCE_UPDATED,
                            EVENT_TYPE_UTM_SOURCE_DELETED),
                   pool, writer_, clock),
      utm_mediums_(storage::UtmMediumTable(),
                   UtmRules(storage::UtmMediumTable(), EVENT_TYPE_UTM_MEDIUM_CREATED, EVENT_TYPE_UTM_MEDIUM_UPDATED,
                            EVENT_TYPE_UTM_MEDIUM_DELETED),
                   pool, writer_, clock),
      touches_(storage::TouchTable(), TouchRules(), pool, writer_, clock),
      utm_(pool, writer_, clock, utm_sources_, utm_mediums_, campaigns_) {
  writer_.OnCommit([this, on_commit = std::move(on_commit)](const std::string& tenant, const resource::Table& table) {
    static const std::set<const resource::Table*> kNotInCatalog = {
        &storage::LeadTable(),         &storage::ContactTable(),    &storage::ActivityTable(),
        &storage::MessageTable(),      &storage::AttachmentTable(), &storage::ApprovalTable(),
        &storage::NotificationTable(), &storage::QuoteTable(),      &storage::OrderTable(),
        &storage::TargetTable(),       &storage::TouchTable(),      &storage::CampaignTable(),
        &storage::UtmSourceTable(),    &storage::UtmMediumTable()};
    static const std::set<const resource::Table*> kUtm = {&storage::CampaignTable(), &storage::UtmSourceTable(),
                                                          &storage::UtmMediumTable()};
    const bool configuration = !kNotInCatalog.contains(&table);
    if (configuration) catalogs_.Forget(tenant);
    if (kUtm.contains(&table)) utm_.Forget(tenant);
    on_commit();
  });
  for (resource::Resource* resource : {&leads_, &activities_, &contacts_, &teams_, &memberships_, &stages_, &messages_,
                                       &attachments_, &approvals_, &quotes_, &orders_, &targets_, &touches_}) {
    resource->SetResolver([this](const CallContext& call) { return ResolverOf(call); });
  }
}

absl::Status Records::WithScene(const CallContext& call, const std::function<absl::Status(const logic::Scene&)>& body) {
  EMBUDO_ASSIGN_OR_RETURN(const auto catalog, catalogs_.Get(call.tenant(), call.deadline));
  return body({*catalog, clock_.Now(), call.identity.actor, call.identity.origin, {}, ResolverOf(call)});
}

absl::Status Records::WithSceneOf(const CallContext& call, const Lead& lead, resource::Effects* effects,
                                  const std::function<absl::Status(const logic::Scene&)>& body) {
  EMBUDO_ASSIGN_OR_RETURN(const auto catalog, catalogs_.Get(call.tenant(), call.deadline));
  const auto& stages = catalog->StagesOf(lead.pipeline());
  logic::Scene scene{*catalog, clock_.Now(), call.identity.actor, call.identity.origin, {}, ResolverOf(call)};
  if (!std::any_of(stages.begin(), stages.end(), logic::NeedsFacts)) return body(scene);
  {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire(call.tenant(), call.deadline));
    EMBUDO_ASSIGN_OR_RETURN(scene.facts, storage::LoadStageFacts(*lease, call.tenant(), lead, false));
  }
  if (effects != nullptr) {
    effects->statements = StillHolding(call.tenant(), lead, scene.facts, std::move(effects->statements));
  }
  return body(scene);
}

Sight Records::SightOf(const CallContext& call) {
  Sight sight;
  for (const Role role : {ROLE_MANAGER, ROLE_ADMIN, ROLE_SERVICE}) sight.all = sight.all || call.identity.Has(role);
  if (sight.all) return sight;
  if (call.identity.actor.starts_with("users/")) sight.user = call.identity.actor;
  const auto catalog = catalogs_.Get(call.tenant(), call.deadline);
  if (!catalog.ok()) return sight;
  const auto user = (*catalog)->users.find(call.identity.actor);
  if (user == (*catalog)->users.end()) return sight;
  const User::Visibility visibility = user->second.visibility();
  sight.all = visibility == User::VISIBILITY_UNSPECIFIED || visibility == User::VISIBILITY_ALL;
  const auto teams = (*catalog)->teams_of_user.find(call.identity.actor);
  if (visibility == User::VISIBILITY_TEAM && teams != (*catalog)->teams_of_user.end()) {
    sight.teams.assign(teams->second.begin(), teams->second.end());
  }
  return sight;
}

bool Records::SeesAll(const CallContext& call) { return SightOf(call).all; }

bool Records::MaySee(const CallContext& call, const Lead& lead) { return SightOf(call).Sees(lead); }

bool Records::MaySeeEvent(const CallContext& call, const Event& event) {
  if (event.data().has_lead()) return MaySee(call, event.data().lead());
  const Resource& data = event.data();
  const bool of_lead = data.has_activity() || data.has_message() || data.has_attachment() || data.has_approval() ||
                       data.has_quote() || data.has_order() || data.has_touch();
  // Their events are in order with the lead's: its id is the key.
  return !of_lead || SeesAll(call) || leads_.Load(call, "leads/" + event.partition_key(), true).ok();
}

absl::Status Records::CheckMayEdit(const CallContext& call, const Lead& lead) {
  if (SightOf(call).MayEdit(lead)) return absl::OkStatus();
  return Error(absl::StatusCode::kPermissionDenied, "READ_ONLY_ACCESS",
               "a follower of " + lead.name() + " may read it and add notes, not change it")
      .Meta("lead", lead.name());
}

Rules Records::UnderLead(EventType created, EventType updated, EventType deleted) {
  Rules rules;
  rules.created = created;
  rules.updated = updated;
  rules.deleted = deleted;
  rules.visible = [this](const CallContext& call, const Message& record) {
    return SeesAll(call) || leads_.Load(call, LeadOf(resource::NameOf(record)), true).ok();
  };
  rules.visible_sql = [this](const CallContext& call, db::Params& params) -> absl::StatusOr<std::string> {
    const std::string seen = SightOf(call).Sql("l", params);
    if (seen.empty()) return seen;
    return "EXISTS (SELECT 1 FROM pipeline.lead l WHERE l.tenant_id = t.tenant_id AND l.lead_id = t.lead_id AND " +
           seen + ")";
  };
  // Under a lead that was merged there is nothing any more: it has all moved to the one that took it in.
  rules.moved = [this](const CallContext& call, const std::string& name) -> absl::StatusOr<std::string> {
    const std::string lead = LeadOf(name);
    const absl::StatusOr<resource::Record> now = leads_.Load(call, lead, true);
    if (now.status().code() == absl::StatusCode::kNotFound) return std::string();
    if (!now.ok()) return now.status();
    const std::string survivor = resource::NameOf(*now->message);
    return survivor == lead ? std::string() : survivor + name.substr(lead.size());
  };
  rules.partition_key = [](const Message& record) {
    const std::string lead = LeadOf(resource::NameOf(record));
    return lead.substr(lead.find('/') + 1);
  };
  return rules;
}

filter::Resolver Records::ResolverOf(const CallContext& call) {
  return [this, call](const std::string& type, const std::string& field,
                      const std::string& value) -> absl::StatusOr<std::vector<std::string>> {
    std::vector<std::string> names;
    for (const resource::Resource* resource :
         {&pipelines_, &stages_, &teams_, &users_, &tags_, &lost_reasons_, &products_, &contacts_}) {
      const resource::Table& table = resource->table();
      const resource::Field* column = table.FindField(field);
      if (table.resource_type() != type || column == nullptr || column->kind != resource::Kind::kText) continue;
      EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool_, call.tenant(), call.deadline,
                                                              "SELECT " + table.SelectList("t") + " FROM " +
                                                                  table.name() + " t WHERE t.tenant_id = $1 AND t." +
                                                                  field + " = $2 AND t.delete_time IS NULL LIMIT 1000",
                                                              db::Params::Of(call.tenant(), value)));
      for (int i = 0; i < rows.size(); ++i) names.push_back(resource::NameOf(*table.Read(rows[i]).message));
    }
    return names;
  };
}

}  // namespace embudo::pipeline::rpc
