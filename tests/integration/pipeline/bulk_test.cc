// Many leads in one call: batches that are all or nothing, upserts by external id, and scores.

#include <cmath>

#include "embudo/pipeline/v1/lead_service.pb.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::BatchCreateLeadsRequest;
using pipeline::v1::BatchCreateLeadsResponse;
using pipeline::v1::BulkResult;
using pipeline::v1::BulkUpsertLeadsRequest;
using pipeline::v1::BulkUpsertLeadsResponse;
using pipeline::v1::RecordScoresRequest;
using pipeline::v1::RecordScoresResponse;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Not;
using ::testing::SizeIs;
using type::v1::Lead;

class BulkTest : public PipelineTest {
 protected:
  size_t LeadCount() const {
    pipeline::v1::ListLeadsRequest request;
    request.set_page_size(1000);
    return static_cast<size_t>(admin_.Must<pipeline::v1::ListLeadsResponse>(request).leads_size());
  }
  static Lead* Add(BulkUpsertLeadsRequest* request, const std::string& id, const std::string& display_name) {
    Lead* lead = request->add_items()->mutable_lead();
    lead->set_display_name(display_name);
    if (id.empty()) return lead;
    auto* external = lead->add_external_ids();
    external->set_system("crm");
    external->set_id(id);
    return lead;
  }
  std::vector<BulkResult::Outcome> Upsert(const BulkUpsertLeadsRequest& request,
                                          BulkUpsertLeadsResponse* response = nullptr) const {
    const auto answer = service_.Must<BulkUpsertLeadsResponse>(request);
    if (response != nullptr) *response = answer;
    std::vector<BulkResult::Outcome> outcomes;
    for (const auto& result : answer.results()) outcomes.push_back(result.outcome());
    return outcomes;
  }
};

