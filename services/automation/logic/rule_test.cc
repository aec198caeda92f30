#include "services/automation/logic/rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "services/automation/logic/defaults.h"
#include "services/automation/logic/loops.h"
#include "services/automation/logic/trigger.h"
#include "services/automation/logic/validate.h"

namespace embudo::automation::logic {
namespace {

using type::v1::Event;
using type::v1::Lead;
using v1::Rule;

constexpr char kNew[] = "pipelines/b2b/stages/new";
constexpr char kProposal[] = "pipelines/b2b/stages/proposal";
constexpr char kWon[] = "pipelines/b2b/stages/won";
const Time kNow = std::chrono::sys_days(std::chrono::year(2026) / 6 / 15) + std::chrono::hours(9);

Event Created(const Lead& lead) {
  Event event;
  event.set_type("lead.created");
  event.set_origin(type::v1::ORIGIN_API);
  *event.mutable_data()->mutable_lead() = lead;
  return event;
}

Event Changed(const std::string& type, const Lead& before, const Lead& after, const std::vector<std::string>& fields) {
  Event event = Created(after);
  event.set_type(type);
  *event.mutable_previous()->mutable_lead() = before;
  for (const std::string& field : fields) event.mutable_changed_fields()->add_paths(field);
  return event;
}

Lead InStage(const std::string& stage) {
  Lead lead;
  lead.set_name("leads/018f0000-0000-7000-8000-000000000001");
  lead.set_state(Lead::STATE_OPEN);
  lead.set_stage(stage);
  return lead;
}

Event Moved(const std::string& from, const std::string& to) {
  return Changed("lead.stage_changed", InStage(from), InStage(to), {"stage", "stage_enter_time"});
}

Rule ARule(const std::string& name = "rules/r") {
  Rule rule;
  rule.set_name(name);
  rule.set_enabled(true);
  rule.set_rule_version(1);
  rule.mutable_trigger()->mutable_lead_created();
  rule.add_actions()->mutable_assign();
  return rule;
}

std::vector<Match> MatchesOf(const Rule& rule, const Event& event) {
  static std::unique_ptr<RuleSet> kept;
  auto compiled = Compile(rule, {});
  EXPECT_TRUE(compiled.ok()) << compiled.status();
  std::vector<CompiledRule> rules = {*std::move(compiled)};
  kept = std::make_unique<RuleSet>(std::move(rules), RuleSet::Catalogue{{{kProposal, "mailTemplates/proposal"}}, {}});
  return kept->MatchEvent(event, kNow);
}

bool Answers(const Rule& rule, const Event& event) { return !MatchesOf(rule, event).empty(); }

TEST(Trigger, Created) {
  const Rule rule = ARule();
  EXPECT_TRUE(Answers(rule, Created(InStage(kNew))));
  EXPECT_FALSE(Answers(rule, Moved(kNew, kProposal)));
}

TEST(Trigger, UpdatedOfNamedFieldsByWhateverEvent) {
  Rule rule = ARule();
  rule.mutable_trigger()->mutable_lead_updated()->add_fields("expected_revenue");
  rule.mutable_trigger()->mutable_lead_updated()->add_fields("custom_fields");
  const Lead lead = InStage(kNew);
  EXPECT_TRUE(Answers(rule, Changed("lead.won", lead, lead, {"state", "expected_revenue"})));
  EXPECT_TRUE(Answers(rule, Changed("lead.updated", lead, lead, {"custom_fields.region"})));
  EXPECT_FALSE(Answers(rule, Changed("lead.updated", lead, lead, {"email"})));
  EXPECT_FALSE(Answers(rule, Created(lead)));

  rule.mutable_trigger()->mutable_lead_updated()->clear_fields();
  EXPECT_TRUE(Answers(rule, Changed("lead.updated", lead, lead, {"email"})));
  EXPECT_FALSE(Answers(rule, Changed("lead.scored", lead, lead, {"score"})));

  rule.mutable_trigger()->mutable_lead_updated()->add_fields("custom_fields.region");
  EXPECT_TRUE(Answers(rule, Changed("lead.updated", lead, lead, {"custom_fields.region"})));
  EXPECT_FALSE(Answers(rule, Changed("lead.updated", lead, lead, {"custom_fields.region_code"})));
}

TEST(Trigger, StageEnteredAndLeft) {
  Rule entered = ARule();
  entered.mutable_trigger()->mutable_stage_entered()->set_stage(kProposal);
  EXPECT_TRUE(Answers(entered, Moved(kNew, kProposal)));
  EXPECT_TRUE(Answers(entered, Created(InStage(kProposal))));
  EXPECT_FALSE(Answers(entered, Moved(kProposal, kNew)));
  EXPECT_FALSE(Answers(entered, Changed("lead.updated", InStage(kProposal), InStage(kProposal), {"email"})));

  entered.mutable_trigger()->mutable_stage_entered()->clear_stage();
  EXPECT_TRUE(Answers(entered, Moved(kProposal, kNew)));
  EXPECT_FALSE(Answers(entered, Created(InStage(""))));  // not in the pipeline

  Rule left = ARule();
  left.mutable_trigger()->mutable_stage_left()->set_stage(kProposal);
  EXPECT_TRUE(Answers(left, Moved(kProposal, kNew)));
  EXPECT_FALSE(Answers(left, Moved(kNew, kProposal)));
  EXPECT_FALSE(Answers(left, Created(InStage(kProposal))));
  left.mutable_trigger()->mutable_stage_left()->clear_stage();
  EXPECT_TRUE(Answers(left, Moved(kNew, kProposal)));
  EXPECT_FALSE(Answers(left, Moved("", kProposal)));  // converted: it was in none
}

TEST(Trigger, WonLostAssigned) {
  Lead won = InStage(kWon);
  won.set_state(Lead::STATE_WON);
  Lead lost = InStage(kNew);
  lost.set_state(Lead::STATE_LOST);
  const Event win = Changed("lead.won", InStage(kNew), won, {"state", "stage"});
  const Event loss = Changed("lead.lost", InStage(kNew), lost, {"state"});
  Rule rule = ARule();
  rule.mutable_trigger()->mutable_lead_won();
  EXPECT_TRUE(Answers(rule, win));
  EXPECT_TRUE(Answers(rule, Created(won)));
  EXPECT_FALSE(Answers(rule, loss));
  EXPECT_FALSE(Answers(rule, Changed("lead.updated", won, won, {"email"})));
  rule.mutable_trigger()->mutable_lead_lost();
  EXPECT_TRUE(Answers(rule, loss));
  EXPECT_FALSE(Answers(rule, win));

  Lead owned = InStage(kNew);
  owned.set_owner("users/ada");
  rule.mutable_trigger()->mutable_lead_assigned();
  EXPECT_TRUE(Answers(rule, Changed("lead.assigned", InStage(kNew), owned, {"owner"})));
  EXPECT_TRUE(Answers(rule, Created(owned)));
  EXPECT_FALSE(Answers(rule, Changed("lead.assigned", owned, InStage(kNew), {"owner"})));  // taken away
  rule.mutable_trigger()->mutable_lead_assigned()->set_owner("users/bob");
  EXPECT_FALSE(Answers(rule, Created(owned)));
}

TEST(MatchEvent, DeletionsSetNothingOff) {
  Rule rule = ARule();
  rule.mutable_trigger()->mutable_lead_updated()->add_fields("delete_time");
  Lead gone = InStage(kNew);
  gone.mutable_delete_time()->set_seconds(1);
  EXPECT_FALSE(Answers(rule, Changed("lead.deleted", InStage(kNew), gone, {"delete_time"})));
  EXPECT_FALSE(Answers(rule, Changed("lead.updated", InStage(kNew), gone, {"delete_time"})));
}

TEST(MatchEvent, ConditionSeesTheLeadBeforeAndAfter) {
  Rule rule = ARule();
  rule.mutable_trigger()->mutable_stage_entered();
  rule.set_condition("previous.stage = \"pipelines/b2b/stages/new\" AND changed:stage AND state = OPEN");
  EXPECT_TRUE(Answers(rule, Moved(kNew, kProposal)));
  EXPECT_FALSE(Answers(rule, Moved(kProposal, kNew)));
}

TEST(MatchEvent, ImportsOnlyWhereAsked) {
  Rule rule = ARule();
  Event event = Created(InStage(kNew));
  event.set_origin(type::v1::ORIGIN_IMPORT);
  EXPECT_FALSE(Answers(rule, event));
  rule.set_include_imports(true);
  EXPECT_TRUE(Answers(rule, event));
}

TEST(MatchEvent, NeverItsOwnEffectAndDepthCounts) {
  Event event = Created(InStage(kNew));
  EXPECT_EQ(MatchesOf(ARule(), event).at(0).depth, 1);
  event.mutable_cause()->set_rule("rules/other");
  event.mutable_cause()->set_depth(3);
  EXPECT_EQ(MatchesOf(ARule(), event).at(0).depth, 4);
  event.mutable_cause()->set_rule("rules/r");
  EXPECT_FALSE(Answers(ARule(), event));
}

TEST(MatchEvent, OtherRecordsSetNothingOff) {
  Event event;
  event.set_type("user.created");
  event.mutable_data()->mutable_user()->set_name("users/ada");
  EXPECT_FALSE(Answers(ARule(), event));
}

std::string Violation(const Rule& rule) {
  const absl::Status status = Validate(rule, {});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  google::rpc::BadRequest bad_request;
  const google::rpc::Status details = ToRpcStatus(status);
  for (const auto& detail : details.details()) {
    if (detail.UnpackTo(&bad_request)) return bad_request.field_violations(0).field();
  }
  return "";
}

TEST(Validate, NamesTheFieldThatIsWrong) {
  EXPECT_TRUE(Validate(ARule(), {}).ok());
  Rule rule = ARule();
  rule.mutable_trigger()->clear_trigger();
  EXPECT_EQ(Violation(rule), "rule.trigger");
  rule.mutable_trigger()->mutable_stage_entered()->set_stage("stages/new");
  EXPECT_EQ(Violation(rule), "rule.trigger.stage_entered.stage");
  rule.mutable_trigger()->mutable_lead_updated()->add_fields("email");
  rule.mutable_trigger()->mutable_lead_updated()->add_fields("e_mail");
  EXPECT_EQ(Violation(rule), "rule.trigger.lead_updated.fields[1]");

  rule = ARule();
  rule.clear_actions();
  EXPECT_EQ(Violation(rule), "rule.actions");
  rule.add_actions();
  EXPECT_EQ(Violation(rule), "rule.actions[0]");
  rule.mutable_actions(0)->mutable_assign()->set_team("sales");
  EXPECT_EQ(Violation(rule), "rule.actions[0].assign.team");
  rule.mutable_actions(0)->mutable_create_activity()->set_type(type::v1::Activity::TYPE_CALL);
  EXPECT_EQ(Violation(rule), "rule.actions[0].create_activity.summary");
  (*rule.mutable_actions(0)->mutable_update_fields()->mutable_fields())["stage"].set_string_value(kNew);
  EXPECT_EQ(Violation(rule), "rule.actions[0].update_fields.fields[\"stage\"]");
}

TEST(Validate, TellsWhereTheConditionIsWrong) {
  Rule rule = ARule();
  rule.set_condition("state = OPEN AND expected_revenu > 5");
  const absl::Status status = Validate(rule, {});
  EXPECT_EQ(ReasonOf(status), "INVALID_FILTER");
  EXPECT_EQ(Violation(rule), "rule.condition");
  EXPECT_THAT(MessageOf(status), testing::HasSubstr("expected_revenu"));
}

TEST(DoSame, GoesByWhatARuleDoes) {
  const Rule rule = ARule();
  Rule other = rule;
  other.set_display_name("renamed");
  other.set_enabled(false);
  EXPECT_TRUE(DoSame(rule, other));
  for (const int change : {0, 1, 2, 3}) {
    other = rule;
    if (change == 0) other.set_condition("state = OPEN");
    if (change == 1) other.set_include_imports(true);
    if (change == 2) other.mutable_trigger()->mutable_lead_won();
    if (change == 3) other.mutable_actions(0)->mutable_assign()->set_team("teams/east");
    EXPECT_FALSE(DoSame(rule, other)) << change;
  }
}

TEST(DefaultRules, AreValidAndSwitchedOffButTheStagesOwn) {
  std::vector<std::string> names;
  for (const Rule& rule : DefaultRules()) {
    EXPECT_TRUE(Validate(rule, {}).ok()) << Validate(rule, {});
    EXPECT_EQ(rule.enabled(), rule.name() == "rules/stage-entry-template") << rule.name();
    names.push_back(rule.name());
  }
  EXPECT_THAT(names, testing::ElementsAre("rules/lead-assignment", "rules/follow-up-reminder", "rules/stage-email",
                                          "rules/lead-enrichment", "rules/stale-deal-alert", "rules/stage-activity",
                                          "rules/stage-entry-template"));
}

Rule DefaultRule(const std::string& name) {
  for (const Rule& rule : DefaultRules()) {
    if (rule.name() == name) return rule;
  }
  ADD_FAILURE() << name;
  return Rule();
}

TEST(DefaultRules, StageActivityIsForMovesOfOpenLeads) {
  const Rule rule = DefaultRule("rules/stage-activity");
  Lead won = InStage(kWon);
  won.set_state(Lead::STATE_WON);
  EXPECT_TRUE(Answers(rule, Moved(kNew, kProposal)));
  EXPECT_FALSE(Answers(rule, Created(InStage(kNew))));
  EXPECT_FALSE(Answers(rule, Changed("lead.won", InStage(kNew), won, {"stage", "state"})));
}

TEST(DefaultRules, LeadAssignmentIsForUnownedLeadsOfATeam) {
  const Rule rule = DefaultRule("rules/lead-assignment");
  Lead lead = InStage(kNew);
  EXPECT_FALSE(Answers(rule, Created(lead)));
  lead.set_team("teams/east");
  EXPECT_TRUE(Answers(rule, Created(lead)));
  lead.set_owner("users/ada");
  EXPECT_FALSE(Answers(rule, Created(lead)));
}

TEST(DefaultRules, OnlyStagesWithATemplateSetTheStagesOwnOff) {
  const Rule rule = DefaultRule("rules/stage-entry-template");
  EXPECT_TRUE(Answers(rule, Moved(kNew, kProposal)));
  EXPECT_FALSE(Answers(rule, Moved(kProposal, kNew)));
}

TEST(Trigger, ScoreCrossesItsThresholdUpOrDown) {
  Rule rule = ARule();
  rule.mutable_trigger()->mutable_score_crossed()->set_threshold(50);
  const auto scored = [](int before, int after) {
    Lead from = InStage(kNew);
    from.set_score(before);
    Lead to = from;
    to.set_score(after);
    return Changed("lead.scored", from, to, {"score"});
  };
  EXPECT_TRUE(Answers(rule, scored(49, 50)));
  EXPECT_FALSE(Answers(rule, scored(50, 60)));
  EXPECT_FALSE(Answers(rule, scored(60, 40)));
  rule.mutable_trigger()->mutable_score_crossed()->set_direction(v1::Trigger::ScoreCrossed::DIRECTION_DOWN);
  EXPECT_TRUE(Answers(rule, scored(60, 49)));
  EXPECT_FALSE(Answers(rule, scored(49, 40)));
  EXPECT_FALSE(Answers(rule, scored(40, 60)));
}

TEST(Trigger, TagAddedIsOfTagsThatWereNotThere) {
  Rule rule = ARule();
  rule.mutable_trigger()->mutable_tag_added()->set_tag("tags/vip");
  Lead before = InStage(kNew);
  before.add_tags("tags/old");
  Lead after = before;
  after.add_tags("tags/vip");
  EXPECT_TRUE(Answers(rule, Changed("lead.updated", before, after, {"tags"})));
  EXPECT_FALSE(Answers(rule, Changed("lead.updated", after, before, {"tags"})));
  EXPECT_TRUE(Answers(rule, Created(after)));
  rule.mutable_trigger()->mutable_tag_added()->set_tag("tags/old");
  EXPECT_FALSE(Answers(rule, Changed("lead.updated", before, after, {"tags"})));
}

TEST(Trigger, MailsOfMachinesAreNotReceived) {
  Rule rule = ARule();
  rule.mutable_trigger()->mutable_message_received();
  Event event;
  event.set_type("message.created");
  event.set_subject("leads/018f0000-0000-7000-8000-000000000001/messages/m");
  event.mutable_data()->mutable_message()->set_type(type::v1::Message::TYPE_EMAIL_IN);
  EXPECT_TRUE(Answers(rule, event));
  EXPECT_EQ(LeadOf(event), "leads/018f0000-0000-7000-8000-000000000001");
  event.mutable_data()->mutable_message()->set_auto_generated(true);
  EXPECT_FALSE(Answers(rule, event));
  event.mutable_data()->mutable_message()->set_auto_generated(false);
  event.mutable_data()->mutable_message()->set_type(type::v1::Message::TYPE_INTERNAL_NOTE);
  EXPECT_FALSE(Answers(rule, event));
  rule.mutable_trigger()->mutable_message_received()->add_types(type::v1::Message::TYPE_INTERNAL_NOTE);
  EXPECT_TRUE(Answers(rule, event));
}

TEST(Moments, AChangeThatMovesOneIntoThePastSetsTheRuleOff) {
  Rule rule = ARule();
  rule.mutable_trigger()->mutable_stage_overstayed()->mutable_duration()->set_seconds(3600);
  Lead lead = InStage(kNew);
  *lead.mutable_stage_enter_time() = ToTimestamp(kNow - std::chrono::hours(2));
  ASSERT_EQ(MatchesOf(rule, Created(lead)).size(), 1u);
  EXPECT_EQ(MatchesOf(rule, Created(lead))[0].due, kNow - std::chrono::hours(1));
  *lead.mutable_stage_enter_time() = ToTimestamp(kNow);
  EXPECT_FALSE(Answers(rule, Created(lead)));
}

TEST(RuleSet, AsksOnlyRulesThatWaitForTheEvent) {
  std::vector<CompiledRule> rules;
  for (int i = 0; i < 100; ++i) {
    Rule rule = ARule("rules/r" + std::to_string(i));
    rule.mutable_trigger()->mutable_stage_entered()->set_stage(i == 7 ? kProposal : "pipelines/b2b/stages/s");
    rules.push_back(*Compile(rule, {}));
  }
  const RuleSet set(std::move(rules), {});
  const auto matches = set.MatchEvent(Moved(kNew, kProposal), kNow);
  ASSERT_EQ(matches.size(), 1u);
  EXPECT_EQ(matches[0].rule->name(), "rules/r7");
}

TEST(Loops, ARuleThatAlwaysSetsWhatItWaitsForIsRefused) {
  Rule rule = ARule();
  rule.mutable_trigger()->mutable_lead_updated()->add_fields("description");
  (*rule.mutable_actions(0)->mutable_update_fields()->mutable_fields())["description"].set_string_value("x");
  EXPECT_EQ(ReasonOf(CheckOwnLoop(rule)), "RULE_LOOP");
  rule.set_condition("description = \"y\"");
  EXPECT_TRUE(CheckOwnLoop(rule).ok());
}

TEST(Loops, ChainsOfRulesArePointedOut) {
  const auto move = [](const std::string& name, const char* from, const char* to) {
    Rule rule = ARule(name);
    rule.mutable_trigger()->mutable_stage_entered()->set_stage(from);
    rule.mutable_actions(0)->mutable_move_stage()->set_stage(to);
    return rule;
  };
  const Rule there = move("rules/there", kNew, kProposal);
  Rule back = move("rules/back", kProposal, kNew);
  ASSERT_EQ(WarningsOf(there, {there, back}).size(), 1u);
  EXPECT_THAT(WarningsOf(there, {there, back})[0], testing::HasSubstr("rules/back"));
  back.set_enabled(false);
  EXPECT_THAT(WarningsOf(there, {there, back}), testing::IsEmpty());
  EXPECT_THAT(WarningsOf(there, {move("rules/on", kProposal, kWon)}), testing::IsEmpty());
}

}  // namespace
}  // namespace embudo::automation::logic
