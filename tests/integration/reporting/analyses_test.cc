// Each report's figures, on records made for it.

#include <map>

#include "tests/integration/reporting/suite.h"

namespace embudo {
namespace {

using reporting::v1::AnalyzeActivitiesRequest;
using reporting::v1::AnalyzeActivitiesResponse;
using reporting::v1::AnalyzeFunnelRequest;
using reporting::v1::AnalyzeFunnelResponse;
using reporting::v1::AnalyzeLeadsRequest;
using reporting::v1::AnalyzeLeadsResponse;
using reporting::v1::AnalyzePipelineResponse;
using reporting::v1::GetKeyFiguresRequest;
using reporting::v1::GetKeyFiguresResponse;
using reporting::v1::KeyFigure;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kNegotiation;
using testing::kProposal;
using testing::kQualified;
using testing::ReportingTest;
using testing::Usd;
using type::v1::Lead;

google::type::Date DayOf(int year, int month, int day) {
  google::type::Date date;
  date.set_year(year);
  date.set_month(month);
  date.set_day(day);
  return date;
}

class AnalysesTest : public ReportingTest {
 protected:
  static constexpr std::chrono::hours kDay{24};

  type::v1::Activity Plan(const Lead& lead, const std::string& assignee, const google::type::Date& due) {
    pipeline::v1::CreateActivityRequest request;
    request.set_parent(lead.name());
    request.mutable_activity()->set_summary("Call");
    request.mutable_activity()->set_type(type::v1::Activity::TYPE_CALL);
    request.mutable_activity()->set_assignee(assignee);
    *request.mutable_activity()->mutable_due_date() = due;
    return admin_.Must<type::v1::Activity>(request);
  }
  void Complete(const type::v1::Activity& activity) {
    pipeline::v1::CompleteActivityRequest request;
    request.set_name(activity.name());
    admin_.Must<type::v1::Activity>(request);
  }
  google::type::Date Today(int plus = 0) {
    return ToDate(std::chrono::floor<std::chrono::days>(suite_->clock().Now()) + std::chrono::days(plus));
  }
  static const KeyFigure& Figure(const GetKeyFiguresResponse& response, const std::string& name) {
    for (const KeyFigure& figure : response.figures()) {
      if (figure.name() == name) return figure;
    }
    return KeyFigure::default_instance();
  }
};

TEST_F(AnalysesTest, TheFunnelIsThatOfTheRealHistory) {
  const Lead won = Create("Won", 100);
  const Lead back = Create("Back", 50);
  const Lead lost = Create("Lost", 20);
  Create("New", 10);
  suite_->Advance(2 * kDay);
  Move(won, kQualified);
  Move(back, kQualified);
  Move(lost, kQualified);
  suite_->Advance(4 * kDay);
  Move(won, kProposal);
  Move(back, testing::kNew);
  Lose(lost);
  suite_->Advance(6 * kDay);
  Move(back, kQualified);
  Win(won);
  CatchUp();
  const auto funnel = reader_.Must<AnalyzeFunnelResponse>(AnalyzeFunnelRequest());
  std::vector<std::string> rows;
  for (const auto& row : funnel.rows()) {
    const auto& m = row.measures();
    rows.push_back(NameOf(row) + std::to_string(m.entered_count()) + " passed " + std::to_string(m.passed_count()) +
                   " here " + std::to_string(m.here_count()) + " lost " + std::to_string(m.lost_count()) + " won " +
                   std::to_string(m.won_count()) + " stays " + std::to_string(m.stay_count()) + " days " +
                   std::to_string(m.stay_seconds() / 86400));
  }
  // Back: 2 days New, 4 Qualified, 6 New, now Qualified. Others: 2 days New.
  EXPECT_THAT(rows, ElementsAre("New 4 passed 3 here 1 lost 0 won 1 stays 4 days 12",
                                "Qualified 3 passed 1 here 1 lost 1 won 1 stays 3 days 12",
                                "Proposal 1 passed 1 here 0 lost 0 won 1 stays 1 days 6",
                                "Won 1 passed 0 here 0 lost 0 won 1 stays 1 days 0"));
  EXPECT_EQ(funnel.rows(0).measures().conversion_rate(), 75);
  EXPECT_EQ(funnel.rows(1).measures().conversion_rate(), 33.33);
  EXPECT_EQ(funnel.rows(1).measures().average_days(), 4);
  EXPECT_EQ(funnel.total().entered_count(), 4);
  EXPECT_EQ(funnel.total().win_rate(), 25);
  EXPECT_THAT(Differences(), IsEmpty());

  AnalyzeFunnelRequest unknown;
  unknown.set_pipeline("pipelines/none");
  EXPECT_EQ(reader_.Call<AnalyzeFunnelResponse>(unknown).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(AnalysesTest, ActivitiesArePlannedDoneAndOverdue) {
  MakeUser("ann", type::v1::User::VISIBILITY_ALL);
  MakeUser("bob", type::v1::User::VISIBILITY_ALL);
  const Lead deal = Create("Deal", 10);
  Plan(deal, "users/ann", Today(-3));
  Plan(deal, "users/ann", Today());
  Plan(deal, "users/ann", Today(5));
  Complete(Plan(deal, "users/bob", Today(-1)));
  CatchUp();
  AnalyzeActivitiesRequest request;
  request.add_group_by("assignee");
  request.add_group_by("type");
  const auto response = reader_.Must<AnalyzeActivitiesResponse>(request);
  ASSERT_EQ(response.rows_size(), 2);
  EXPECT_EQ(NameOf(response.rows(0)), "ann CALL ");
  EXPECT_EQ(response.rows(0).measures().planned_count(), 3);
  EXPECT_EQ(response.rows(0).measures().overdue_count(), 1);
  EXPECT_EQ(response.rows(0).measures().today_count(), 1);
  EXPECT_EQ(response.rows(1).measures().done_count(), 1);
  EXPECT_EQ(response.rows(1).measures().planned_count(), 0);
  EXPECT_EQ(response.total().count(), 4);
  // What is due tomorrow is overdue the day after, though nothing happens.
  suite_->Advance(kDay);
  EXPECT_EQ(reader_.Must<AnalyzeActivitiesResponse>(request).total().overdue_count(), 2);
  *request.mutable_period()->mutable_start_date() = Today(1);
  EXPECT_EQ(reader_.Must<AnalyzeActivitiesResponse>(request).total().count(), 1);
}

TEST_F(AnalysesTest, CampaignsAreMeasuredByWhatTheyCost) {
  for (const auto& [code, cost] : std::map<std::string, int>{{"spring", 200}, {"idle", 50}}) {
    pipeline::v1::CreateCampaignRequest request;
    request.set_campaign_id(code);
    request.mutable_campaign()->set_display_name("The " + code + " one");
    request.mutable_campaign()->set_code(code);
    *request.mutable_campaign()->mutable_cost() = Usd(cost);
    admin_.Must<type::v1::Campaign>(request);
  }
  Lead lead;
  lead.set_display_name("From spring");
  lead.set_campaign("spring");
  *lead.mutable_expected_revenue() = Usd(500);
  Win(Create(lead));
  lead.set_kind(Lead::KIND_LEAD);
  Create(lead);
  Create("Of none", 70);
  CatchUp();
  AnalyzeLeadsRequest request;
  request.add_group_by("campaign");
  const auto response = reader_.Must<AnalyzeLeadsResponse>(request);
  ASSERT_EQ(response.rows_size(), 3);
  EXPECT_EQ(NameOf(response.rows(0)), "The spring one ");
  const auto& spring = response.rows(0).measures();
  EXPECT_EQ(spring.count(), 2);
  EXPECT_EQ(spring.unqualified_count(), 1);
  EXPECT_EQ(spring.won_count(), 1);
  EXPECT_EQ(ToNumeric(spring.cost()), "200");
  EXPECT_EQ(spring.return_on_investment(), 150);
  EXPECT_EQ(spring.cost_per_lead(), 100);
  EXPECT_FALSE(response.rows(1).measures().has_cost());
  EXPECT_EQ(NameOf(response.rows(2)), "The idle one ");
  EXPECT_EQ(response.rows(2).measures().return_on_investment(), -100);
  EXPECT_EQ(ToNumeric(response.total().cost()), "250");
  EXPECT_EQ(response.total().return_on_investment(), 100);
}

TEST_F(AnalysesTest, KeyFiguresHaveTrendsAndDefinitions) {
  MakeUser("ann", type::v1::User::VISIBILITY_ALL);
  // The month before: one won, one lost; this month: one won with two activities, which took 45 days.
  const Lead early = Create("Early", 100);
  const Lead late = Create("Late", 300);
  suite_->Advance(20 * kDay);
  Win(early);
  Lose(Create("Lost", 10));
  suite_->Advance(25 * kDay);
  Complete(Plan(late, "users/ann", Today()));
  Complete(Plan(late, "users/ann", Today()));
  Win(late);
  Lead open;
  open.set_display_name("Open");
  *open.mutable_expected_revenue() = Usd(400);
  *open.mutable_expected_close_date() = Today();
  Create(open);
  CatchUp();
  GetKeyFiguresRequest request;
  *request.mutable_period()->mutable_start_date() = Today(-14);
  *request.mutable_period()->mutable_end_date() = Today();
  const auto figures = reader_.Must<GetKeyFiguresResponse>(request);
  EXPECT_EQ(figures.won(), 1);
  EXPECT_EQ(figures.lost(), 0);
  EXPECT_EQ(figures.open(), 1);
  EXPECT_EQ(ToNumeric(figures.open_revenue()), "400");
  EXPECT_EQ(Figure(figures, "win_rate").value(), 100);
  EXPECT_EQ(Figure(figures, "win_rate").standing(), reporting::v1::FigureHealth::STANDING_ABOVE);
  EXPECT_EQ(Figure(figures, "average_won_cycle_days").value(), 45);
  EXPECT_EQ(Figure(figures, "activities_per_won_deal").value(), 2);
  EXPECT_FALSE(Figure(figures, "pipeline_coverage").has_value());
  EXPECT_THAT(Figure(figures, "win_rate").definition(), ::testing::HasSubstr("20 to 40 %"));
  // As many days just before: one won, one lost.
  EXPECT_EQ(Figure(figures, "win_rate").previous_value(), 50);
  EXPECT_EQ(Figure(figures, "win_rate").trend(), KeyFigure::TREND_UP);
  *request.mutable_period()->mutable_start_date() = Today(-22);
  const auto longer = reader_.Must<GetKeyFiguresResponse>(request);
  EXPECT_EQ(Figure(longer, "average_won_deal").value(), 300);
  EXPECT_EQ(Figure(longer, "average_won_deal").previous_value(), 100);
  EXPECT_EQ(Figure(longer, "average_won_deal").trend(), KeyFigure::TREND_UP);
  EXPECT_EQ(Figure(longer, "activities_per_won_deal").trend(), KeyFigure::TREND_UP);
  EXPECT_EQ(Figure(longer, "activities_per_won_deal").standing(), reporting::v1::FigureHealth::STANDING_ABOVE);
}

TEST_F(AnalysesTest, OtherCurrenciesCountAtTheirDatedRate) {
  pipeline::v1::CreateExchangeRateRequest rate;
  rate.mutable_exchange_rate()->set_currency_code("EUR");
  *rate.mutable_exchange_rate()->mutable_start_date() = DayOf(2020, 1, 1);
  rate.mutable_exchange_rate()->set_rate("1.25");
  admin_.Must<type::v1::ExchangeRate>(rate);
  Lead lead;
  lead.set_display_name("In euros");
  *lead.mutable_expected_revenue() = Usd(1000);
  lead.mutable_expected_revenue()->set_currency_code("EUR");
  Create(lead);
  Create("In dollars", 50);
  CatchUp();
  const auto response = reader_.Must<AnalyzePipelineResponse>(Analysis({}));
  EXPECT_EQ(ToNumeric(response.total().expected_revenue()), "1300");
  EXPECT_EQ(response.total().other_currency_count(), 0);
}

TEST_F(AnalysesTest, PeriodsAreOfTheTimeThatIsAsked) {
  const Lead first = Create("First", 1);
  suite_->Advance(40 * kDay);
  Win(first);
  Create("Second", 2);
  CatchUp();
  auto request = Analysis({"state"});
  *request.mutable_period()->mutable_start_date() = Today(-1);
  EXPECT_THAT(Show(reader_.Must<AnalyzePipelineResponse>(request)), ElementsAre("OPEN 1 2"));
  request.mutable_period()->set_time("close");
  EXPECT_THAT(Show(reader_.Must<AnalyzePipelineResponse>(request)), ElementsAre("WON 1 1"));
  *request.mutable_period()->mutable_end_date() = Today(-1);
  EXPECT_THAT(Show(reader_.Must<AnalyzePipelineResponse>(request)), IsEmpty());
}

}  // namespace
}  // namespace embudo
