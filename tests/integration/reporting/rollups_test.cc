// Sums that are kept: equal to the facts whatever happens, made anew while they answer.

#include <random>

#include "common/testing/eventually.h"
#include "embudo/pipeline/v1/touch_service.pb.h"
#include "tests/integration/reporting/suite.h"

namespace embudo {
namespace {

using reporting::v1::AnalyzeActivitiesRequest;
using reporting::v1::AnalyzeActivitiesResponse;
using reporting::v1::AnalyzeFunnelRequest;
using reporting::v1::AnalyzeFunnelResponse;
using reporting::v1::AnalyzePipelineRequest;
using reporting::v1::AnalyzePipelineResponse;
using reporting::v1::Freshness;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ReportingTest;

class RollupsTest : public ReportingTest {
 protected:
  /// One of the things that happen to leads.
  void Happen(std::mt19937& random, std::vector<Lead>& leads) {
    const auto pick = [&](size_t n) { return static_cast<size_t>(random() % n); };
    if (leads.size() < 5 || pick(4) == 0) {
      Lead lead;
      lead.set_display_name("Deal");
      *lead.mutable_expected_revenue() = testing::Usd(static_cast<int64_t>(pick(1000)));
      lead.set_source(std::vector<std::string>{"", "google", "news"}[pick(3)]);
      lead.set_country(std::vector<std::string>{"DE", "FR"}[pick(2)]);
      if (pick(2) == 0) lead.add_tags("tags/hot");
      if (pick(3) == 0) lead.add_tags("tags/big");
      leads.push_back(Create(lead));
      return;
    }
    Lead& lead = leads[pick(leads.size())];
    switch (pick(6)) {
      case 0:
        lead.set_country("ES");
        lead = Update(lead, "country");
        return;
      case 1:
        if (lead.state() == Lead::STATE_OPEN) {
          lead = Move(lead, std::vector<std::string>{testing::kQualified, testing::kProposal, testing::kNew}[pick(3)]);
        }
        return;
      case 2:
        if (lead.state() == Lead::STATE_OPEN) lead = Win(lead);
        return;
      case 3:
        if (lead.state() == Lead::STATE_OPEN) lead = Lose(lead);
        return;
      case 4: {
        pipeline::v1::CreateActivityRequest request;
        request.set_parent(lead.name());
        request.mutable_activity()->set_summary("Call");
        request.mutable_activity()->set_assignee("users/admin");
        request.mutable_activity()->mutable_due_date()->set_year(2026);
        request.mutable_activity()->mutable_due_date()->set_month(7);
        request.mutable_activity()->mutable_due_date()->set_day(static_cast<int>(1 + pick(28)));
        admin_.Must<type::v1::Activity>(request);
        return;
      }
      default:
        *lead.mutable_expected_revenue() = testing::Usd(static_cast<int64_t>(pick(5000)));
        lead = Update(lead, "expected_revenue");
    }
  }

