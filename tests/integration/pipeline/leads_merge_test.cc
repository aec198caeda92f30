// MergeLeads: who survives, what it takes in, what moves, and that the names of the others lead to it.

#include <atomic>
#include <thread>

#include "embudo/pipeline/v1/activity_service.pb.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "tests/integration/pipeline/lead_case.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using type::v1::Activity;
using type::v1::Lead;

class MergeTest : public LeadCase {
 protected:
  Activity Plan(const std::string& lead, const std::string& summary, int day) const {
    pipeline::v1::CreateActivityRequest request;
    request.set_parent(lead);
    request.mutable_activity()->set_summary(summary);
    request.mutable_activity()->mutable_due_date()->set_year(2026);
    request.mutable_activity()->mutable_due_date()->set_month(9);
    request.mutable_activity()->mutable_due_date()->set_day(day);
    return admin_.Must<Activity>(request);
  }
  std::vector<std::string> ActivitiesOf(const std::string& lead) const {
    pipeline::v1::ListActivitiesRequest request;
    request.set_parent(lead);
    std::vector<std::string> summaries;
    const auto answer = admin_.Must<pipeline::v1::ListActivitiesResponse>(request);
    for (const Activity& activity : answer.activities()) {
      EXPECT_TRUE(activity.name().starts_with(GetLead(lead).name() + "/")) << activity.name();
      summaries.push_back(activity.summary());
    }
    return summaries;
  }
  static void AddExternalId(Lead& lead, const std::string& id) {
    auto* external = lead.add_external_ids();
    external->set_system("crm");
    external->set_id(id);
  }
};

TEST_F(MergeTest, TheMostAdvancedSurvives) {
  const Lead lead = CreateUnqualified();
  suite().Advance(std::chrono::hours(1));
  const Lead early = Create();
  suite().Advance(std::chrono::hours(1));
  const Lead late = Create();
  ASSERT_TRUE(MoveTo(late.name(), kProposal).ok());
  const Lead lost = Create();
  ASSERT_TRUE(MoveTo(lost.name(), kNegotiation).ok());
  ASSERT_TRUE(Do<pipeline::v1::LoseLeadRequest>(lost.name()).ok());
  const auto merged = Merge({lead.name(), early.name(), lost.name(), late.name()});
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_EQ(merged->name(), late.name());
  EXPECT_EQ(merged->stage(), kProposal);

  // Of equals the older.
  const Lead older = Create();
  suite().Advance(std::chrono::hours(1));
  EXPECT_EQ(Merge({Create().name(), older.name()})->name(), older.name());
  // A won one before all.
  const Lead won = Create();
  ASSERT_TRUE(Do<pipeline::v1::WinLeadRequest>(won.name()).ok());
  const auto into_won = Merge({late.name(), won.name()});
  ASSERT_TRUE(into_won.ok()) << into_won.status();
  EXPECT_EQ(into_won->name(), won.name());
  EXPECT_EQ(into_won->state(), Lead::STATE_WON);
}

