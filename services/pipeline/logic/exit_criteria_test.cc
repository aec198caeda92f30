#include "services/pipeline/logic/exit_criteria.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"

namespace embudo::pipeline::logic {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using type::v1::ExitCriterion;
using type::v1::Lead;
using type::v1::Stage;

constexpr char kOne[] = "pipelines/p/stages/one";
constexpr char kTwo[] = "pipelines/p/stages/two";
constexpr char kThree[] = "pipelines/p/stages/three";

std::vector<std::string> SubjectsOf(const absl::Status& status) {
  std::vector<std::string> subjects;
  const google::rpc::Status details = ToRpcStatus(status);
  for (const auto& any : details.details()) {
    google::rpc::PreconditionFailure failure;
    if (!any.UnpackTo(&failure)) continue;
    for (const auto& violation : failure.violations()) {
      subjects.push_back(violation.type() + " " + violation.subject());
    }
  }
  return subjects;
}

std::string FieldOf(const absl::Status& status) {
  const google::rpc::Status details = ToRpcStatus(status);
  for (const auto& any : details.details()) {
    google::rpc::BadRequest bad;
    if (any.UnpackTo(&bad)) return bad.field_violations(0).field();
  }
  return "";
}

class ExitCriteriaTest : public ::testing::Test {
 protected:
  ExitCriteriaTest() {
    catalog_.pipelines["pipelines/p"].set_name("pipelines/p");
    for (const char* name : {kOne, kTwo, kThree}) {
      Stage stage;
      stage.set_name(name);
      stage.set_display_name(std::string(name).substr(std::string(name).rfind('/') + 1));
      catalog_.stages_of_pipeline["pipelines/p"].push_back(stage);
    }
    lead_.set_name("leads/x");
    lead_.set_pipeline("pipelines/p");
    lead_.set_stage(kOne);
    *lead_.mutable_stage_enter_time() = ToTimestamp(now_);
  }

  Stage& StageAt(size_t index) { return catalog_.stages_of_pipeline["pipelines/p"][index]; }
  ExitCriterion& Add(size_t stage, const char* key, ExitCriterion::Mode mode = ExitCriterion::MODE_REQUIRED) {
    ExitCriterion& criterion = *StageAt(stage).add_exit_criteria();
    criterion.set_key(key);
    criterion.set_display_name(key);
    criterion.set_mode(mode);
    return criterion;
  }
  Scene SceneNow() const { return {catalog_, now_, "users/a", type::v1::ORIGIN_API, facts_}; }
  absl::Status Leave(const Passage& passage = {}) { return LeaveStage(SceneNow(), passage, schema_, lead_); }
  absl::Status LeaveTo(size_t stage, const Passage& passage = {}) {
    return LeaveFor(SceneNow(), StageAt(stage), passage, schema_, lead_);
  }
  std::vector<std::string> Recorded() const { return {lead_.unmet_criteria().begin(), lead_.unmet_criteria().end()}; }