TEST_F(BulkTest, ABatchIsCreatedAsAWholeOrNotAtAll) {
  BatchCreateLeadsRequest request;
  for (const char* name : {"One", "Two", "Three"}) request.add_requests()->mutable_lead()->set_display_name(name);
  request.set_request_id(NewRequestId());
  const auto first = admin_.Must<BatchCreateLeadsResponse>(request);
  ASSERT_EQ(first.leads_size(), 3);
  EXPECT_EQ(first.leads(1).display_name(), "Two");
  EXPECT_THAT(admin_.Must<BatchCreateLeadsResponse>(request), SameAs(first));
  EXPECT_EQ(LeadCount(), 3u);

  BatchCreateLeadsRequest bad;
  bad.add_requests()->mutable_lead()->set_display_name("Four");
  bad.add_requests()->mutable_lead()->set_display_name("Five");
  bad.mutable_requests(1)->mutable_lead()->set_team("teams/none");
  EXPECT_THAT(BadFields(admin_.Call<BatchCreateLeadsResponse>(bad).status()), ElementsAre("requests[1].lead.team"));
  bad.mutable_requests(1)->mutable_lead()->clear_team();
  bad.mutable_requests(1)->set_lead_id(first.leads(0).name().substr(6));
  EXPECT_EQ(admin_.Call<BatchCreateLeadsResponse>(bad).status().code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(LeadCount(), 3u);
  bad.mutable_requests(1)->clear_lead_id();
  bad.set_validate_only(true);
  EXPECT_EQ(admin_.Must<BatchCreateLeadsResponse>(bad).leads_size(), 2);
  EXPECT_EQ(LeadCount(), 3u);
}

TEST_F(BulkTest, AnUpsertTellsWhatBecameOfEachItem) {
  BulkUpsertLeadsRequest request;
  Add(&request, "1", "One");
  Add(&request, "2", "Two");
  EXPECT_THAT(Upsert(request), Each(BulkResult::OUTCOME_CREATED));
  request.clear_items();
  Add(&request, "1", "One");            // as it is
  Add(&request, "2", "Two, better");    // changed
  Add(&request, "3", "Three");          // new
  Add(&request, "3", "Three, better");  // the same again, changed
  Add(&request, "4", "")->set_headcount(3);
  Add(&request, "", "No id");
  Add(&request, "5", "No team")->set_team("teams/none");
  BulkUpsertLeadsResponse response;
  EXPECT_THAT(Upsert(request, &response),
              ElementsAre(BulkResult::OUTCOME_UNCHANGED, BulkResult::OUTCOME_UPDATED, BulkResult::OUTCOME_CREATED,
                          BulkResult::OUTCOME_UPDATED, BulkResult::OUTCOME_REFUSED, BulkResult::OUTCOME_REFUSED,
                          BulkResult::OUTCOME_REFUSED));
  EXPECT_EQ(response.results(2).name(), response.results(3).name());
  EXPECT_EQ(GetLead(response.results(3).name()).display_name(), "Three, better");
  for (const int refused : {4, 5, 6}) {
    EXPECT_EQ(response.results(refused).name(), "");
    EXPECT_EQ(FromRpcStatus(response.results(refused).error()).code(), StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(LeadCount(), 3u);
  for (const auto& event : EventsAbout(response.results(2).name())) EXPECT_EQ(event.origin(), type::v1::ORIGIN_IMPORT);
}

TEST_F(BulkTest, ManyItemsOfOneRecordAllGetAnAnswer) {
  BulkUpsertLeadsRequest request;
  for (int i = 0; i < 30; ++i) Add(&request, "same", "Version " + std::to_string(i));
  BulkUpsertLeadsResponse response;
  EXPECT_THAT(Upsert(request, &response), Not(Contains(BulkResult::OUTCOME_UNSPECIFIED)));
  EXPECT_EQ(GetLead(response.results(0).name()).display_name(), "Version 29");
  EXPECT_EQ(LeadCount(), 1u);
}

TEST_F(BulkTest, AnImportKeepsDatesAndClosedDealsAreWhole) {
  BulkUpsertLeadsRequest request;
  Lead* given = Add(&request, "w", "Won long ago");
  given->set_state(Lead::STATE_WON);
  *given->mutable_open_time() = ToTimestamp(suite().clock().Now() - std::chrono::hours(2000));
  *given->mutable_create_time() = given->open_time();
  *given->mutable_close_time() = ToTimestamp(suite().clock().Now() - std::chrono::hours(1000));
  Lead* lost = Add(&request, "l", "Lost");
  lost->set_state(Lead::STATE_LOST);
  lost->set_stage(kQualified);
  lost->set_lost_reason("lostReasons/too-expensive");
  Add(&request, "b", "Closed before it began")->CopyFrom(*given);
  request.mutable_items(2)->mutable_lead()->mutable_external_ids(0)->set_id("b");
  *request.mutable_items(2)->mutable_lead()->mutable_close_time() =
      ToTimestamp(suite().clock().Now() - std::chrono::hours(3000));
  Add(&request, "r", "Unknown reason")->set_state(Lead::STATE_LOST);
  request.mutable_items(3)->mutable_lead()->set_lost_reason("lostReasons/none");
  BulkUpsertLeadsResponse response;
  EXPECT_THAT(Upsert(request, &response), ElementsAre(BulkResult::OUTCOME_CREATED, BulkResult::OUTCOME_CREATED,
                                                      BulkResult::OUTCOME_REFUSED, BulkResult::OUTCOME_REFUSED));
  EXPECT_THAT(BadFields(FromRpcStatus(response.results(2).error())), ElementsAre("lead.close_time"));
  EXPECT_THAT(BadFields(FromRpcStatus(response.results(3).error())), ElementsAre("lead.lost_reason"));
  const Lead won = GetLead(response.results(0).name());
  EXPECT_EQ(won.stage(), kWon);
  EXPECT_EQ(won.probability(), 100);
  EXPECT_THAT(won.open_time(), SameAs(given->open_time()));
  EXPECT_THAT(won.create_time(), SameAs(given->open_time()));
  EXPECT_THAT(won.close_time(), SameAs(request.items(0).lead().close_time()));
  const Lead gone = GetLead(response.results(1).name());
  EXPECT_EQ(gone.stage(), kQualified);
  EXPECT_EQ(gone.probability(), 0);
  EXPECT_TRUE(gone.has_close_time());

  // Open again, it may not stay in the won stage.
  BulkUpsertLeadsRequest again;
  Lead* open = Add(&again, "w", "Won long ago");
  open->set_state(Lead::STATE_OPEN);
  Upsert(again, &response);
  const Lead after = GetLead(won.name());
  EXPECT_EQ(after.stage() == kWon, after.state() == Lead::STATE_WON) << after.ShortDebugString();
}

TEST_F(BulkTest, AnUpsertTakesNoLeadAwayAndNoOutputOnlyField) {
  const std::string ana = CreateUser("ana");
  CreateUser("bob");
  BulkUpsertLeadsRequest request;
  Lead* lead = Add(&request, "1", "One");
  lead->set_owner(ana);
  lead->set_score(99);
  lead->set_automated_probability(77);
  lead->set_etag("999");
  *lead->mutable_delete_time() = ToTimestamp(suite().clock().Now());
  BulkUpsertLeadsResponse response;
  EXPECT_THAT(Upsert(request, &response), ElementsAre(BulkResult::OUTCOME_CREATED));
  const Lead created = GetLead(response.results(0).name());
  EXPECT_EQ(created.owner(), ana);
  EXPECT_EQ(created.score(), 0);
  EXPECT_EQ(created.automated_probability(), 0);
  EXPECT_FALSE(created.has_delete_time());
  lead->set_owner("users/bob");
  lead->set_pain("Spreadsheets");
  EXPECT_THAT(Upsert(request), ElementsAre(BulkResult::OUTCOME_UPDATED));
  EXPECT_EQ(GetLead(created.name()).owner(), ana);
  EXPECT_EQ(GetLead(created.name()).score(), 0);
}

TEST_F(BulkTest, AThousandItemsGoInOneCall) {
  BulkUpsertLeadsRequest request;
  for (int i = 0; i < 1000; ++i) Add(&request, std::to_string(i), "Deal " + std::to_string(i));
  request.set_validate_only(true);
  EXPECT_THAT(Upsert(request), Each(BulkResult::OUTCOME_CREATED));
  EXPECT_EQ(LeadCount(), 0u);
  request.set_validate_only(false);
  EXPECT_THAT(Upsert(request), ::testing::AllOf(SizeIs(1000), Each(BulkResult::OUTCOME_CREATED)));
  EXPECT_EQ(LeadCount(), 1000u);
  EXPECT_THAT(Upsert(request), Each(BulkResult::OUTCOME_UNCHANGED));
  request.add_items()->mutable_lead()->set_display_name("One too many");
  EXPECT_THAT(BadFields(service_.Call<BulkUpsertLeadsResponse>(request).status()), ElementsAre("items"));
}

TEST_F(BulkTest, ScoresLeaveEtagAndWhatPersonsSetAlone) {
  const Lead lead = CreateLead();
  RecordScoresRequest request;
  auto* score = request.add_scores();
  score->set_lead(lead.name());
  score->set_score(80);
  score->set_automated_probability(33.333);
  score->set_priority(2);
  suite().Advance(std::chrono::hours(1));
  EXPECT_EQ(service_.Must<RecordScoresResponse>(request).changed_count(), 1);
  const Lead scored = GetLead(lead.name());
  EXPECT_EQ(scored.score(), 80);
  EXPECT_EQ(scored.automated_probability(), 33.33);
  EXPECT_EQ(scored.probability(), 33.33);
  EXPECT_EQ(scored.priority(), 2);
  EXPECT_EQ(scored.etag(), lead.etag());
  EXPECT_THAT(scored.update_time(), SameAs(lead.update_time()));
  EXPECT_THAT(scored.last_touch_time(), SameAs(lead.last_touch_time()));
  EXPECT_EQ(service_.Must<RecordScoresResponse>(request).changed_count(), 0);
  const auto events = EventsAbout(lead.name());
  EXPECT_THAT(TypesOf(events), ElementsAre("lead.created", "lead.scored"));
  EXPECT_EQ(events[1].origin(), type::v1::ORIGIN_SCORING);

  pipeline::v1::UpdateLeadRequest update;
  update.mutable_lead()->set_name(lead.name());
  update.mutable_lead()->set_etag(lead.etag());  // still good
  update.mutable_lead()->set_probability(60);
  update.mutable_lead()->set_priority(1);
  const Lead set = admin_.Must<Lead>(update);
  EXPECT_TRUE(set.manual_probability());
  EXPECT_EQ(set.priority_source(), Lead::PRIORITY_SOURCE_PERSON);
  score->set_automated_probability(12);
  score->set_priority(3);
  EXPECT_EQ(service_.Must<RecordScoresResponse>(request).changed_count(), 1);
  const Lead after = GetLead(lead.name());
  EXPECT_EQ(after.probability(), 60);
  EXPECT_EQ(after.automated_probability(), 12);
  EXPECT_EQ(after.priority(), 1);
  EXPECT_EQ(after.etag(), set.etag());
}

TEST_F(BulkTest, ScoresOfUnknownOrRepeatedLeads) {
  const Lead lead = CreateLead();
  RecordScoresRequest request;
  request.add_scores()->set_lead("leads/" + NewRequestId());
  request.mutable_scores(0)->set_score(10);
  EXPECT_EQ(service_.Must<RecordScoresResponse>(request).changed_count(), 0);
  request.mutable_scores(0)->set_lead(lead.name());
  *request.add_scores() = request.scores(0);
  EXPECT_THAT(BadFields(service_.Call<RecordScoresResponse>(request).status()), ElementsAre("scores[1].lead"));
  const Caller other = suite().As(suite().NewTenant(), type::v1::ROLE_SERVICE, "services/scoring");
  request.mutable_scores()->RemoveLast();
  EXPECT_EQ(other.Must<RecordScoresResponse>(request).changed_count(), 0);
  EXPECT_EQ(GetLead(lead.name()).score(), 0);
}

}  // namespace
}  // namespace embudo::testing