TEST_F(MergeTest, EachFieldKeepsItsFirstValueAndSetsAreUnited) {
  DefineField("size", type::v1::CustomField::TYPE_NUMBER);
  DefineField("colour", type::v1::CustomField::TYPE_TEXT);
  for (const char* tag : {"one", "two"}) {
    suite().Query(
        "INSERT INTO pipeline.tag (tenant_id, tag_id, display_name, create_time, update_time, revision, version)"
        " VALUES ($1, $2, $2, now(), now(), 1, 1)",
        db::Params::Of(tenant_, tag));
  }
  const std::string ana = CreateUser("ana");
  const std::string bob = CreateUser("bob");
  const Lead first = Create([&](Lead& lead) {
    lead.set_email("first@acme.example");
    lead.set_description("We need ten.");
    lead.add_tags("tags/one");
    lead.add_collaborators(ana);
    (*lead.mutable_custom_fields())["size"].set_number_value(1);
    AddExternalId(lead, "1");
  });
  const Lead second = Create([&](Lead& lead) {
    lead.set_display_name("Another");
    lead.set_email("second@acme.example");
    lead.set_phone("+12025550123");
    lead.set_description("And a discount.");
    lead.mutable_expected_revenue()->set_units(500);
    lead.set_owner(bob);
    lead.add_tags("tags/two");
    lead.add_tags("tags/one");
    lead.add_collaborators(bob);
    (*lead.mutable_custom_fields())["size"].set_number_value(2);
    (*lead.mutable_custom_fields())["colour"].set_string_value("red");
    AddExternalId(lead, "2");
  });
  const auto merged = Merge({first.name(), second.name()}, first.name());
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_EQ(merged->display_name(), "A deal");
  EXPECT_EQ(merged->email(), "first@acme.example");
  EXPECT_EQ(merged->phone(), "+12025550123");
  EXPECT_EQ(merged->description(), "We need ten.\n\nAnd a discount.");
  EXPECT_EQ(merged->expected_revenue().units(), 500);
  EXPECT_EQ(merged->converted_expected_revenue().units(), 500);
  EXPECT_EQ(merged->owner(), bob);
  EXPECT_THAT(merged->tags(), ElementsAre("tags/one", "tags/two"));
  EXPECT_THAT(merged->collaborators(), ElementsAre(ana, bob));
  EXPECT_EQ(merged->custom_fields().at("size").number_value(), 1);
  EXPECT_EQ(merged->custom_fields().at("colour").string_value(), "red");
  EXPECT_THAT(merged->external_ids(), SizeIs(2));
  EXPECT_FALSE(merged->manual_probability());

  // What other systems call the second finds the first.
  pipeline::v1::BulkUpsertLeadsRequest upsert;
  Lead& item = *upsert.add_items()->mutable_lead();
  item.set_pain("Slow");
  AddExternalId(item, "2");
  const auto result = service_.Must<pipeline::v1::BulkUpsertLeadsResponse>(upsert).results(0);
  EXPECT_EQ(result.name(), first.name()) << result.DebugString();
  EXPECT_EQ(GetLead(first.name()).pain(), "Slow");
}

TEST_F(MergeTest, WhatStandsUnderTheOthersMoves) {
  const Lead survivor = Create();
  const Lead other = Create();
  Plan(survivor.name(), "Call", 3);
  const Activity moved = Plan(other.name(), "Meet", 2);
  const auto merged = Merge({survivor.name(), other.name()}, survivor.name());
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_EQ(merged->next_activity_date().day(), 2);
  EXPECT_THAT(ActivitiesOf(survivor.name()), UnorderedElementsAre("Call", "Meet"));
  EXPECT_THAT(ActivitiesOf(other.name()), UnorderedElementsAre("Call", "Meet"));
  // The old name of what has moved leads to it, and can still be worked on.
  pipeline::v1::GetActivityRequest get;
  get.set_name(moved.name());
  const std::string id = moved.name().substr(moved.name().rfind('/'));
  EXPECT_EQ(admin_.Must<Activity>(get).name(), survivor.name() + "/activities" + id);
  pipeline::v1::CompleteActivityRequest complete;
  complete.set_name(moved.name());
  EXPECT_EQ(admin_.Must<Activity>(complete).state(), Activity::STATE_DONE);
}

