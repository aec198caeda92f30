// Rules of what a tenant is set up with: pipelines, stages, teams, users and catalogues.

#include <algorithm>

#include "common/base/error.h"
#include "common/base/money.h"
#include "common/filter/filter.h"
#include "services/pipeline/logic/custom_fields.h"
#include "services/pipeline/logic/exit_criteria.h"
#include "services/pipeline/logic/money_rules.h"
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

/// More are hard to tell apart, and slow every deal down.
constexpr size_t kUsualStages = 7;

void WarnOfManyStages(const logic::Catalog& catalog, const std::string& pipeline,
                      google::protobuf::RepeatedPtrField<std::string>* warnings) {
  const size_t stages = catalog.StagesOf(pipeline).size();
  if (stages <= kUsualStages) return;
  warnings->Add("has " + std::to_string(stages) + " stages; more than " + std::to_string(kUsualStages) +
                " are unusual");
}

constexpr char kInTheWay[] =
    "SELECT EXISTS (SELECT FROM pipeline.lead WHERE tenant_id = $1 AND pipeline_id = $2 AND stage_id = $3"
    " AND state <> 'LOST' AND delete_time IS NULL),"
    " EXISTS (SELECT FROM pipeline.lead WHERE tenant_id = $1 AND pipeline_id = $2 AND state = 'OPEN'"
    " AND delete_time IS NULL)";

/// Whether a stage may become a won one, or cease to be one: its leads are won or not with it, and the open ones of the
/// pipeline must have one to go to.
absl::Status CheckWonChanges(db::Pool& pool, const CallContext& call, const logic::Catalog& catalog,
                             const Stage& before, const Stage& stage) {
  const bool goes = stage.has_delete_time();
  if (before.is_won() == stage.is_won() && !(goes && before.is_won())) return absl::OkStatus();
  const std::string pipeline = logic::Catalog::PipelineOf(stage.name());
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool, call.tenant(), call.deadline, kInTheWay,
                                   db::Params::Of(call.tenant(), pipeline.substr(pipeline.find('/') + 1),
                                                  stage.name().substr(stage.name().rfind('/') + 1))));
  if (!goes && rows[0].Bool(0)) {
    const std::string text = "open or won leads are in " + stage.name();
    return Error(absl::StatusCode::kFailedPrecondition, "RESOURCE_IN_USE", "is_won can't change: " + text)
        .Meta("resource", stage.name())
        .Meta("referred_by", "leads")
        .Violation("REFERENCE", stage.name(), text);
  }
  const auto& stages = catalog.StagesOf(pipeline);
  const bool last = before.is_won() && std::none_of(stages.begin(), stages.end(), [&](const Stage& other) {
                      return other.is_won() && other.name() != stage.name();
                    });
  if (!last || !rows[0].Bool(1)) return absl::OkStatus();
  const std::string text = pipeline + " has open leads, and no other won stage";
  return Error(absl::StatusCode::kFailedPrecondition, "LAST_WON_STAGE", text)
      .Meta("resource", stage.name())
      .Violation("WON_STAGE", stage.name(), text);
}

constexpr char kSameTarget[] =
    "SELECT target_id FROM pipeline.target WHERE tenant_id = $1 AND coalesce(team_id, '') = $2"
    " AND coalesce(user_id, '') = $3 AND period = $4 AND start_date = $5::date AND delete_time IS NULL";

/// Whether the team or user of a new target is there and has none for the period yet.
absl::Status CheckNewTarget(db::Pool& pool, const CallContext& call, const logic::Catalog& catalog,
                            const Target& target) {
  if (!target.team().empty() && !catalog.teams.contains(target.team())) {
    return InvalidField("target.team", "there is no " + target.team());
  }
  if (!target.user().empty() && !catalog.users.contains(target.user())) {
    return InvalidField("target.user", "there is no " + target.user());
  }
  const auto id = [](const std::string& name) { return name.substr(name.find('/') + 1); };
  const std::string period = resource::ShortName(Target::Period_descriptor()->FindValueByNumber(target.period()));
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool, call.tenant(), call.deadline, kSameTarget,
                                   db::Params::Of(call.tenant(), target.team().empty() ? "" : id(target.team()),
                                                  target.user().empty() ? "" : id(target.user()), period,
                                                  FormatDate(target.start_date()))));
  if (rows.empty()) return absl::OkStatus();
  const std::string other = "targets/" + std::string(rows[0].Text(0));
  return Error(absl::StatusCode::kAlreadyExists, "RESOURCE_EXISTS",
               other + " is the one of " + target.team() + target.user() + " from " + FormatDate(target.start_date()))
      .Meta("resource", other)
      .Resource("embudo.dev/Target", other);
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
  Rules rules =
      ConfigurationRules(EVENT_TYPE_PIPELINE_CREATED, EVENT_TYPE_PIPELINE_UPDATED, EVENT_TYPE_PIPELINE_DELETED,
                         {{"pipeline.lead", {"pipeline_id"}, "leads"},
                          {"pipeline.team", {"pipeline_id"}, "teams"},
                          {"pipeline.stage", {"pipeline_id"}, "stages"}});
  rules.derive = [this](const CallContext& call, Message& record) {
    auto& pipeline = static_cast<Pipeline&>(record);
    const auto catalog = catalogs_.Get(call.tenant(), call.deadline);
    pipeline.clear_warnings();
    if (!catalog.ok() || pipeline.has_delete_time()) return;
    WarnOfManyStages(**catalog, pipeline.name(), pipeline.mutable_warnings());
    const bool stuck =
        (*catalog)->FirstStage(pipeline.name()) != nullptr && (*catalog)->WonStage(pipeline.name()) == nullptr;
    if (stuck) pipeline.add_warnings("has no won stage; nothing in it can be won");
  };
  return rules;
}

