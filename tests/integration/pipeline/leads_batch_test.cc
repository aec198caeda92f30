// The batch methods of leads: all or nothing, by the same rules as the methods for one.

#include <algorithm>

#include "common/base/error.h"
#include "tests/integration/pipeline/lead_case.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::BatchLeadsResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using type::v1::Lead;

class BatchTest : public LeadCase {
 protected:
  std::vector<std::string> CreateSeveral(int count) const {
    std::vector<std::string> names;
    for (int i = 0; i < count; ++i) names.push_back(Create().name());
    return names;
  }
  /// One of each kind of batch over the leads, valid in that order.
  template <class Batch>
  static Batch Of(const std::vector<std::string>& names) {
    Batch batch;
    for (const std::string& name : names) {
      auto& request = *batch.add_requests();
      if constexpr (requires { request.mutable_lead(); }) {
        request.mutable_lead()->set_name(name);
        request.mutable_lead()->set_pain("Slow");
      } else {
        request.set_name(name);
      }
      if constexpr (requires { request.set_override_reason(""); }) request.set_override_reason("a test");
      if constexpr (requires { request.set_after(""); }) request.set_stage(kQualified);
    }
    return batch;
  }
  template <class Batch>
  void CheckFrame(const std::string& event) const {
    SCOPED_TRACE(event);
    const std::vector<std::string> names = CreateSeveral(3);
    Batch batch = Of<Batch>(names);
    batch.set_validate_only(true);
    EXPECT_THAT(admin_.Must<BatchLeadsResponse>(batch).leads(), SizeIs(3));
    EXPECT_EQ(GetLead(names[0]).etag(), "1");
    batch.set_validate_only(false);

    Batch twice = batch;
    *twice.add_requests() = twice.requests(1);
    EXPECT_THAT(BadFields(admin_.Call<BatchLeadsResponse>(twice).status()), ElementsAre("requests[3].name"));
    Batch nested = batch;
    nested.mutable_requests(1)->set_request_id(NewRequestId());
    EXPECT_THAT(BadFields(admin_.Call<BatchLeadsResponse>(nested).status()), ElementsAre("requests[1].request_id"));
    nested = batch;
    nested.mutable_requests(2)->set_validate_only(true);
    EXPECT_THAT(BadFields(admin_.Call<BatchLeadsResponse>(nested).status()), ElementsAre("requests[2].validate_only"));

    // One that fails undoes all.
    Batch failing = batch;
    if constexpr (requires { failing.mutable_requests(2)->mutable_lead(); }) {
      failing.mutable_requests(2)->mutable_lead()->set_etag("7");
    } else {
      failing.mutable_requests(2)->set_etag("7");
    }
    const auto failed = admin_.Call<BatchLeadsResponse>(failing);
    EXPECT_THAT(failed, IsError(StatusCode::kAborted, "STALE_ETAG"));
    EXPECT_THAT(MessageOf(failed.status()), HasSubstr("requests[2]"));
    for (const std::string& name : names) EXPECT_EQ(GetLead(name).etag(), "1");

    batch.set_request_id(NewRequestId());
    const auto first = admin_.Must<BatchLeadsResponse>(batch);
    ASSERT_THAT(first.leads(), SizeIs(3));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(first.leads(i).name(), names[static_cast<size_t>(i)]);
    EXPECT_THAT(admin_.Must<BatchLeadsResponse>(batch), SameAs(first));
    for (const std::string& name : names) EXPECT_THAT(TypesOf(EventsAbout(name)), ElementsAre("lead.created", event));
  }
};

TEST_F(BatchTest, EveryBatchIsAllOrNothingAndRepeats) {
  CheckFrame<pipeline::v1::BatchUpdateLeadsRequest>("lead.updated");
  CheckFrame<pipeline::v1::BatchDeleteLeadsRequest>("lead.deleted");
  CheckFrame<pipeline::v1::BatchMoveLeadsRequest>("lead.stage_changed");
  CheckFrame<pipeline::v1::BatchWinLeadsRequest>("lead.won");
  CheckFrame<pipeline::v1::BatchLoseLeadsRequest>("lead.lost");
}

TEST_F(BatchTest, LosesRestoresAndAssigns) {
  const std::string ana = CreateUser("ana");
  const std::vector<std::string> names = CreateSeveral(2);
  admin_.Must<BatchLeadsResponse>(Of<pipeline::v1::BatchLoseLeadsRequest>(names));
  const auto restored = admin_.Must<BatchLeadsResponse>(Of<pipeline::v1::BatchRestoreLeadsRequest>(names));
  for (const Lead& lead : restored.leads()) EXPECT_EQ(lead.state(), Lead::STATE_OPEN);
  auto assign = Of<pipeline::v1::BatchAssignLeadsRequest>(names);
  for (auto& request : *assign.mutable_requests()) request.set_owner(ana);
  const auto answer = admin_.Must<BatchLeadsResponse>(assign);
  for (const Lead& lead : answer.leads()) EXPECT_EQ(lead.owner(), ana);
  assign.mutable_requests(1)->set_owner("users/nobody");
  EXPECT_THAT(BadFields(admin_.Call<BatchLeadsResponse>(assign).status()), ElementsAre("requests[1].owner"));
}

