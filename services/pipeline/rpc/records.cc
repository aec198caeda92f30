#include "services/pipeline/rpc/records.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/error.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using resource::Rules;
using namespace type::v1;  // NOLINT(google-build-using-namespace): the resources and their events

}  // namespace

Records::Records(db::Pool& pool, const Clock& clock, std::function<void()> on_commit)
    : pool_(pool),
      clock_(clock),
      writer_(pool),
      catalogs_(pool),
      tenants_(storage::TenantTable(), {.created = EVENT_TYPE_TENANT_CREATED, .updated = EVENT_TYPE_TENANT_UPDATED},
               pool, writer_, clock),
      pipelines_(storage::PipelineTable(), PipelineRules(), pool, writer_, clock),
      stages_(storage::StageTable(), StageRules(), pool, writer_, clock),
      teams_(storage::TeamTable(), TeamRules(), pool, writer_, clock),
      memberships_(storage::MembershipTable(), MembershipRules(), pool, writer_, clock),
      users_(storage::UserTable(),
             ConfigurationRules(EVENT_TYPE_USER_CREATED, EVENT_TYPE_USER_UPDATED, EVENT_TYPE_USER_DELETED,
                                {{"pipeline.lead", {"owner_id"}, "leads"},
                                 {"pipeline.membership", {"user_id"}, "memberships"},
                                 {"pipeline.team", {"manager_id"}, "teams"}}),
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
      exchange_rates_(storage::ExchangeRateTable(), ExchangeRateRules(), pool, writer_, clock) {
  writer_.OnCommit([this, on_commit = std::move(on_commit)](const std::string& tenant, const resource::Table& table) {
    static const std::set<const resource::Table*> kNotInCatalog = {
        &storage::LeadTable(),       &storage::ContactTable(),  &storage::ActivityTable(),     &storage::MessageTable(),
        &storage::AttachmentTable(), &storage::ApprovalTable(), &storage::NotificationTable(), &storage::QuoteTable(),
        &storage::OrderTable(),      &storage::TargetTable()};
    const bool configuration = !kNotInCatalog.contains(&table);
    if (configuration) catalogs_.Forget(tenant);
    on_commit();
  });
  for (resource::Resource* resource : {&leads_, &activities_, &contacts_, &teams_, &memberships_, &stages_, &messages_,
                                       &attachments_, &approvals_, &quotes_, &orders_, &targets_}) {
    resource->SetResolver([this](const CallContext& call) { return ResolverOf(call); });
  }
}

absl::Status Records::WithScene(const CallContext& call, const std::function<absl::Status(const logic::Scene&)>& body) {
  EMBUDO_ASSIGN_OR_RETURN(const auto catalog, catalogs_.Get(call.tenant(), call.deadline));
  return body({*catalog, clock_.Now(), call.identity.actor, call.identity.origin});
}

bool Records::SeesAll(const CallContext& call) {
  for (const Role role : {ROLE_MANAGER, ROLE_ADMIN, ROLE_SERVICE}) {
    if (call.identity.Has(role)) return true;
  }
  const auto catalog = catalogs_.Get(call.tenant(), call.deadline);
  if (!catalog.ok()) return false;
  const auto user = (*catalog)->users.find(call.identity.actor);
  return user != (*catalog)->users.end() && (user->second.visibility() == User::VISIBILITY_UNSPECIFIED ||
                                             user->second.visibility() == User::VISIBILITY_ALL);
}

bool Records::MaySee(const CallContext& call, const Lead& lead) {
  if (SeesAll(call) || MayEdit(call, lead)) return true;
  const auto& followers = lead.followers();
  return std::find(followers.begin(), followers.end(), call.identity.actor) != followers.end();
}

bool Records::MayEdit(const CallContext& call, const Lead& lead) {
  const std::string& actor = call.identity.actor;
  const auto& collaborators = lead.collaborators();
  if (lead.owner() == actor || std::find(collaborators.begin(), collaborators.end(), actor) != collaborators.end()) {
    return true;
  }
  const auto catalog = catalogs_.Get(call.tenant(), call.deadline);
  if (!catalog.ok()) return false;
  const auto user = (*catalog)->users.find(actor);
  const bool team = user != (*catalog)->users.end() && user->second.visibility() == User::VISIBILITY_TEAM;
  if (!team) return false;
  const auto teams = (*catalog)->teams_of_user.find(actor);
  return teams != (*catalog)->teams_of_user.end() && teams->second.contains(lead.team());
}

absl::Status Records::CheckMayEdit(const CallContext& call, const Lead& lead) {
  if (SeesAll(call) || MayEdit(call, lead)) return absl::OkStatus();
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
