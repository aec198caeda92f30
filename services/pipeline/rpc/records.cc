#include "services/pipeline/rpc/records.h"

#include <utility>

#include "common/base/error.h"
#include "common/text/email.h"
#include "common/text/phone.h"
#include "embudo/type/v1/activity.pb.h"
#include "embudo/type/v1/contact.pb.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using resource::Rules;
using namespace type::v1;  // NOLINT(google-build-using-namespace): the resources and their events

absl::Status CheckFilter(const std::string& text, const filter::Schema& schema, const std::string& field) {
  return filter::Filter::Compile(text, schema, {}, field).status();
}

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
      activities_(storage::ActivityTable(), ActivityRules(), pool, writer_, clock) {
  writer_.OnCommit([this, on_commit = std::move(on_commit)](const std::string& tenant, const resource::Table& table) {
    const bool configuration =
        &table != &storage::LeadTable() && &table != &storage::ContactTable() && &table != &storage::ActivityTable();
    if (configuration) catalogs_.Forget(tenant);
    on_commit();
  });
  for (resource::Resource* resource : {&leads_, &activities_, &contacts_, &teams_, &memberships_, &stages_}) {
    resource->SetResolver([this](const CallContext& call) { return ResolverOf(call); });
  }
}

Rules Records::ConfigurationRules(EventType created, EventType updated, EventType deleted,
                                  std::vector<Rules::ReferencedBy> referenced_by) {
  Rules rules;
  rules.created = created;
  rules.updated = updated;
  rules.deleted = deleted;
  rules.referenced_by = std::move(referenced_by);
  return rules;
}

Rules Records::PipelineRules() {
  return ConfigurationRules(EVENT_TYPE_PIPELINE_CREATED, EVENT_TYPE_PIPELINE_UPDATED, EVENT_TYPE_PIPELINE_DELETED,
                            {{"pipeline.lead", {"pipeline_id"}, "leads"}, {"pipeline.team", {"pipeline_id"}, "teams"}});
}

Rules Records::StageRules() {
  Rules rules = ConfigurationRules(EVENT_TYPE_STAGE_CREATED, EVENT_TYPE_STAGE_UPDATED, EVENT_TYPE_STAGE_DELETED,
                                   {{"pipeline.lead", {"pipeline_id", "stage_id"}, "leads"}});
  rules.default_order = "sequence";
  rules.prepare = [this](const CallContext& call, Message& after, const Message*) -> absl::Status {
    const auto& stage = static_cast<const Stage&>(after);
    EMBUDO_ASSIGN_OR_RETURN(const auto catalog, catalogs_.Get(call.tenant(), call.deadline));
    const std::string pipeline = logic::Catalog::PipelineOf(stage.name());
    if (!catalog->pipelines.contains(pipeline)) return NotFound("embudo.dev/Pipeline", pipeline);
    for (int i = 0; i < stage.exit_criteria_size(); ++i) {
      const std::string field = "stage.exit_criteria[" + std::to_string(i) + "].filter";
      EMBUDO_RETURN_IF_ERROR(CheckFilter(stage.exit_criteria(i).filter(), leads_.schema(), field));
    }
    for (const std::string& path : stage.required_fields()) {
      if (Lead::descriptor()->FindFieldByName(path) == nullptr) {
        return InvalidField("stage.required_fields", "a lead has no field \"" + path + "\"");
      }
    }
    if (stage.max_days() != 0 && stage.max_days() < stage.min_days()) {
      return InvalidField("stage.max_days", "is less than min_days");
    }
    return absl::OkStatus();
  };
  return rules;
}