  void MakeTag(const std::string& id) {
    pipeline::v1::CreateTagRequest request;
    request.set_tag_id(id);
    request.mutable_tag()->set_display_name(id);
    admin_.Must<type::v1::Tag>(request);
  }
};

TEST_F(RollupsTest, KeptSumsAreWhatTheFactsSumUpTo) {
  MakeTag("hot");
  MakeTag("big");
  MakeUser("admin", type::v1::User::VISIBILITY_ALL);
  std::mt19937 random(7);
  std::vector<Lead> leads;
  for (int i = 0; i < 30; ++i) Happen(random, leads);
  CatchUp();

  std::vector<AnalyzePipelineRequest> requests = {
      Analysis({}), Analysis({"stage", "source"}), Analysis({"tag", "country"}),
      Analysis({"create_month", "state"}, "country = \"DE\""), Analysis({"probability_band"}, "source = \"google\"")};
  AnalyzePipelineRequest days = Analysis({"source"});
  days.mutable_period()->mutable_start_date()->set_year(2026);
  days.mutable_period()->mutable_start_date()->set_month(1);
  days.mutable_period()->mutable_start_date()->set_day(15);
  requests.push_back(days);
  AnalyzeFunnelRequest funnel;
  funnel.add_group_by("source");
  AnalyzeActivitiesRequest activities;
  activities.add_group_by("assignee");
  for (const auto& request : requests) FromRollup<AnalyzePipelineResponse>(request);
  FromRollup<AnalyzeFunnelResponse>(funnel);
  FromRollup<AnalyzeActivitiesResponse>(activities);

  for (int i = 0; i < 60; ++i) {
    Happen(random, leads);
    if (i % 20 == 10) Delete(leads.back()), leads.pop_back();
    if (i == 30) suite_->redis().FlushAll();
  }
  CatchUp();
  // The same answers whether sums are kept or not.
  std::vector<AnalyzePipelineResponse> kept;
  for (const auto& request : requests) kept.push_back(FromRollup<AnalyzePipelineResponse>(request));
  const auto kept_funnel = FromRollup<AnalyzeFunnelResponse>(funnel);
  const auto kept_activities = FromRollup<AnalyzeActivitiesResponse>(activities);
  EXPECT_THAT(Differences(), IsEmpty());
  EXPECT_THAT(compared_, Contains(HasSubstr("lead by pipeline_id source stage_id")));
  EXPECT_THAT(compared_, Contains(HasSubstr("stay by")));
  suite_->Query("DELETE FROM reporting.rollup WHERE tenant_id = $1", db::Params::Of(tenant_));
  const auto same = [](auto a, auto b) {
    a.clear_freshness();
    b.clear_freshness();
    return a.SerializeAsString() == b.SerializeAsString();
  };
  for (size_t i = 0; i < requests.size(); ++i) {
    const auto facts = reader_.Must<AnalyzePipelineResponse>(requests[i]);
    EXPECT_EQ(facts.freshness().source(), Freshness::SOURCE_FACTS);
    EXPECT_TRUE(same(facts, kept[i])) << facts.DebugString() << "\nkept " << kept[i].DebugString();
  }
  EXPECT_TRUE(same(reader_.Must<AnalyzeFunnelResponse>(funnel), kept_funnel));
  EXPECT_TRUE(same(reader_.Must<AnalyzeActivitiesResponse>(activities), kept_activities));
}

TEST_F(RollupsTest, WhatIsWrongIsFoundAndPutRight) {
  const Lead first = Move(Create("First", 100), testing::kQualified);
  const Lead second = Create("Second", 10);
  CatchUp();
  const auto before = FromRollup<AnalyzePipelineResponse>(Analysis({"stage"}));
  EXPECT_THAT(Differences(), IsEmpty());

  // As a bug or a bad disk might leave it.
  const std::string id = first.name().substr(6);
  suite_->Query(
      "UPDATE reporting.lead SET expected_revenue = 7, converted_expected_revenue = 7, country = 'XX'"
      " WHERE tenant_id = $1 AND lead_id = $2::uuid",
      db::Params::Of(tenant_, id));
  suite_->Query("DELETE FROM reporting.lead WHERE tenant_id = $1 AND lead_id = $2::uuid",
                db::Params::Of(tenant_, second.name().substr(6)));
  suite_->Query("UPDATE reporting.stay SET seconds = seconds + 5 WHERE tenant_id = $1 AND lead_id = $2::uuid",
                db::Params::Of(tenant_, id));
  suite_->Query("UPDATE reporting.rollup_row SET c1 = c1 + 1 WHERE tenant_id = $1", db::Params::Of(tenant_));
  const auto found = Differences();
  EXPECT_THAT(found, Contains(HasSubstr(first.name() + ": stays converted_expected_revenue country expected_revenue")));
  EXPECT_THAT(found, Contains(HasSubstr(second.name() + ": is on one side only")));
  EXPECT_THAT(found, Contains(HasSubstr("lead by pipeline_id stage_id: {OPPORTUNITY,OPEN,false,default,")));

  const auto steps =
      Stream<reporting::v1::RebuildReportsResponse>("RebuildReports", reporting::v1::RebuildReportsRequest());
  ASSERT_TRUE(last_status_.ok()) << last_status_;
  EXPECT_EQ(steps.back().phase(), reporting::v1::RebuildReportsResponse::PHASE_DONE);
  EXPECT_EQ(steps.back().leads(), 2);
  EXPECT_EQ(steps.back().repaired(), 2);
  EXPECT_GE(steps.back().rollups(), 1);
  EXPECT_THAT(Differences(), IsEmpty());
  auto after = FromRollup<AnalyzePipelineResponse>(Analysis({"stage"}));
  EXPECT_THAT(Show(after), ElementsAre("New 1 10", "Qualified 1 100"));
  EXPECT_EQ(Show(after), Show(before));
}

TEST_F(RollupsTest, EverythingIsMadeFromNothing) {
  const Lead won = Win(Create("Won", 100));
  const Lead lost = Lose(Move(Create("Lost", 10), testing::kProposal));
  CatchUp();
  const auto before = reader_.Must<AnalyzeFunnelResponse>(AnalyzeFunnelRequest());
  for (const char* table : {"lead", "stay", "activity", "touch", "rollup", "rollup_row"}) {
    suite_->Query(std::string("DELETE FROM reporting.") + table + " WHERE tenant_id = $1", db::Params::Of(tenant_));
  }
  EXPECT_EQ(KeyFigures().opportunities(), 0);
  Stream<reporting::v1::RebuildReportsResponse>("RebuildReports", reporting::v1::RebuildReportsRequest());
  ASSERT_TRUE(last_status_.ok()) << last_status_;
  EXPECT_EQ(KeyFigures().opportunities(), 2);
  EXPECT_THAT(Differences(), IsEmpty());
  const auto after = reader_.Must<AnalyzeFunnelResponse>(AnalyzeFunnelRequest());
  ASSERT_EQ(after.rows_size(), before.rows_size());
  for (int i = 0; i < after.rows_size(); ++i) {
    EXPECT_EQ(after.rows(i).SerializeAsString(), before.rows(i).SerializeAsString());
  }
}

TEST_F(RollupsTest, LastTouchesAreCounted) {
  Lead lead;
  lead.set_display_name("Touched");
  lead.set_source("google");
  lead.set_campaign("spring");
  const Lead made = Create(lead);
  pipeline::v1::CreateTouchRequest touch;
  touch.set_parent(made.name());
  touch.mutable_touch()->set_source("newsletter");
  touch.mutable_touch()->set_campaign("autumn");
  admin_.Must<type::v1::Touch>(touch);
  CatchUp();
  reporting::v1::AnalyzeLeadsRequest request;
  request.add_group_by("source");
  const auto first = reader_.Must<reporting::v1::AnalyzeLeadsResponse>(request);
  ASSERT_EQ(first.rows_size(), 1);
  EXPECT_EQ(NameOf(first.rows(0)), "google ");
  request.set_attribution(reporting::v1::AnalyzeLeadsRequest::ATTRIBUTION_LAST_TOUCH);
  const auto last = FromRollup<reporting::v1::AnalyzeLeadsResponse>(request);
  ASSERT_EQ(last.rows_size(), 1);
  EXPECT_EQ(NameOf(last.rows(0)), "newsletter ");
  touch.mutable_touch()->set_source("fair");
  suite_->Advance(std::chrono::hours(1));
  admin_.Must<type::v1::Touch>(touch);
  CatchUp();
  EXPECT_EQ(NameOf(FromRollup<reporting::v1::AnalyzeLeadsResponse>(request).rows(0)), "fair ");
  EXPECT_THAT(Differences(), IsEmpty());
}

}  // namespace
}  // namespace embudo