TEST_F(BatchTest, TheRulesAreThoseOfTheSingleMethods) {
  CreateUser("rep");
  const std::vector<std::string> names = CreateSeveral(2);
  auto move = Of<pipeline::v1::BatchMoveLeadsRequest>(names);
  const auto denied = rep_.Call<BatchLeadsResponse>(move);
  EXPECT_THAT(denied, IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));
  EXPECT_THAT(BadFields(denied.status()), ElementsAre("requests[0].override_reason"));
  for (auto& request : *move.mutable_requests()) request.clear_override_reason();
  EXPECT_THAT(rep_.Call<BatchLeadsResponse>(move), IsError(StatusCode::kFailedPrecondition, "EXIT_CRITERIA_UNMET"));
  EXPECT_EQ(GetLead(names[0]).stage(), kNew);
  auto update = Of<pipeline::v1::BatchUpdateLeadsRequest>(names);
  update.mutable_requests(1)->mutable_lead()->set_email("no address");
  EXPECT_THAT(BadFields(admin_.Call<BatchLeadsResponse>(update).status()), ElementsAre("requests[1].lead.email"));
}

TEST_F(BatchTest, CardsOfABatchStandByEachOther) {
  const std::vector<std::string> names = CreateSeveral(4);
  const std::string anchor = CreateSeveral(1)[0];
  ASSERT_TRUE(MoveTo(anchor, kQualified).ok());
  ASSERT_TRUE(MoveTo(CreateSeveral(1)[0], kQualified, anchor).ok());
  auto move = Of<pipeline::v1::BatchMoveLeadsRequest>(names);
  move.mutable_requests(0)->set_after(anchor);
  for (int i = 1; i < 4; ++i) move.mutable_requests(i)->set_after(names[static_cast<size_t>(i) - 1]);
  admin_.Must<BatchLeadsResponse>(move);
  const auto cards = CardsOf(kQualified);
  ASSERT_THAT(cards, SizeIs(6));
  EXPECT_THAT(std::vector<std::string>(cards.begin(), cards.begin() + 5),
              ElementsAre(anchor, names[0], names[1], names[2], names[3]));
}

TEST_F(BatchTest, GetReturnsThemInTheOrderAskedFor) {
  const std::vector<std::string> names = CreateSeveral(3);
  pipeline::v1::BatchGetLeadsRequest request;
  for (const size_t i : {2, 0, 1}) request.add_names(names[i]);
  const auto got = admin_.Must<BatchLeadsResponse>(request);
  ASSERT_THAT(got.leads(), SizeIs(3));
  EXPECT_EQ(got.leads(0).name(), names[2]);
  EXPECT_THAT(got.leads(1), SameAs(GetLead(names[0])));
  request.add_names("leads/" + NewRequestId());
  const auto missing = admin_.Call<BatchLeadsResponse>(request);
  EXPECT_THAT(missing, IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_THAT(MessageOf(missing.status()), HasSubstr("names[3]"));
  request.set_names(3, "users/x");
  EXPECT_THAT(BadFields(admin_.Call<BatchLeadsResponse>(request).status()), ElementsAre("names[3]"));
}

TEST_F(BatchTest, BatchesThatOverlapDoNotBlockEachOther) {
  const std::vector<std::string> names = CreateSeveral(20);
  Together(8, [&](int thread) {
    for (int round = 0; round < 5; ++round) {
      auto order = names;
      if (thread % 2 == 1) std::reverse(order.begin(), order.end());
      auto update = Of<pipeline::v1::BatchUpdateLeadsRequest>(order);
      for (auto& request : *update.mutable_requests()) {
        request.mutable_lead()->set_pain(std::to_string(thread) + "." + std::to_string(round));
      }
      const auto updated = admin_.Call<BatchLeadsResponse>(update);
      EXPECT_TRUE(updated.ok() || updated.status().code() == StatusCode::kAborted) << updated.status();
    }
  });
  // All or nothing, each time: they are all as the last one left them.
  const std::string pain = GetLead(names[0]).pain();
  for (const std::string& name : names) EXPECT_EQ(GetLead(name).pain(), pain);
}

}  // namespace
}  // namespace embudo::testing
