#include "services/pipeline/logic/lead_rules.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"
#include "common/resource/change.h"
#include "common/text/email.h"
#include "common/text/phone.h"
#include "services/pipeline/logic/conversion.h"
#include "services/pipeline/logic/custom_fields.h"
#include "services/pipeline/logic/exit_criteria.h"
#include "services/pipeline/logic/utm_rules.h"

namespace embudo::pipeline::logic {
namespace {

using type::v1::Lead;
using type::v1::Stage;

absl::Status Unknown(const std::string& field, const std::string& name) {
  return InvalidField(field, "there is no " + name);
}

absl::Status NotOpen(const Lead& lead) {
  const std::string state = lead.state() == Lead::STATE_WON ? "won" : "lost";
  return Error(absl::StatusCode::kFailedPrecondition, "LEAD_NOT_OPEN", lead.name() + " is " + state)
      .Meta("lead", lead.name())
      .Meta("state", state)
      .Violation("STATE", lead.name(), "is " + state + ", not open");
}

absl::Status NotInPipeline(const Lead& lead) {
  return Error(absl::StatusCode::kFailedPrecondition, "LEAD_NOT_CONVERTED", lead.name() + " is no opportunity yet")
      .Meta("lead", lead.name())
      .Violation("KIND", lead.name(), "is an unqualified lead and has no stage");
}

absl::Status Normalise(const Scene& scene, const Lead* before, Lead& lead) {
  if (!lead.email().empty()) {
    auto email = text::NormaliseEmail(lead.email());
    if (!email.ok()) return InvalidField("lead.email", MessageOf(email.status()));
    lead.set_email(*email);
  }
  if (!lead.phone().empty()) lead.set_phone(text::NormalisePhone(lead.phone(), scene.catalog.tenant.region_code()));
  lead.set_source(UtmCode(lead.source()));
  lead.set_medium(UtmCode(lead.medium()));
  lead.set_campaign(UtmCode(lead.campaign()));
  for (google::type::Money* amount : {lead.has_budget() ? lead.mutable_budget() : nullptr,
                                      lead.has_expected_revenue() ? lead.mutable_expected_revenue() : nullptr,
                                      lead.has_recurring_revenue() ? lead.mutable_recurring_revenue() : nullptr}) {
    if (amount != nullptr && amount->currency_code().empty()) {
      amount->set_currency_code(scene.catalog.tenant.currency_code());
    }
  }
  lead.set_probability(std::round(lead.probability() * 100) / 100);
  return ConvertAmounts(scene, before, lead);
}

absl::Status CheckReferences(const Scene& scene, const Lead* before, Lead& lead) {
  const Catalog& catalog = scene.catalog;
  if (!lead.owner().empty() && !catalog.users.contains(lead.owner())) return Unknown("lead.owner", lead.owner());
  lead.clear_office();
  if (!lead.team().empty()) {
    const auto team = catalog.teams.find(lead.team());
    if (team == catalog.teams.end()) return Unknown("lead.team", lead.team());
    lead.set_office(team->second.office());
  }
  for (const std::string& tag : lead.tags()) {
    if (!catalog.tags.contains(tag)) return Unknown("lead.tags", tag);
  }
  for (const std::string& product : lead.products()) {
    if (!catalog.products.contains(product)) return Unknown("lead.products", product);
  }
  return CheckCustomFields(catalog.lead_fields, scene.origin, "lead.custom_fields",
                           before == nullptr ? nullptr : &before->custom_fields(), *lead.mutable_custom_fields());
}

std::string PipelineFor(const Scene& scene, const Lead& lead) {
  const auto team = scene.catalog.teams.find(lead.team());
  const bool own = team != scene.catalog.teams.end() && !team->second.pipeline().empty();
  return own ? team->second.pipeline() : kDefaultPipeline;
}

void EnterStage(const Scene& scene, const Stage& stage, Lead& lead) {
  lead.set_stage(stage.name());
  lead.set_pipeline(Catalog::PipelineOf(stage.name()));
  *lead.mutable_stage_enter_time() = ToTimestamp(scene.now);
}

absl::Status PlaceNew(const Scene& scene, Lead& lead) {
  if (lead.kind() == Lead::KIND_LEAD) {
    if (!lead.stage().empty()) return InvalidField("lead.stage", "an unqualified lead has no stage");
    if (lead.lead_status() == Lead::LEAD_STATUS_UNSPECIFIED) lead.set_lead_status(Lead::LEAD_STATUS_NEW);
    return absl::OkStatus();
  }
  lead.set_kind(Lead::KIND_OPPORTUNITY);
  lead.clear_lead_status();
  const std::string pipeline = PipelineFor(scene, lead);
  const Stage* stage =
      lead.stage().empty() ? scene.catalog.FirstStage(pipeline) : scene.catalog.FindStage(lead.stage());
  if (stage == nullptr) {
    return lead.stage().empty() ? InvalidField("lead.team", pipeline + " has no stage")
                                : Unknown("lead.stage", lead.stage());
  }
  if (!lead.team().empty() && Catalog::PipelineOf(stage->name()) != pipeline) {
    return InvalidField("lead.stage", "is not in " + pipeline + ", which " + lead.team() + " uses");
  }
  if (stage->is_won() && lead.state() != Lead::STATE_WON) {
    return InvalidField("lead.stage", "a won stage is reached by WinLead");
  }
  const auto entered = lead.stage_enter_time();
  EnterStage(scene, *stage, lead);
  if (entered.seconds() != 0) *lead.mutable_stage_enter_time() = entered;
  return absl::OkStatus();
}

absl::Status Close(const Scene& scene, const google::type::Money* revenue, const Passage& passage,
                   const filter::Schema& schema, Lead& lead) {
  const Stage* won = scene.catalog.WonStage(lead.pipeline());
  if (won == nullptr) {
    return Error(absl::StatusCode::kFailedPrecondition, "NO_WON_STAGE", lead.pipeline() + " has no won stage")
        .Violation("PIPELINE", lead.pipeline(), "has no won stage");
  }
  EMBUDO_RETURN_IF_ERROR(LeaveStage(scene, passage, schema, lead));
  EnterStage(scene, *won, lead);
  if (revenue != nullptr) *lead.mutable_expected_revenue() = *revenue;
  lead.set_state(Lead::STATE_WON);
  lead.set_probability(100);
  *lead.mutable_close_time() = ToTimestamp(scene.now);
  return absl::OkStatus();
}

// What an import moves forwards leaves its stage without being stopped.
absl::Status RecordImportedMove(const Scene& scene, const filter::Schema& schema, const Lead* before, Lead& lead) {
  Lead leaving = lead;
  if (before != nullptr) {
    leaving.set_stage(before->stage());
    leaving.set_pipeline(before->pipeline());
    *leaving.mutable_stage_enter_time() = before->stage_enter_time();
  } else {
    leaving.set_pipeline(Catalog::PipelineOf(lead.stage()));
  }
  const Stage* from = scene.catalog.FindStage(leaving.stage());
  const Stage* to = lead.state() == Lead::STATE_WON ? scene.catalog.WonStage(leaving.pipeline())
                                                    : scene.catalog.FindStage(lead.stage());
  // Stages of one pipeline stand in one array.
  const bool forwards = from != nullptr && to != nullptr &&
                        Catalog::PipelineOf(from->name()) == Catalog::PipelineOf(to->name()) && from < to;
  if (!forwards) return absl::OkStatus();
  EMBUDO_RETURN_IF_ERROR(LeaveStage(scene, {.always = true}, schema, leaving));
  *lead.mutable_unmet_criteria() = leaving.unmet_criteria();
  lead.clear_override_reason();
  return absl::OkStatus();
}

}  // namespace

absl::Status PrepareNew(const Scene& scene, Lead& lead) {
  EMBUDO_RETURN_IF_ERROR(Normalise(scene, nullptr, lead));
  EMBUDO_RETURN_IF_ERROR(CheckReferences(scene, nullptr, lead));
  EMBUDO_RETURN_IF_ERROR(PlaceNew(scene, lead));
  if (lead.state() == Lead::STATE_UNSPECIFIED) lead.set_state(Lead::STATE_OPEN);
  if (lead.channel() == Lead::CHANNEL_UNSPECIFIED) lead.set_channel(Lead::CHANNEL_API);
  if (!lead.has_open_time()) {
    // An imported deal that closed before its record was made began by then at the latest.
    const bool closed_before =
        lead.has_close_time() && FromTimestamp(lead.close_time()) < FromTimestamp(lead.create_time());
    *lead.mutable_open_time() = closed_before ? lead.close_time() : lead.create_time();
  }
  if (!lead.owner().empty() && !lead.has_assign_time()) *lead.mutable_assign_time() = lead.create_time();
  if (scene.IsPerson()) *lead.mutable_last_touch_time() = ToTimestamp(scene.now);
  if (lead.state() == Lead::STATE_OPEN && lead.probability() > 0) lead.set_manual_probability(true);
  if (lead.priority() > 0) {
    lead.set_priority_source(scene.origin == type::v1::ORIGIN_AUTOMATION ? Lead::PRIORITY_SOURCE_RULE
                                                                         : Lead::PRIORITY_SOURCE_PERSON);
  }
  return absl::OkStatus();
}

absl::Status PrepareChanged(const Scene& scene, const Lead& before, Lead& lead) {
  EMBUDO_RETURN_IF_ERROR(Normalise(scene, &before, lead));
  EMBUDO_RETURN_IF_ERROR(CheckReferences(scene, &before, lead));
  if (lead.team() != before.team() && lead.kind() == Lead::KIND_OPPORTUNITY && !lead.team().empty() &&
      PipelineFor(scene, lead) != lead.pipeline()) {
    return InvalidField(
        "lead.team", lead.team() + " uses " + PipelineFor(scene, lead) + ", the opportunity is in " + lead.pipeline());
  }
  if (lead.state() == Lead::STATE_OPEN) {
    if (lead.probability() != before.probability() && before.state() == Lead::STATE_OPEN &&
        lead.manual_probability() == before.manual_probability()) {
      lead.set_manual_probability(true);
    }
    if (!lead.manual_probability()) lead.set_probability(lead.automated_probability());
  } else {
    lead.set_probability(lead.state() == Lead::STATE_WON ? 100 : 0);
  }
  if (lead.priority() != before.priority()) {
    const auto source =
        scene.origin == type::v1::ORIGIN_AUTOMATION ? Lead::PRIORITY_SOURCE_RULE : Lead::PRIORITY_SOURCE_PERSON;
    if (source < before.priority_source()) {
      lead.set_priority(before.priority());  // a rule never overwrites a person
    } else {
      lead.set_priority_source(source);
    }
  }
  // A call that changes nothing is no touch, and so stays one that changes nothing.
  if (scene.IsPerson() && !resource::ChangedFields(before, lead).empty()) {
    *lead.mutable_last_touch_time() = ToTimestamp(scene.now);
  }
  return absl::OkStatus();
}

void FillFromContact(const type::v1::Contact& contact, Lead& lead) {
  const bool person = contact.kind() == type::v1::Contact::KIND_PERSON;
  const auto fill = [](const std::string& value, const std::string& present, auto set) {
    if (present.empty() && !value.empty()) set(value);
  };
  if (person) {
    fill(contact.display_name(), lead.contact_name(), [&](const std::string& v) { lead.set_contact_name(v); });
    fill(contact.job_title(), lead.job_title(), [&](const std::string& v) { lead.set_job_title(v); });
    fill(contact.email(), lead.email(), [&](const std::string& v) { lead.set_email(v); });
    fill(contact.phone(), lead.phone(), [&](const std::string& v) { lead.set_phone(v); });
  } else {
    fill(contact.display_name(), lead.company_name(), [&](const std::string& v) { lead.set_company_name(v); });
    fill(contact.website(), lead.website(), [&](const std::string& v) { lead.set_website(v); });
  }
  fill(contact.industry(), lead.industry(), [&](const std::string& v) { lead.set_industry(v); });
  fill(contact.country(), lead.country(), [&](const std::string& v) { lead.set_country(v); });
  if (lead.headcount() == 0) lead.set_headcount(contact.headcount());
}

absl::Status Move(const Scene& scene, const std::string& stage, const std::string& override_reason,
                  const filter::Schema& schema, Lead& lead) {
  if (lead.kind() != Lead::KIND_OPPORTUNITY) return NotInPipeline(lead);
  if (lead.state() != Lead::STATE_OPEN) return NotOpen(lead);
  if (stage == lead.stage()) return absl::OkStatus();
  const Stage* to = scene.catalog.FindStage(stage);
  if (to == nullptr) return Unknown("stage", stage);
  if (Catalog::PipelineOf(stage) != lead.pipeline()) {
    return InvalidField("stage", "is in another pipeline than the opportunity, which is in " + lead.pipeline());
  }
  if (to->is_won()) return InvalidField("stage", "a won stage is reached by WinLead");
  EMBUDO_RETURN_IF_ERROR(LeaveFor(scene, *to, {.override_reason = override_reason}, schema, lead));
  EnterStage(scene, *to, lead);
  return absl::OkStatus();
}

absl::Status Win(const Scene& scene, const google::type::Money* revenue, const std::string& override_reason,
                 const filter::Schema& schema, Lead& lead) {
  if (lead.kind() != Lead::KIND_OPPORTUNITY) return NotInPipeline(lead);
  if (lead.state() != Lead::STATE_OPEN) return NotOpen(lead);
  return Close(scene, revenue, {.override_reason = override_reason}, schema, lead);
}

absl::Status WinByOrder(const Scene& scene, const google::type::Money* revenue, const filter::Schema& schema,
                        Lead& lead) {
  if (lead.kind() != Lead::KIND_OPPORTUNITY) return NotInPipeline(lead);
  if (lead.state() == Lead::STATE_WON) return absl::OkStatus();
  if (lead.state() != Lead::STATE_OPEN) return NotOpen(lead);
  return Close(scene, revenue, {.always = true}, schema, lead);
}

absl::Status Lose(const Scene& scene, const std::string& lost_reason, const std::string& lost_note, Lead& lead) {
  if (lead.state() != Lead::STATE_OPEN) return NotOpen(lead);
  if (!lost_reason.empty() && !scene.catalog.lost_reasons.contains(lost_reason)) {
    return Unknown("lost_reason", lost_reason);
  }
  lead.set_state(Lead::STATE_LOST);
  lead.set_probability(0);
  lead.set_lost_reason(lost_reason);
  lead.set_lost_note(lost_note);
  *lead.mutable_close_time() = ToTimestamp(scene.now);
  return absl::OkStatus();
}

absl::Status Restore(const Scene& scene, Lead& lead) {
  if (lead.state() == Lead::STATE_OPEN) {
    return Error(absl::StatusCode::kFailedPrecondition, "LEAD_OPEN", lead.name() + " is open")
        .Violation("STATE", lead.name(), "is open already");
  }
  // The stage that a deal was lost in may have become a won one since.
  const Stage* stage = scene.catalog.FindStage(lead.stage());
  if (lead.state() == Lead::STATE_WON || (stage != nullptr && stage->is_won())) {
    const Stage* last = nullptr;
    for (const Stage& other : scene.catalog.StagesOf(lead.pipeline())) {
      if (!other.is_won()) last = &other;
    }
    if (last != nullptr) EnterStage(scene, *last, lead);
  }
  lead.set_state(Lead::STATE_OPEN);
  lead.clear_close_time();
  lead.clear_lost_reason();
  lead.clear_lost_note();
  lead.clear_unmet_criteria();
  lead.clear_override_reason();
  lead.set_manual_probability(false);
  lead.set_probability(lead.automated_probability());
  return absl::OkStatus();
}

absl::Status Assign(const Scene& scene, const std::string& owner, const std::string& team, bool unassign, Lead& lead) {
  if (!owner.empty() && unassign) return InvalidField("unassign", "an owner is given too");
  if (!owner.empty()) {
    const auto user = scene.catalog.users.find(owner);
    if (user == scene.catalog.users.end()) return Unknown("owner", owner);
    if (user->second.disabled()) return InvalidField("owner", owner + " is disabled");
  }
  const bool changes = unassign || (!owner.empty() && owner != lead.owner());
  if (!team.empty()) {
    if (!scene.catalog.teams.contains(team)) return Unknown("team", team);
    lead.set_team(team);
  }
  if (!changes) return absl::OkStatus();
  lead.set_owner(owner);
  *lead.mutable_assign_time() = ToTimestamp(scene.now);
  return absl::OkStatus();
}

absl::Status Convert(const Scene& scene, const std::string& stage, const std::string& owner, const std::string& team,
                     Lead& lead) {
  if (lead.kind() != Lead::KIND_LEAD) {
    return Error(absl::StatusCode::kFailedPrecondition, "LEAD_CONVERTED", lead.name() + " is an opportunity already")
        .Meta("lead", lead.name())
        .Violation("KIND", lead.name(), "is an opportunity already");
  }
  if (lead.state() != Lead::STATE_OPEN) return NotOpen(lead);
  EMBUDO_RETURN_IF_ERROR(Assign(scene, owner, team, false, lead));
  const std::string pipeline = PipelineFor(scene, lead);
  const Stage* to = stage.empty() ? scene.catalog.FirstStage(pipeline) : scene.catalog.FindStage(stage);
  if (to == nullptr) return stage.empty() ? InvalidField("team", pipeline + " has no stage") : Unknown("stage", stage);
  if (!lead.team().empty() && Catalog::PipelineOf(to->name()) != pipeline) {
    return InvalidField("stage", "is not in " + pipeline + ", which " + lead.team() + " uses");
  }
  if (to->is_won()) return InvalidField("stage", "a won stage is reached by WinLead");
  lead.set_kind(Lead::KIND_OPPORTUNITY);
  lead.clear_lead_status();
  EnterStage(scene, *to, lead);
  *lead.mutable_convert_time() = ToTimestamp(scene.now);
  return absl::OkStatus();
}

absl::Status SettleImported(const Scene& scene, const filter::Schema& schema, const Lead* before, Lead& lead) {
  if (lead.state() == Lead::STATE_UNSPECIFIED) lead.set_state(Lead::STATE_OPEN);
  EMBUDO_RETURN_IF_ERROR(RecordImportedMove(scene, schema, before, lead));
  const Stage* stage = scene.catalog.FindStage(lead.stage());
  if (lead.state() != Lead::STATE_WON && stage != nullptr && stage->is_won()) {
    return InvalidField("lead.stage", "a won stage holds won opportunities only");
  }
  if (lead.state() == Lead::STATE_OPEN) {
    lead.clear_close_time();
    lead.clear_lost_reason();
    lead.clear_lost_note();
    return absl::OkStatus();
  }
  if (!lead.lost_reason().empty() && !scene.catalog.lost_reasons.contains(lead.lost_reason())) {
    return Unknown("lead.lost_reason", lead.lost_reason());
  }
  if (!lead.has_close_time()) *lead.mutable_close_time() = ToTimestamp(scene.now);
  if (lead.has_open_time() && FromTimestamp(lead.open_time()) > FromTimestamp(lead.close_time())) {
    return InvalidField("lead.close_time", "is before open_time");
  }
  lead.set_probability(lead.state() == Lead::STATE_WON ? 100 : 0);
  if (lead.state() != Lead::STATE_WON) return absl::OkStatus();
  const std::string pipeline = lead.stage().empty() ? PipelineFor(scene, lead) : Catalog::PipelineOf(lead.stage());
  const Stage* won = scene.catalog.WonStage(pipeline);
  if (won == nullptr) return InvalidField("lead.stage", pipeline + " has no won stage");
  const bool moved = lead.stage() != won->name();
  lead.set_stage(won->name());
  lead.set_pipeline(pipeline);
  if (moved || !lead.has_stage_enter_time()) *lead.mutable_stage_enter_time() = lead.close_time();
  return absl::OkStatus();
}

}  // namespace embudo::pipeline::logic