TEST_F(MergeTest, NamesResolveThroughChains) {
  const Lead a = Create();
  const Lead b = Create();
  const Lead c = Create();
  ASSERT_TRUE(Merge({a.name(), b.name()}, b.name()).ok());
  ASSERT_TRUE(Merge({a.name(), c.name()}, c.name()).ok());  // a is b by now
  for (const Lead& lead : {a, b, c}) EXPECT_EQ(GetLead(lead.name()).name(), c.name());
  pipeline::v1::UpdateLeadRequest update;
  update.mutable_lead()->set_name(a.name());
  update.mutable_lead()->set_pain("None");
  EXPECT_EQ(admin_.Must<Lead>(update).name(), c.name());
  EXPECT_THAT(BadFields(Merge({a.name(), b.name(), c.name()}).status()), ElementsAre("names"));
  EXPECT_THAT(Do<pipeline::v1::UndeleteLeadRequest>(a.name()), IsError(StatusCode::kFailedPrecondition, "LEAD_MERGED"));
  pipeline::v1::BatchGetLeadsRequest batch;
  for (const Lead& lead : {a, c}) batch.add_names(lead.name());
  const auto got = admin_.Must<pipeline::v1::BatchLeadsResponse>(batch);
  EXPECT_EQ(got.leads(0).name(), c.name());
  EXPECT_EQ(got.leads(1).name(), c.name());
  // A list shows the survivor alone.
  EXPECT_EQ(admin_.Must<pipeline::v1::ListLeadsResponse>(pipeline::v1::ListLeadsRequest()).leads_size(), 1);
}

TEST_F(MergeTest, TellsEachOfThem) {
  const Lead survivor = Create();
  const Lead other = Create();
  ASSERT_TRUE(Merge({survivor.name(), other.name()}, survivor.name()).ok());
  EXPECT_THAT(TypesOf(EventsAbout(survivor.name())), ElementsAre("lead.created", "lead.merged"));
  const auto events = EventsAbout(other.name());
  EXPECT_THAT(TypesOf(events), ElementsAre("lead.created", "lead.deleted"));
  EXPECT_EQ(events[1].data().lead().merged_into(), survivor.name());
  EXPECT_TRUE(events[1].data().lead().has_delete_time());
  EXPECT_THAT(CardsOf(kNew), ElementsAre(survivor.name()));
  // The history of the other stays its own.
  pipeline::v1::ListLeadChangesRequest changes;
  changes.set_parent(other.name());
  const auto list = admin_.Must<pipeline::v1::ListLeadChangesResponse>(changes);
  ASSERT_THAT(list.changes(), SizeIs(2));
  EXPECT_EQ(list.changes(0).after().merged_into(), survivor.name());
}

TEST_F(MergeTest, AChosenSurvivorTakesStageAndState) {
  const Lead lead = CreateUnqualified();
  const Lead won = Create();
  ASSERT_TRUE(Do<pipeline::v1::WinLeadRequest>(won.name()).ok());
  const auto merged = Merge({lead.name(), won.name()}, lead.name());
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_EQ(merged->name(), lead.name());
  EXPECT_EQ(merged->kind(), Lead::KIND_OPPORTUNITY);
  EXPECT_EQ(merged->state(), Lead::STATE_WON);
  EXPECT_EQ(merged->stage(), kWon);
  EXPECT_EQ(merged->probability(), 100);
  EXPECT_TRUE(merged->has_close_time());
  EXPECT_THAT(CardsOf(kWon), ElementsAre(lead.name()));
}

