// Approvals: asked for, decided, told, and what they let pass.

#include <array>
#include <atomic>
#include <thread>

#include "embudo/pipeline/v1/approval_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/pipeline_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using type::v1::Approval;
using type::v1::Lead;

class ApprovalTest : public PipelineTest {
 protected:
  void SetUp() override {
    pipeline::v1::UpdateStageRequest request;
    request.mutable_stage()->set_name(kNew);
    auto* criterion = request.mutable_stage()->add_exit_criteria();
    criterion->set_key("discount");
    criterion->set_display_name("Discount agreed");
    criterion->set_approval_role(type::v1::ROLE_MANAGER);
    request.mutable_update_mask()->add_paths("exit_criteria");
    admin_.Must<type::v1::Stage>(request);
    MakeUser("rep", type::v1::ROLE_REP);
    MakeUser("manager", type::v1::ROLE_MANAGER);
    MakeUser("boss", type::v1::ROLE_MANAGER);
    lead_ = CreateLead("Ten laptops").name();
  }

  void MakeUser(const std::string& id, type::v1::Role role) const {
    pipeline::v1::CreateUserRequest request;
    request.set_user_id(id);
    request.mutable_user()->set_display_name(id);
    request.mutable_user()->add_roles(role);
    admin_.Must<type::v1::User>(request);
  }
  pipeline::v1::RequestApprovalRequest RequestOf(const std::string& criterion = "discount") const {
    pipeline::v1::RequestApprovalRequest request;
    request.set_parent(lead_);
    request.set_criterion(criterion);
    request.set_note("20 percent");
    return request;
  }
  absl::StatusOr<Approval> Approve(const Caller& caller, const std::string& name) const {
    pipeline::v1::ApproveRequest request;
    request.set_name(name);
    request.set_note("Fine");
    return caller.Call<Approval>(request);
  }
  absl::StatusOr<Approval> Reject(const Caller& caller, const std::string& name) const {
    pipeline::v1::RejectRequest request;
    request.set_name(name);
    request.set_note("Too much");
    return caller.Call<Approval>(request);
  }
  absl::StatusOr<Lead> Move(const std::string& stage) const {
    pipeline::v1::MoveLeadRequest request;
    request.set_name(lead_);
    request.set_stage(stage);
    return rep_.Call<Lead>(request);
  }
  /// Who was told what.
  std::vector<std::string> Told() const {
    const db::Result rows = suite().Query(
        "SELECT user_id, kind, text, actor FROM pipeline.notification WHERE tenant_id = $1 ORDER BY create_time,"
        " user_id",
        db::Params::Of(tenant_));
    std::vector<std::string> told;
    for (int i = 0; i < rows.size(); ++i) {
      told.push_back(std::string(rows[i].Text(0)) + " " + std::string(rows[i].Text(1)) + " \"" +
                     std::string(rows[i].Text(2)) + "\" by " + std::string(rows[i].Text(3)));
    }
    return told;
  }

  std::string lead_;
};

