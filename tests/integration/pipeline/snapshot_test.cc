// Tail from a snapshot: the leads as they are, then what comes from there on.

#include <algorithm>

#include "embudo/pipeline/v1/event_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "tests/integration/pipeline/fixture.h"
#include "tests/integration/pipeline/tailer.h"

namespace embudo::testing {
namespace {

using pipeline::v1::TailRequest;
using pipeline::v1::TailResponse;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;
using type::v1::Lead;

class SnapshotTest : public PipelineTest {
 protected:
  void SetUp() override { WaitUntilPositioned(); }

  static TailRequest Snapshot(int64_t credit = 1000) {
    TailRequest request = Tailer::From(pipeline::v1::TailStart::POSITION_SNAPSHOT);
    request.mutable_credit()->set_events(credit);
    return request;
  }
  static std::vector<Lead> LeadsOf(Tailer& tail) {
    std::vector<Lead> leads;
    for (const auto& response : tail.responses()) {
      leads.insert(leads.end(), response.snapshot().begin(), response.snapshot().end());
    }
    return leads;
  }
  static std::vector<std::string> NamesOf(Tailer& tail) {
    std::vector<std::string> names;
    for (const Lead& lead : LeadsOf(tail)) names.push_back(lead.name());
    return names;
  }
  static int64_t CountOf(Tailer& tail) {
    for (const auto& response : tail.responses()) {
      if (response.has_snapshot_end()) return response.snapshot_end().count();
    }
    return -1;
  }
  Lead SetPain(const std::string& lead, const std::string& pain) const {
    pipeline::v1::UpdateLeadRequest request;
    request.mutable_lead()->set_name(lead);
    request.mutable_lead()->set_pain(pain);
    return admin_.Must<Lead>(request);
  }
};

TEST_F(SnapshotTest, TellsEachLeadOnceAndThenWhatComes) {
  const std::string first = CreateLead("First").name();
  const Lead second = SetPain(CreateLead("Second").name(), "Paper");
  pipeline::v1::DeleteLeadRequest gone;
  gone.set_name(CreateLead("Gone").name());
  admin_.Must<Lead>(gone);
  WaitUntilPositioned();

  Tailer tail(admin_, Snapshot());
  ASSERT_TRUE(tail.WaitFor(TailResponse::kSnapshotEnd));
  EXPECT_THAT(NamesOf(tail), UnorderedElementsAre(first, second.name()));
  EXPECT_EQ(CountOf(tail), 2);
  EXPECT_THAT(tail.events(), IsEmpty());
  const auto leads = LeadsOf(tail);
  const auto found = std::find_if(leads.begin(), leads.end(), [&](const Lead& lead) { return lead.pain() == "Paper"; });
  ASSERT_NE(found, leads.end());
  EXPECT_EQ(found->etag(), second.etag());

  ASSERT_TRUE(tail.WaitFor(TailResponse::kCaughtUp));
  const std::string third = CreateLead("Third").name();
  SetPain(first, "Spreadsheets");
  ASSERT_TRUE(tail.WaitForEvents(2));
  EXPECT_THAT(tail.events(), SizeIs(2));
  EXPECT_THAT(NamesOf(tail), SizeIs(2));
  // Resuming after the snapshot, it does not come again.
  Tailer resumed(admin_, Tailer::Cursor(tail.cursor()));
  ASSERT_TRUE(resumed.WaitFor(TailResponse::kCaughtUp));
  EXPECT_THAT(NamesOf(resumed), IsEmpty());
  EXPECT_THAT(resumed.events(), IsEmpty());
}

TEST_F(SnapshotTest, TheFilterIsAppliedAsToCreations) {
  const std::string big = CreateLead("Big").name();
  CreateLead("Small");
  WaitUntilPositioned();
  TailRequest request = Snapshot();
  request.mutable_start()->set_filter(R"(lead.display_name = "Big" AND type = "lead.created")");
  Tailer tail(admin_, request);
  ASSERT_TRUE(tail.WaitFor(TailResponse::kSnapshotEnd));
  EXPECT_THAT(NamesOf(tail), ElementsAre(big));
  EXPECT_EQ(CountOf(tail), 1);
  SetPain(big, "not a creation");
  const std::string next = CreateLead("Big").name();
  ASSERT_TRUE(tail.WaitForEvents(1));
  EXPECT_THAT(tail.events(), SizeIs(1));
  EXPECT_EQ(tail.events()[0].subject(), next);
}

TEST_F(SnapshotTest, GoesOnWhereItWasCutOff) {
  std::vector<std::string> leads;
  for (int i = 0; i < 5; ++i) leads.push_back(CreateLead("Deal " + std::to_string(i)).name());
  WaitUntilPositioned();
  std::string cursor;
  std::vector<std::string> names;
  {
    Tailer tail(admin_, Snapshot(2));
    ASSERT_TRUE(Eventually([&] { return NamesOf(tail).size() == 2; }));
    EXPECT_EQ(CountOf(tail), -1);
    cursor = tail.cursor();
    names = NamesOf(tail);
  }
  // What changes between is told by an event, whether its lead was sent or not.
  for (const std::string& lead : leads) SetPain(lead, "later");
  WaitUntilPositioned();
  Tailer resumed(admin_, Tailer::Cursor(cursor));
  ASSERT_TRUE(resumed.WaitFor(TailResponse::kSnapshotEnd));
  for (const std::string& name : NamesOf(resumed)) names.push_back(name);
  EXPECT_THAT(names, UnorderedElementsAreArray(leads));
  EXPECT_EQ(CountOf(resumed), 3);
  ASSERT_TRUE(resumed.WaitForEvents(5));
  EXPECT_THAT(resumed.events(), SizeIs(5));
}

TEST_F(SnapshotTest, ARepIsShownItsLeads) {
  CreateUser("own", type::v1::User::VISIBILITY_OWN);
  CreateLead("Another's");
  pipeline::v1::AssignLeadRequest assign;
  assign.set_name(CreateLead("Own").name());
  assign.set_owner("users/own");
  admin_.Must<Lead>(assign);
  WaitUntilPositioned();
  Tailer tail(As(type::v1::ROLE_REP, "users/own"), Snapshot());
  ASSERT_TRUE(tail.WaitFor(TailResponse::kSnapshotEnd));
  EXPECT_THAT(NamesOf(tail), ElementsAre(assign.name()));
}

TEST_F(SnapshotTest, ManyLeadsComeInSeveralMessages) {
  pipeline::v1::BulkUpsertLeadsRequest bulk;
  for (int i = 0; i < 1000; ++i) {
    Lead& lead = *bulk.add_items()->mutable_lead();
    lead.set_display_name("Deal " + std::to_string(i));
    lead.add_external_ids()->set_system("crm");
    lead.mutable_external_ids(0)->set_id(std::to_string(i));
  }
  service_.Must<pipeline::v1::BulkUpsertLeadsResponse>(bulk);
  const std::string last = CreateLead("Last").name();
  WaitUntilPositioned();
  Tailer tail(admin_, Snapshot(10000));
  ASSERT_TRUE(tail.WaitFor(TailResponse::kSnapshotEnd));
  std::vector<std::string> names = NamesOf(tail);
  EXPECT_EQ(CountOf(tail), 1001);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()) - names.begin(), 1001);
  EXPECT_TRUE(std::binary_search(names.begin(), names.end(), last));
}

}  // namespace
}  // namespace embudo::testing
