#include "services/pipeline/logic/approval_rules.h"

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace embudo::pipeline::logic {
namespace {

using absl::StatusCode;
using type::v1::Approval;
using type::v1::Lead;
using type::v1::Role;
using type::v1::ROLE_ADMIN;
using type::v1::ROLE_MANAGER;
using type::v1::ROLE_REP;
using type::v1::ROLE_SERVICE;

constexpr char kOne[] = "pipelines/p/stages/one";

class ApprovalRulesTest : public ::testing::Test {
 protected:
  ApprovalRulesTest() {
    type::v1::Stage stage;
    stage.set_name(kOne);
    auto* criterion = stage.add_exit_criteria();
    criterion->set_key("discount");
    criterion->set_approval_role(ROLE_MANAGER);
    stage.add_exit_criteria()->set_key("ticked");
    catalog_.stages_of_pipeline["pipelines/p"].push_back(stage);
    lead_.set_name("leads/x");
    lead_.set_pipeline("pipelines/p");
    lead_.set_stage(kOne);
    lead_.set_state(Lead::STATE_OPEN);
    approval_.set_name("leads/x/approvals/y");
    approval_.set_criterion("discount");
  }
  Scene As(const std::string& actor) const { return {catalog_, now_, actor}; }
  absl::Status DecideAs(const std::string& actor, const std::vector<Role>& roles,
                        Approval::State decision = Approval::STATE_APPROVED) {
    Approval copy = approval_;
    const absl::Status status = Decide(As(actor), roles, lead_, decision, "fine", copy);
    if (status.ok()) approval_ = copy;
    return status;
  }

  Catalog catalog_;
  const Time now_{std::chrono::hours(1000)};
  Lead lead_;
  Approval approval_;
};

TEST_F(ApprovalRulesTest, ARequestIsFilledFromItsCriterion) {
  ASSERT_TRUE(PrepareRequest(As("users/rep"), lead_, approval_).ok());
  EXPECT_EQ(approval_.stage(), kOne);
  EXPECT_EQ(approval_.role(), ROLE_MANAGER);
  EXPECT_EQ(approval_.state(), Approval::STATE_PENDING);
  EXPECT_EQ(approval_.requester(), "users/rep");
}

TEST_F(ApprovalRulesTest, OnlyWhatTheStageAsksForIsRequested) {
  for (const char* key : {"ticked", "none"}) {
    approval_.set_criterion(key);
    const absl::Status refused = PrepareRequest(As("users/rep"), lead_, approval_);
    EXPECT_EQ(refused.code(), StatusCode::kFailedPrecondition);
    EXPECT_EQ(ReasonOf(refused), "NO_APPROVAL_CRITERION") << key;
  }
  approval_.set_criterion("discount");
  lead_.set_stage("pipelines/p/stages/gone");
  EXPECT_EQ(ReasonOf(PrepareRequest(As("users/rep"), lead_, approval_)), "NO_APPROVAL_CRITERION");
  lead_.set_stage(kOne);
  lead_.set_state(Lead::STATE_LOST);
  EXPECT_EQ(ReasonOf(PrepareRequest(As("users/rep"), lead_, approval_)), "LEAD_NOT_OPEN");
}

TEST_F(ApprovalRulesTest, TheRoleOrOneAboveItDecides) {
  const auto decides = [&](Role wanted, const std::vector<Role>& roles) {
    EXPECT_TRUE(PrepareRequest(As("users/asker"), lead_, approval_).ok());
    approval_.set_role(wanted);
    const absl::Status status = DecideAs("users/other", roles);
    EXPECT_TRUE(status.ok() || status.code() == StatusCode::kPermissionDenied) << status;
    return status.ok();
  };
  EXPECT_TRUE(decides(ROLE_REP, {ROLE_REP}));
  EXPECT_TRUE(decides(ROLE_REP, {ROLE_MANAGER}));
  EXPECT_TRUE(decides(ROLE_REP, {ROLE_ADMIN}));
  EXPECT_FALSE(decides(ROLE_MANAGER, {ROLE_REP}));
  EXPECT_TRUE(decides(ROLE_MANAGER, {ROLE_REP, ROLE_MANAGER}));
  EXPECT_TRUE(decides(ROLE_MANAGER, {ROLE_ADMIN}));
  EXPECT_FALSE(decides(ROLE_ADMIN, {ROLE_MANAGER}));
  EXPECT_FALSE(decides(ROLE_MANAGER, {ROLE_SERVICE}));
  EXPECT_TRUE(decides(ROLE_SERVICE, {ROLE_SERVICE}));
  EXPECT_FALSE(decides(ROLE_SERVICE, {ROLE_ADMIN}));
}

TEST_F(ApprovalRulesTest, NobodyApprovesTheirOwnRequestButAnAdministrator) {
  ASSERT_TRUE(PrepareRequest(As("users/boss"), lead_, approval_).ok());
  EXPECT_EQ(ReasonOf(DecideAs("users/boss", {ROLE_MANAGER})), "OWN_REQUEST");
  const Approval pending = approval_;
  EXPECT_TRUE(DecideAs("users/boss", {ROLE_ADMIN}).ok());
  approval_ = pending;
  EXPECT_TRUE(DecideAs("users/boss", {ROLE_MANAGER}, Approval::STATE_REJECTED).ok());
}

TEST_F(ApprovalRulesTest, ADecisionIsMadeOnceAndInTheStage) {
  ASSERT_TRUE(PrepareRequest(As("users/rep"), lead_, approval_).ok());
  lead_.set_stage("pipelines/p/stages/two");
  EXPECT_EQ(ReasonOf(DecideAs("users/boss", {ROLE_MANAGER})), "LEAD_LEFT_STAGE");
  lead_.set_stage(kOne);
  ASSERT_TRUE(DecideAs("users/boss", {ROLE_MANAGER}, Approval::STATE_REJECTED).ok());
  EXPECT_EQ(approval_.state(), Approval::STATE_REJECTED);
  EXPECT_EQ(approval_.decider(), "users/boss");
  EXPECT_EQ(approval_.decision_note(), "fine");
  EXPECT_EQ(FromTimestamp(approval_.decide_time()), now_);
  EXPECT_EQ(ReasonOf(DecideAs("users/boss", {ROLE_MANAGER})), "APPROVAL_NOT_PENDING");
}

}  // namespace
}  // namespace embudo::pipeline::logic