TEST_F(ApprovalTest, IsAskedForGivenAndLetsTheLeadPass) {
  EXPECT_THAT(Violations(Move(kQualified).status()), ElementsAre(std::string(kNew) + "#discount"));
  const Approval asked = rep_.Must<Approval>(RequestOf());
  EXPECT_TRUE(asked.name().starts_with(lead_ + "/approvals/"));
  EXPECT_EQ(asked.stage(), kNew);
  EXPECT_EQ(asked.criterion(), "discount");
  EXPECT_EQ(asked.role(), type::v1::ROLE_MANAGER);
  EXPECT_EQ(asked.state(), Approval::STATE_PENDING);
  EXPECT_EQ(asked.requester(), "users/rep");
  EXPECT_EQ(asked.request_note(), "20 percent");
  EXPECT_FALSE(Move(kQualified).ok());
  EXPECT_THAT(Told(),
              ElementsAre("boss APPROVAL \"Your approval is wanted: Discount agreed, Ten laptops\" by users/rep",
                          "manager APPROVAL \"Your approval is wanted: Discount agreed, Ten laptops\" by "
                          "users/rep"));

  suite().Advance(std::chrono::minutes(5));
  const auto given = Approve(manager_, asked.name());
  ASSERT_TRUE(given.ok()) << given.status();
  EXPECT_EQ(given->state(), Approval::STATE_APPROVED);
  EXPECT_EQ(given->decider(), "users/manager");
  EXPECT_EQ(given->decision_note(), "Fine");
  EXPECT_EQ(FromTimestamp(given->decide_time()), suite().clock().Now());
  EXPECT_EQ(Told().back(), "rep APPROVAL \"Approved: Discount agreed, Ten laptops\" by users/manager");
  EXPECT_THAT(Approve(manager_, asked.name()), IsError(StatusCode::kFailedPrecondition, "APPROVAL_NOT_PENDING"));

  const auto events = EventsAbout(asked.name());
  ASSERT_THAT(TypesOf(events), ElementsAre("approval.requested", "approval.approved"));
  EXPECT_EQ(events[0].partition_key(), lead_.substr(6));
  EXPECT_EQ(events[1].previous().approval().state(), Approval::STATE_PENDING);
  EXPECT_EQ(events[1].data().approval().decider(), "users/manager");
  ASSERT_TRUE(Move(kQualified).ok());

  // It was for that stay in the stage.
  suite().Advance(std::chrono::minutes(5));
  ASSERT_TRUE(Move(kNew).ok());
  EXPECT_FALSE(Move(kQualified).ok());
  EXPECT_TRUE(rep_.Call<Approval>(RequestOf()).ok());
}

TEST_F(ApprovalTest, IsAskedForOnce) {
  const Approval asked = rep_.Must<Approval>(RequestOf());
  const auto pending = rep_.Call<Approval>(RequestOf());
  EXPECT_THAT(pending, IsError(StatusCode::kFailedPrecondition, "APPROVAL_PENDING"));
  EXPECT_THAT(Violations(pending.status()), ElementsAre(std::string(kNew) + "#discount"));
  ASSERT_TRUE(Reject(manager_, asked.name()).ok());
  EXPECT_EQ(Told().back(), "rep APPROVAL \"Refused: Discount agreed, Ten laptops\" by users/manager");
  EXPECT_FALSE(Move(kQualified).ok());
  const Approval again = rep_.Must<Approval>(RequestOf());
  ASSERT_TRUE(Approve(manager_, again.name()).ok());
  EXPECT_THAT(rep_.Call<Approval>(RequestOf()), IsError(StatusCode::kFailedPrecondition, "APPROVAL_GIVEN"));
  EXPECT_THAT(TypesOf(EventsAbout(asked.name())), ElementsAre("approval.requested", "approval.rejected"));
}