TEST_F(MergeTest, RefusesWhatCanNotBeOne) {
  const Lead a = Create();
  const Lead b = Create();
  for (const Lead& lead : {a, b}) ASSERT_TRUE(Do<pipeline::v1::WinLeadRequest>(lead.name()).ok());
  const auto several = Merge({a.name(), b.name()});
  EXPECT_THAT(several, IsError(StatusCode::kFailedPrecondition, "SEVERAL_WON"));
  EXPECT_THAT(Violations(several.status()), UnorderedElementsAre(a.name(), b.name()));
  EXPECT_THAT(BadFields(Merge({a.name()}).status()), ElementsAre("names"));
  EXPECT_THAT(BadFields(Merge({a.name(), a.name()}).status()), ElementsAre("names"));
  EXPECT_THAT(BadFields(Merge({a.name(), Create().name()}, b.name()).status()), ElementsAre("survivor"));
  EXPECT_THAT(Merge({a.name(), "leads/" + NewRequestId()}), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  CreateUser("ana", type::v1::User::VISIBILITY_OWN);
  pipeline::v1::MergeLeadsRequest request;
  request.add_names(a.name());
  request.add_names(Create().name());
  EXPECT_THAT(As(type::v1::ROLE_REP, "users/ana").Call<Lead>(request),
              IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

TEST_F(MergeTest, ARepeatIsTheSameAndValidationDoesNothing) {
  pipeline::v1::MergeLeadsRequest request;
  for (int i = 0; i < 3; ++i) request.add_names(Create().name());
  request.set_validate_only(true);
  admin_.Must<Lead>(request);
  EXPECT_FALSE(GetLead(request.names(2)).has_delete_time());
  request.set_validate_only(false);
  request.set_request_id(NewRequestId());
  const Lead first = admin_.Must<Lead>(request);
  EXPECT_THAT(admin_.Must<Lead>(request), SameAs(first));
  request.mutable_names()->RemoveLast();
  EXPECT_THAT(admin_.Call<Lead>(request), IsError(StatusCode::kInvalidArgument, "REQUEST_ID_REUSED"));
}

TEST_F(MergeTest, MergesThatOverlapEndAsOneLead) {
  std::vector<std::string> names;
  for (int i = 0; i < 12; ++i) names.push_back(Create().name());
  // Each thread merges a lead with its neighbour, round and round, so that all of them hang together.
  std::atomic<int> merged{0};
  Together(12, [&](int i) {
    const auto at = static_cast<size_t>(i);
    const auto result = Merge({names[at], names[(at + 1) % names.size()]});
    if (result.ok()) {
      ++merged;
    } else {
      EXPECT_EQ(result.status().code(), StatusCode::kInvalidArgument) << result.status();  // one already
    }
  });
  EXPECT_EQ(merged, 11);
  const std::string survivor = GetLead(names[0]).name();
  for (const std::string& name : names) EXPECT_EQ(GetLead(name).name(), survivor);
  EXPECT_THAT(CardsOf(kNew), ElementsAre(survivor));
}

TEST_F(MergeTest, WhatIsAddedInTheInstantOfAMergeGoesToTheSurvivor) {
  const std::string survivor = Create().name();
  const std::string gone = Create().name();
  auto lease = suite().sql().Acquire(db::After(kPatience));
  ASSERT_TRUE(lease.ok());
  db::Connection& merge = **lease;
  // A merge that has written, and has not committed yet.
  ASSERT_TRUE(merge.ExecScript("BEGIN").ok());
  ASSERT_TRUE(merge
                  .ExecVarying("WITH l AS (SELECT lead_id FROM pipeline.lead WHERE lead_id = $1::uuid FOR UPDATE)"
                               " UPDATE pipeline.lead t SET merged_into_id = $2::uuid, delete_time = now()"
                               " FROM l WHERE t.lead_id = l.lead_id",
                               db::Params::Of(gone.substr(6), survivor.substr(6)))
                  .ok());
  pipeline::v1::CreateMessageRequest request;
  request.set_parent(gone);
  request.mutable_message()->set_type(type::v1::Message::TYPE_INTERNAL_NOTE);
  request.mutable_message()->set_body("Called back");
  absl::StatusOr<type::v1::Message> during;
  std::thread adder([&] { during = admin_.Call<type::v1::Message>(request); });
  EXPECT_TRUE(Eventually([&] { return suite().Query("SELECT FROM pg_locks WHERE NOT granted").size() > 0; }));
  ASSERT_TRUE(merge.ExecScript("COMMIT").ok());
  adder.join();
  ASSERT_TRUE(during.ok()) << during.status();
  EXPECT_THAT(during->name(), ::testing::StartsWith(survivor + "/"));
}

}  // namespace
}  // namespace embudo::testing