  Catalog catalog_;
  StageFacts facts_;
  Time now_{std::chrono::hours(24 * 365 * 50)};
  const filter::Schema schema_ = filter::Schema::InMemory(Lead::descriptor());
  Lead lead_;
};

TEST_F(ExitCriteriaTest, EachKindHolds) {
  Add(0, "ticked").set_checklist(true);
  Add(0, "rich").set_filter("headcount > 10");
  Add(0, "ripe").set_min_stay_days(2);
  Add(0, "called").set_activity_type("activityTypes/call");
  Add(0, "offer").set_document("application/pdf");
  Add(0, "approved").set_approval_role(type::v1::ROLE_MANAGER);
  StageAt(0).add_required_fields("email");
  StageAt(0).add_required_fields("custom_fields.region");
  const auto unmet = Leave();
  EXPECT_EQ(ReasonOf(unmet), "EXIT_CRITERIA_UNMET");
  const std::string one = std::string(kOne) + "#";
  EXPECT_THAT(
      SubjectsOf(unmet),
      UnorderedElementsAre("EXIT_CRITERION " + one + "ticked", "EXIT_CRITERION " + one + "rich",
                           "EXIT_CRITERION " + one + "ripe", "EXIT_CRITERION " + one + "called",
                           "EXIT_CRITERION " + one + "offer", "EXIT_CRITERION " + one + "approved",
                           "REQUIRED_FIELD " + one + "email", "REQUIRED_FIELD " + one + "custom_fields.region"));
  EXPECT_THAT(Recorded(), IsEmpty());

  lead_.add_checklist("ticked");
  lead_.set_headcount(11);
  now_ += std::chrono::hours(48);
  facts_.done_types = {"activityTypes/call"};
  facts_.documents = {"image/png", "application/pdf"};
  facts_.approvals = {{kOne, "approved", type::v1::ROLE_MANAGER}};
  lead_.set_email("a@example.com");
  (*lead_.mutable_custom_fields())["region"].set_string_value("north");
  EXPECT_TRUE(Leave().ok()) << Leave();
}

TEST_F(ExitCriteriaTest, WhatIsDoneElsewhereDoesNotCount) {
  Add(0, "called").set_activity_type("activityTypes/call");
  Add(0, "approved").set_approval_role(type::v1::ROLE_ADMIN);
  facts_.done_types = {"activityTypes/email"};
  facts_.approvals = {{kTwo, "approved", type::v1::ROLE_ADMIN},
                      {kOne, "other", type::v1::ROLE_ADMIN},
                      {kOne, "approved", type::v1::ROLE_REP}};
  EXPECT_EQ(SubjectsOf(Leave()).size(), 2u);
  now_ += std::chrono::hours(1);
  Add(0, "ripe").set_min_stay_days(1);
  now_ += std::chrono::hours(23) - std::chrono::microseconds(1);
  EXPECT_EQ(SubjectsOf(Leave()).size(), 3u);
  now_ += std::chrono::microseconds(1);
  EXPECT_EQ(SubjectsOf(Leave()).size(), 2u);
}

TEST_F(ExitCriteriaTest, AFilterThatNoLongerCompilesLetsNobodyPass) {
  Add(0, "gone").set_filter("no_such_field = 1");
  EXPECT_EQ(ReasonOf(Leave()), "EXIT_CRITERIA_UNMET");
}

TEST_F(ExitCriteriaTest, AFilterMayAskForFieldsOfOtherRecords) {
  Add(0, "south").set_filter("team.display_name = \"South\"");
  lead_.set_team("teams/south");
  Scene scene = SceneNow();
  scene.resolver = [](const std::string& type, const std::string& field, const std::string& value) {
    const bool south = type == "embudo.dev/Team" && field == "display_name" && value == "South";
    return south ? std::vector<std::string>{"teams/south"} : std::vector<std::string>{};
  };
  EXPECT_TRUE(LeaveStage(scene, {}, schema_, lead_).ok());
  lead_.set_team("teams/north");
  EXPECT_FALSE(LeaveStage(scene, {}, schema_, lead_).ok());
}

TEST_F(ExitCriteriaTest, AdviceIsRecordedAndStopsNothing) {
  Add(0, "advice", ExitCriterion::MODE_ADVISORY);
  lead_.set_override_reason("of an earlier move");
  EXPECT_TRUE(Leave({.override_reason = "not needed"}).ok());
  EXPECT_THAT(Recorded(), ElementsAre("stages/one#advice"));
  EXPECT_EQ(lead_.override_reason(), "");
  lead_.add_checklist("advice");
  EXPECT_TRUE(Leave().ok());
  EXPECT_THAT(Recorded(), IsEmpty());
}

TEST_F(ExitCriteriaTest, AnOverrideRecordsWhatItPassedAndWhy) {
  Add(0, "a");
  Add(0, "b", ExitCriterion::MODE_UNSPECIFIED);
  Add(1, "c", ExitCriterion::MODE_ADVISORY);
  StageAt(1).add_required_fields("email");
  Add(2, "not left");
  EXPECT_FALSE(LeaveTo(2).ok());
  EXPECT_THAT(Recorded(), IsEmpty());
  EXPECT_TRUE(LeaveTo(2, {.override_reason = "they insist"}).ok());
  EXPECT_THAT(Recorded(), ElementsAre("stages/one#a", "stages/one#b", "stages/two#c", "stages/two#email"));
  EXPECT_EQ(lead_.override_reason(), "they insist");

  lead_.set_stage(kThree);
  EXPECT_TRUE(LeaveTo(0).ok());
  EXPECT_THAT(Recorded(), IsEmpty());
  EXPECT_EQ(lead_.override_reason(), "");
  lead_.set_stage(kOne);
  EXPECT_TRUE(LeaveTo(1, {.always = true}).ok());
  EXPECT_THAT(Recorded(), ElementsAre("stages/one#a", "stages/one#b"));
  EXPECT_EQ(lead_.override_reason(), "");
}

TEST_F(ExitCriteriaTest, NothingPassesThePipelinesOwnRules) {
  catalog_.pipelines["pipelines/p"].set_no_skipping(true);
  catalog_.pipelines["pipelines/p"].set_no_going_back(true);
  EXPECT_EQ(ReasonOf(LeaveTo(2, {.override_reason = "urgent"})), "SKIPPING_FORBIDDEN");
  EXPECT_TRUE(LeaveTo(1).ok());
  lead_.set_stage(kTwo);
  EXPECT_EQ(ReasonOf(LeaveTo(0, {.override_reason = "urgent"})), "GOING_BACK_FORBIDDEN");
}

TEST_F(ExitCriteriaTest, AStageIsCheckedWhenItIsSaved) {
  const auto field_of = [&](const std::function<void(ExitCriterion&)>& set) {
    Stage stage = StageAt(0);
    ExitCriterion& first = *stage.add_exit_criteria();
    first.set_key("first");
    ExitCriterion& criterion = *stage.add_exit_criteria();
    criterion.set_key("second");
    set(criterion);
    return FieldOf(CheckStage(catalog_, schema_, stage));
  };
  catalog_.activity_types.emplace_back().set_name("activityTypes/call");
  const std::string second = "stage.exit_criteria[1].";
  EXPECT_EQ(field_of([](auto& c) { c.set_key("first"); }), second + "key");
  EXPECT_EQ(field_of([](auto& c) { c.set_filter("no_such_field = 1"); }), second + "filter");
  EXPECT_EQ(field_of([](auto& c) { c.set_filter(""); }), second + "filter");
  EXPECT_EQ(field_of([](auto& c) { c.set_filter("team.display_name = \"South\""); }), "");
  EXPECT_EQ(field_of([](auto& c) { c.set_activity_type("activityTypes/fax"); }), second + "activity_type");
  EXPECT_EQ(field_of([](auto& c) { c.set_activity_type("activityTypes/call"); }), "");
  for (const char* wrong : {"", "pdf", "/", "a/", "/b", "*/pdf", "a/b/c", "a b/c", "**"}) {
    EXPECT_EQ(field_of([&](auto& c) { c.set_document(wrong); }), second + "document") << wrong;
  }
  for (const char* right : {"*", "image/*", "application/pdf", "application/vnd.ms-excel"}) {
    EXPECT_EQ(field_of([&](auto& c) { c.set_document(right); }), "") << right;
  }
  EXPECT_EQ(field_of([](auto& c) { c.set_approval_role(type::v1::ROLE_UNSPECIFIED); }), second + "approval_role");
  EXPECT_EQ(field_of([](auto& c) { c.set_approval_role(static_cast<type::v1::Role>(77)); }), second + "approval_role");
  EXPECT_EQ(field_of([](auto& c) { c.set_approval_role(type::v1::ROLE_ADMIN); }), "");
}

TEST_F(ExitCriteriaTest, RequiredFieldsAreFieldsThatCanBeSet) {
  const auto field_of = [&](const char* path) {
    Stage stage = StageAt(0);
    stage.add_required_fields(path);
    return FieldOf(CheckStage(catalog_, schema_, stage));
  };
  catalog_.lead_fields["region"].set_key("region");
  EXPECT_EQ(field_of("email"), "");
  EXPECT_EQ(field_of("custom_fields.region"), "");
  EXPECT_EQ(field_of("custom_fields.none"), "stage.required_fields");
  EXPECT_EQ(field_of("nonsense"), "stage.required_fields");
  EXPECT_EQ(field_of("rotting"), "stage.required_fields");
}

TEST_F(ExitCriteriaTest, ContentTypesMatchTheirPatterns) {
  EXPECT_TRUE(MatchesContentType("*", "application/pdf"));
  EXPECT_TRUE(MatchesContentType("application/pdf", "Application/PDF"));
  EXPECT_TRUE(MatchesContentType("text/plain", "text/plain; charset=utf-8"));
  EXPECT_TRUE(MatchesContentType("image/*", "image/png"));
  EXPECT_FALSE(MatchesContentType("image/*", "imagery/png"));
  EXPECT_FALSE(MatchesContentType("image/*", "image/"));
  EXPECT_FALSE(MatchesContentType("application/pdf", "application/pdfx"));
}

TEST_F(ExitCriteriaTest, OnlySomeKindsNeedFacts) {
  Add(0, "a").set_checklist(true);
  Add(0, "b").set_filter("headcount > 1");
  EXPECT_FALSE(NeedsFacts(StageAt(0)));
  Add(0, "c").set_document("*");
  EXPECT_TRUE(NeedsFacts(StageAt(0)));
}

}  // namespace
}  // namespace embudo::pipeline::logic