TEST_F(ApprovalTest, OfManyWhoAskAtOnceOneDoes) {
  std::atomic<int> asked{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto approval = rep_.Call<Approval>(RequestOf());
      if (approval.ok()) {
        ++asked;
      } else {
        EXPECT_THAT(approval, IsError(StatusCode::kFailedPrecondition, "APPROVAL_PENDING"));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(Told().size(), 2u);
}

TEST_F(ApprovalTest, OnlyWhatTheStageAsksFor) {
  EXPECT_THAT(rep_.Call<Approval>(RequestOf("nothing")),
              IsError(StatusCode::kFailedPrecondition, "NO_APPROVAL_CRITERION"));
  auto elsewhere = RequestOf();
  elsewhere.set_parent("leads/" + NewRequestId());
  EXPECT_THAT(rep_.Call<Approval>(elsewhere), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  elsewhere.set_parent("nonsense");
  EXPECT_THAT(BadFields(rep_.Call<Approval>(elsewhere).status()), ElementsAre("parent"));
  const Caller other = suite().As(suite().NewTenant(), type::v1::ROLE_ADMIN);
  EXPECT_THAT(other.Call<Approval>(RequestOf()), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  const Approval asked = rep_.Must<Approval>(RequestOf());
  EXPECT_THAT(Approve(other, asked.name()), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

TEST_F(ApprovalTest, OnlyItsRoleDecidesAndNobodyForThemselves) {
  const Approval asked = manager_.Must<Approval>(RequestOf());
  EXPECT_THAT(Approve(rep_, asked.name()), IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));
  EXPECT_THAT(Reject(rep_, asked.name()), IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));
  EXPECT_THAT(Approve(service_, asked.name()), IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));
  EXPECT_THAT(Approve(manager_, asked.name()), IsError(StatusCode::kPermissionDenied, "OWN_REQUEST"));
  EXPECT_THAT(TypesOf(EventsAbout(asked.name())), ElementsAre("approval.requested"));
  EXPECT_TRUE(Approve(As(type::v1::ROLE_MANAGER, "users/boss"), asked.name()).ok());
}

TEST_F(ApprovalTest, AnAdministratorMayApproveTheOwnRequest) {
  const Approval asked = admin_.Must<Approval>(RequestOf());
  EXPECT_TRUE(Approve(admin_, asked.name()).ok());
}

TEST_F(ApprovalTest, OfALeadThatHasLeftNothingIsDecided) {
  const Approval asked = rep_.Must<Approval>(RequestOf());
  pipeline::v1::MoveLeadRequest request;
  request.set_name(lead_);
  request.set_stage(kQualified);
  request.set_override_reason("urgent");
  manager_.Must<Lead>(request);
  EXPECT_THAT(Approve(manager_, asked.name()), IsError(StatusCode::kFailedPrecondition, "LEAD_LEFT_STAGE"));
  EXPECT_THAT(Reject(manager_, asked.name()), IsError(StatusCode::kFailedPrecondition, "LEAD_LEFT_STAGE"));
  // It waits until the lead is back.
  request.set_stage(kNew);
  manager_.Must<Lead>(request);
  EXPECT_THAT(rep_.Call<Approval>(RequestOf()), IsError(StatusCode::kFailedPrecondition, "APPROVAL_PENDING"));
  ASSERT_TRUE(Approve(manager_, asked.name()).ok());
  EXPECT_TRUE(Move(kQualified).ok());
}

TEST_F(ApprovalTest, RepeatsStaleEtagsAndTrials) {
  auto request = RequestOf();
  request.set_validate_only(true);
  EXPECT_EQ(rep_.Must<Approval>(request).state(), Approval::STATE_PENDING);
  EXPECT_THAT(Told(), IsEmpty());
  request.set_validate_only(false);
  request.set_request_id(NewRequestId());
  const Approval asked = rep_.Must<Approval>(request);
  EXPECT_THAT(rep_.Must<Approval>(request), SameAs(asked));

  pipeline::v1::ApproveRequest approve;
  approve.set_name(asked.name());
  approve.set_etag("77");
  EXPECT_THAT(manager_.Call<Approval>(approve), IsError(StatusCode::kAborted, "STALE_ETAG"));
  approve.set_etag(asked.etag());
  approve.set_validate_only(true);
  manager_.Must<Approval>(approve);
  EXPECT_THAT(TypesOf(EventsAbout(asked.name())), ElementsAre("approval.requested"));
  approve.set_validate_only(false);
  approve.set_request_id(NewRequestId());
  const Approval given = manager_.Must<Approval>(approve);
  EXPECT_THAT(manager_.Must<Approval>(approve), SameAs(given));
  EXPECT_THAT(rep_.Must<Approval>(request), SameAs(asked));  // the first answer, whatever has happened since
  EXPECT_EQ(Told().size(), 3u);
}

TEST_F(ApprovalTest, AreListedByLeadAndState) {
  const Approval first = rep_.Must<Approval>(RequestOf());
  ASSERT_TRUE(Reject(manager_, first.name()).ok());
  suite().Advance(std::chrono::seconds(1));
  const Approval second = rep_.Must<Approval>(RequestOf());
  const auto listed = [&](const std::string& parent, const std::string& filter) {
    pipeline::v1::ListApprovalsRequest request;
    request.set_parent(parent);
    request.set_filter(filter);
    const auto page = rep_.Must<pipeline::v1::ListApprovalsResponse>(request);
    std::vector<std::string> names;
    for (const auto& approval : page.approvals()) names.push_back(approval.name());
    return names;
  };
  EXPECT_THAT(listed(lead_, ""), ElementsAre(second.name(), first.name()));
  EXPECT_THAT(listed("leads/-", "state = PENDING"), ElementsAre(second.name()));
  EXPECT_THAT(listed(CreateLead().name(), ""), IsEmpty());
}

}  // namespace
}  // namespace embudo::testing