Rules Records::StageRules() {
  Rules rules = ConfigurationRules(EVENT_TYPE_STAGE_CREATED, EVENT_TYPE_STAGE_UPDATED, EVENT_TYPE_STAGE_DELETED,
                                   {{"pipeline.lead", {"pipeline_id", "stage_id"}, "leads"}});
  rules.default_order = "sequence";
  rules.prepare = [this](const CallContext& call, Message& after, const Message* before) -> absl::Status {
    const auto& stage = static_cast<const Stage&>(after);
    EMBUDO_ASSIGN_OR_RETURN(const auto catalog, catalogs_.Get(call.tenant(), call.deadline));
    if (before != nullptr) {
      EMBUDO_RETURN_IF_ERROR(CheckWonChanges(pool_, call, *catalog, static_cast<const Stage&>(*before), stage));
    }
    if (stage.has_delete_time()) return absl::OkStatus();
    const std::string pipeline = logic::Catalog::PipelineOf(stage.name());
    if (!catalog->pipelines.contains(pipeline)) return NotFound("embudo.dev/Pipeline", pipeline);
    return logic::CheckStage(*catalog, leads_.schema(), stage);
  };
  rules.derive = [this](const CallContext& call, Message& record) {
    auto& stage = static_cast<Stage&>(record);
    const auto catalog = catalogs_.Get(call.tenant(), call.deadline);
    stage.clear_warnings();
    if (!catalog.ok() || stage.has_delete_time()) return;
    WarnOfManyStages(**catalog, logic::Catalog::PipelineOf(stage.name()), stage.mutable_warnings());
  };
  return rules;
}

Rules Records::TeamRules() {
  Rules rules = ConfigurationRules(EVENT_TYPE_TEAM_CREATED, EVENT_TYPE_TEAM_UPDATED, EVENT_TYPE_TEAM_DELETED,
                                   {{"pipeline.lead", {"team_id"}, "leads"},
                                    {"pipeline.membership", {"team_id"}, "memberships"},
                                    {"pipeline.team", {"parent_id"}, "teams"},
                                    {"pipeline.target", {"team_id"}, "targets"}});
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
  Rules rules = ConfigurationRules(EVENT_TYPE_TARGET_CREATED, EVENT_TYPE_TARGET_UPDATED, EVENT_TYPE_TARGET_DELETED, {});
  rules.default_order = "start_date";
  rules.prepare = [this](const CallContext& call, Message& after, const Message* before) -> absl::Status {
    auto& target = static_cast<Target&>(after);
    EMBUDO_ASSIGN_OR_RETURN(const auto catalog, catalogs_.Get(call.tenant(), call.deadline));
    EMBUDO_RETURN_IF_ERROR(logic::PrepareTarget(*catalog, target));
    // Whose it is, and when, never changes.
    return before == nullptr ? CheckNewTarget(pool_, call, *catalog, target) : absl::OkStatus();
  };
  return rules;
}

Rules Records::CustomFieldRules() {
  Rules rules = ConfigurationRules(EVENT_TYPE_CUSTOM_FIELD_CREATED, EVENT_TYPE_CUSTOM_FIELD_UPDATED,
                                   EVENT_TYPE_CUSTOM_FIELD_DELETED, {});
  rules.default_order = "key";
  rules.prepare = [this](const CallContext& call, Message& after, const Message* before) -> absl::Status {
    auto& field = static_cast<CustomField&>(after);
    if (field.target() == CustomField::TARGET_UNSPECIFIED) field.set_target(CustomField::TARGET_LEAD);
    EMBUDO_ASSIGN_OR_RETURN(const auto catalog, catalogs_.Get(call.tenant(), call.deadline));
    return logic::CheckCustomField(*catalog, static_cast<const CustomField*>(before), field);
  };
  return rules;
}

Rules Records::ExchangeRateRules() {
  Rules rules = ConfigurationRules(EVENT_TYPE_EXCHANGE_RATE_CREATED, EVENT_TYPE_EXCHANGE_RATE_UPDATED,
                                   EVENT_TYPE_EXCHANGE_RATE_DELETED, {});
  rules.default_order = "currency_code, start_date";
  rules.prepare = [this](const CallContext& call, Message& after, const Message* before) -> absl::Status {
    EMBUDO_ASSIGN_OR_RETURN(const auto catalog, catalogs_.Get(call.tenant(), call.deadline));
    return logic::CheckExchangeRate(*catalog, static_cast<const ExchangeRate*>(before),
                                    static_cast<const ExchangeRate&>(after));
  };
  return rules;
}

}  // namespace embudo::pipeline::rpc