Rules Records::TeamRules() {
  Rules rules = ConfigurationRules(EVENT_TYPE_TEAM_CREATED, EVENT_TYPE_TEAM_UPDATED, EVENT_TYPE_TEAM_DELETED,
                                   {{"pipeline.lead", {"team_id"}, "leads"},
                                    {"pipeline.membership", {"team_id"}, "memberships"},
                                    {"pipeline.team", {"parent_id"}, "teams"}});
  rules.prepare = [this](const CallContext& call, Message& after, const Message*) -> absl::Status {
    auto& team = static_cast<Team&>(after);
    if (team.pipeline().empty()) team.set_pipeline(logic::kDefaultPipeline);
    EMBUDO_ASSIGN_OR_RETURN(const auto catalog, catalogs_.Get(call.tenant(), call.deadline));
    if (!catalog->pipelines.contains(team.pipeline())) {
      return InvalidField("team.pipeline", "there is no " + team.pipeline());
    }
    if (!team.manager().empty() && !catalog->users.contains(team.manager())) {
      return InvalidField("team.manager", "there is no " + team.manager());
    }
    if (!team.parent().empty() && (team.parent() == team.name() || !catalog->teams.contains(team.parent()))) {
      return InvalidField("team.parent", "there is no other " + team.parent());
    }
    return absl::OkStatus();
  };
  return rules;
}

Rules Records::MembershipRules() {
  Rules rules = ConfigurationRules(EVENT_TYPE_MEMBERSHIP_CREATED, EVENT_TYPE_MEMBERSHIP_UPDATED,
                                   EVENT_TYPE_MEMBERSHIP_DELETED, {});
  rules.prepare = [this](const CallContext& call, Message& after, const Message* before) -> absl::Status {
    auto& membership = static_cast<Membership&>(after);
    if (before == nullptr && membership.capacity() == 0) membership.set_capacity(30);
    EMBUDO_RETURN_IF_ERROR(
        CheckFilter(membership.assignment_filter(), leads_.schema(), "membership.assignment_filter"));
    EMBUDO_ASSIGN_OR_RETURN(const auto catalog, catalogs_.Get(call.tenant(), call.deadline));
    const std::string team = membership.name().substr(0, membership.name().find("/memberships/"));
    if (!catalog->teams.contains(team)) return NotFound("embudo.dev/Team", team);
    if (!catalog->users.contains(membership.user())) {
      return InvalidField("membership.user", "there is no " + membership.user());
    }
    return absl::OkStatus();
  };
  return rules;
}

Rules Records::ContactRules() {
  Rules rules;
  rules.created = EVENT_TYPE_CONTACT_CREATED;
  rules.updated = EVENT_TYPE_CONTACT_UPDATED;
  rules.deleted = EVENT_TYPE_CONTACT_DELETED;
  rules.default_order = "display_name";
  rules.case_insensitive = {"email"};
  rules.referenced_by = {{"pipeline.lead", {"contact_id"}, "leads"},
                         {"pipeline.lead", {"company_id"}, "leads"},
                         {"pipeline.contact", {"company_id"}, "contacts"}};
  rules.prepare = [this](const CallContext& call, Message& after, const Message*) -> absl::Status {
    auto& contact = static_cast<Contact&>(after);
    if (contact.kind() == Contact::KIND_UNSPECIFIED) contact.set_kind(Contact::KIND_PERSON);
    EMBUDO_ASSIGN_OR_RETURN(const auto catalog, catalogs_.Get(call.tenant(), call.deadline));
    if (!contact.email().empty()) {
      auto email = text::NormaliseEmail(contact.email());
      if (!email.ok()) return InvalidField("contact.email", MessageOf(email.status()));
      contact.set_email(*email);
    }
    contact.set_phone(text::NormalisePhone(contact.phone(), catalog->tenant.region_code()));
    if (contact.has_annual_revenue() && contact.annual_revenue().currency_code().empty()) {
      contact.mutable_annual_revenue()->set_currency_code(catalog->tenant.currency_code());
    }
    if (contact.company().empty()) return absl::OkStatus();
    absl::StatusOr<resource::Record> company = contacts_.Load(call, contact.company());
    if (!company.ok()) return InvalidField("contact.company", "there is no " + contact.company());
    return absl::OkStatus();
  };
  return rules;
}

