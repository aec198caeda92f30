// Rules of what a tenant is set up with: pipelines, stages, teams, users and catalogues.

#include "common/base/error.h"
#include "common/filter/filter.h"
#include "services/pipeline/rpc/records.h"

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

Rules Records::TargetRules() {
  return ConfigurationRules(EVENT_TYPE_TARGET_CREATED, EVENT_TYPE_TARGET_UPDATED, EVENT_TYPE_TARGET_DELETED, {});
}

Rules Records::CustomFieldRules() {
  return ConfigurationRules(EVENT_TYPE_CUSTOM_FIELD_CREATED, EVENT_TYPE_CUSTOM_FIELD_UPDATED,
                            EVENT_TYPE_CUSTOM_FIELD_DELETED, {});
}

Rules Records::ExchangeRateRules() {
  return ConfigurationRules(EVENT_TYPE_EXCHANGE_RATE_CREATED, EVENT_TYPE_EXCHANGE_RATE_UPDATED,
                            EVENT_TYPE_EXCHANGE_RATE_DELETED, {});
}

}  // namespace embudo::pipeline::rpc
