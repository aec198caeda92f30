#include "services/pipeline/logic/defaults.h"

#include <initializer_list>
#include <string>
#include <utility>

#include "services/pipeline/logic/catalog.h"

namespace embudo::pipeline::logic {
namespace {

using type::v1::Stage;

Stage MakeStage(const char* id, const char* display_name, int sequence, int min_days, int max_days,
                double default_probability, std::initializer_list<std::pair<const char*, const char*>> checklist) {
  Stage stage;
  stage.set_name(std::string(kDefaultPipeline) + "/stages/" + id);
  stage.set_display_name(display_name);
  stage.set_sequence(sequence);
  stage.set_min_days(min_days);
  stage.set_max_days(max_days);
  stage.set_default_probability(default_probability);
  for (const auto& [key, text] : checklist) {
    auto* criterion = stage.add_exit_criteria();
    criterion->set_key(key);
    criterion->set_display_name(text);
    criterion->set_mode(type::v1::ExitCriterion::MODE_REQUIRED);
    criterion->set_checklist(true);
  }
  return stage;
}

type::v1::ActivityType MakeActivityType(const char* id, const char* display_name, type::v1::Activity::Type kind,
                                        int sequence, int days) {
  type::v1::ActivityType type;
  type.set_name(std::string("activityTypes/") + id);
  type.set_display_name(display_name);
  type.set_type(kind);
  type.set_sequence(sequence);
  type.set_delay_count(days);
  type.set_delay_unit(type::v1::DELAY_UNIT_DAY);
  type.set_delay_from(type::v1::ActivityType::DELAY_FROM_TODAY);
  return type;
}

}  // namespace

Defaults DefaultsOfTenant() {
  Defaults defaults;
  defaults.pipeline.set_name(kDefaultPipeline);
  defaults.pipeline.set_display_name("Sales");

  defaults.stages = {
      MakeStage("new", "New", 10, 0, 2, 10, {{"first_contact_made", "First contact made"}}),
      MakeStage(
          "qualified", "Qualified", 20, 3, 7, 25,
          {{"need_and_budget_confirmed", "Need and budget confirmed"}, {"discovery_call_done", "Discovery call done"}}),
      MakeStage("proposal", "Proposal", 30, 5, 14, 50, {{"proposal_delivered", "Proposal delivered"}}),
      MakeStage("negotiation", "Negotiation", 40, 7, 21, 75,
                {{"scope_and_price_agreed", "Scope and price agreed"}, {"contract_signed", "Contract signed"}}),
      MakeStage("won", "Won", 50, 0, 0, 100, {}),
  };
  defaults.stages.back().set_is_won(true);

  defaults.team.set_name("teams/sales");
  defaults.team.set_display_name("Sales");
  defaults.team.set_pipeline(kDefaultPipeline);

  for (const auto& [id, text] :
       {std::pair("too-expensive", "Too expensive"), std::pair("no-people-skills", "We don't have people/skills"),
        std::pair("not-enough-stock", "Not enough stock")}) {
    auto& reason = defaults.lost_reasons.emplace_back();
    reason.set_name(std::string("lostReasons/") + id);
    reason.set_display_name(text);
  }

  defaults.activity_types = {
      MakeActivityType("email", "Email", type::v1::Activity::TYPE_EMAIL, 10, 0),
      MakeActivityType("call", "Call", type::v1::Activity::TYPE_CALL, 20, 2),
      MakeActivityType("meeting", "Meeting", type::v1::Activity::TYPE_MEETING, 30, 0),
      MakeActivityType("todo", "To-Do", type::v1::Activity::TYPE_TODO, 40, 5),
      MakeActivityType("document", "Document", type::v1::Activity::TYPE_DOCUMENT, 50, 5),
  };
  return defaults;
}

}  // namespace embudo::pipeline::logic