Rules Records::LeadRules() {
  Rules rules;
  rules.created = EVENT_TYPE_LEAD_CREATED;
  rules.updated = EVENT_TYPE_LEAD_UPDATED;
  rules.deleted = EVENT_TYPE_LEAD_DELETED;
  rules.default_order = "create_time desc";
  rules.case_insensitive = {"email", "source", "medium", "campaign"};
  rules.visible = [this](const CallContext& call, const Message& record) {
    return MaySee(call, static_cast<const Lead&>(record));
  };
  rules.prepare = [this](const CallContext& call, Message& after, const Message* before) -> absl::Status {
    auto& lead = static_cast<Lead&>(after);
    return WithScene(call, [&](const logic::Scene& scene) -> absl::Status {
      const auto* old = static_cast<const Lead*>(before);
      EMBUDO_RETURN_IF_ERROR(old == nullptr ? logic::PrepareNew(scene, lead)
                                            : logic::PrepareChanged(scene, *old, lead));
      // What is known of the contact and the company flows into what the lead leaves open.
      for (const auto& [field, name, same] :
           {std::tuple("lead.contact", lead.contact(), old != nullptr && old->contact() == lead.contact()),
            std::tuple("lead.company", lead.company(), old != nullptr && old->company() == lead.company())}) {
        if (name.empty() || same) continue;
        absl::StatusOr<resource::Record> loaded = contacts_.Load(call, name);
        if (!loaded.ok()) return InvalidField(field, "there is no " + name);
        logic::FillFromContact(static_cast<const Contact&>(*loaded->message), lead);
      }
      return absl::OkStatus();
    });
  };
  return rules;
}

Rules Records::ActivityRules() {
  Rules rules;
  rules.created = EVENT_TYPE_ACTIVITY_CREATED;
  rules.updated = EVENT_TYPE_ACTIVITY_UPDATED;
  rules.deleted = EVENT_TYPE_ACTIVITY_DELETED;
  rules.default_order = "due_date";
  // What is planned on a lead is seen by who sees the lead.
  rules.visible = [this](const CallContext& call, const Message& record) {
    const std::string name = resource::NameOf(record);
    return SeesAll(call) || leads_.Load(call, name.substr(0, name.find("/activities/")), true).ok();
  };
  rules.partition_key = [](const Message& record) { return storage::ActivityTable().IdsOf(record)[0]; };
  rules.prepare = [this](const CallContext& call, Message& after, const Message* before) -> absl::Status {
    auto& activity = static_cast<Activity&>(after);
    const std::string lead_name = activity.name().substr(0, activity.name().find("/activities/"));
    EMBUDO_ASSIGN_OR_RETURN(const resource::Record lead, leads_.Load(call, lead_name));
    if (activity.type() == Activity::TYPE_UNSPECIFIED) activity.set_type(Activity::TYPE_TODO);
    if (before == nullptr) {
      activity.set_state(Activity::STATE_PLANNED);
      if (activity.assignee().empty()) activity.set_assignee(static_cast<const Lead&>(*lead.message).owner());
    }
    EMBUDO_ASSIGN_OR_RETURN(const auto catalog, catalogs_.Get(call.tenant(), call.deadline));
    const bool kept = before != nullptr && activity.assignee() == static_cast<const Activity*>(before)->assignee();
    if (!kept && !activity.assignee().empty() && !catalog->users.contains(activity.assignee())) {
      return InvalidField("activity.assignee", "there is no " + activity.assignee());
    }
    return absl::OkStatus();
  };
  return rules;
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
  if (SeesAll(call) || lead.owner() == call.identity.actor) return true;
  const auto catalog = catalogs_.Get(call.tenant(), call.deadline);
  if (!catalog.ok()) return false;
  const auto user = (*catalog)->users.find(call.identity.actor);
  const bool team = user != (*catalog)->users.end() && user->second.visibility() == User::VISIBILITY_TEAM;
  if (!team) return false;
  const auto teams = (*catalog)->teams_of_user.find(call.identity.actor);
  return teams != (*catalog)->teams_of_user.end() && teams->second.contains(lead.team());
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
