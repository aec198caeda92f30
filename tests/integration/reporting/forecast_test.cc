// The forecast, its quota, its snapshots, and what slips between them.

#include "tests/integration/reporting/suite.h"

namespace embudo {
namespace {

using reporting::v1::CompareForecastsRequest;
using reporting::v1::CompareForecastsResponse;
using reporting::v1::CreateForecastSnapshotRequest;
using reporting::v1::ForecastSnapshot;
using reporting::v1::GetForecastRequest;
using reporting::v1::GetForecastResponse;
using reporting::v1::ListForecastSnapshotsRequest;
using reporting::v1::ListForecastSnapshotsResponse;
using ::testing::ElementsAre;
using testing::Eventually;
using testing::ReportingTest;
using testing::Usd;
using type::v1::Lead;

class ForecastTest : public ReportingTest {
 protected:
  /// The first day of the month that many months from now, and some days.
  google::type::Date In(int months, int days = 0) {
    const std::chrono::year_month_day today(std::chrono::floor<std::chrono::days>(suite_->clock().Now()));
    const Day first = (today.year() / today.month() + std::chrono::months(months)) / 1;
    return ToDate(first + std::chrono::days(days));
  }
  Lead Deal(const std::string& title, int64_t revenue, const google::type::Date& close,
            type::v1::ForecastCategory category = type::v1::FORECAST_CATEGORY_UNSPECIFIED,
            const std::string& owner = "") {
    Lead lead;
    lead.set_display_name(title);
    lead.set_owner(owner);
    lead.set_probability(50);
    lead.set_forecast_category(category);
    *lead.mutable_expected_revenue() = Usd(revenue);
    *lead.mutable_expected_close_date() = close;
    return Create(lead);
  }
  void Target(const std::string& user, type::v1::Target::Period period, const google::type::Date& start,
              int64_t amount) {
    pipeline::v1::CreateTargetRequest request;
    request.mutable_target()->set_user(user);
    request.mutable_target()->set_period(period);
    *request.mutable_target()->mutable_start_date() = start;
    *request.mutable_target()->mutable_amount() = Usd(amount);
    admin_.Must<type::v1::Target>(request);
  }
  GetForecastRequest Months(int months) {
    GetForecastRequest request;
    *request.mutable_start_date() = In(0);
    *request.mutable_end_date() = In(months, -1);
    return request;
  }
  ForecastSnapshot Take() { return reader_.Must<ForecastSnapshot>(CreateForecastSnapshotRequest()); }
  static std::string Amount(const google::type::Money& money) { return ToNumeric(money); }
};

TEST_F(ForecastTest, RowsAreByMonthAndCategoryAgainstQuota) {
  MakeUser("ann", type::v1::User::VISIBILITY_ALL);
  Target("users/ann", type::v1::Target::PERIOD_MONTH, In(0), 1000);
  Deal("Committed", 100, In(0, 10), type::v1::FORECAST_CATEGORY_COMMITTED);
  Deal("Best", 40, In(0, 11), type::v1::FORECAST_CATEGORY_BEST_CASE);
  Deal("As its stage says", 20, In(0, 12));
  Deal("Omitted", 7, In(0, 13), type::v1::FORECAST_CATEGORY_OMITTED);
  Deal("Later", 500, In(1, 3), type::v1::FORECAST_CATEGORY_COMMITTED);
  Deal("Much later", 900, In(8, 3));
  Win(Deal("Won", 250, In(3)));
  CatchUp();
  const auto forecast = reader_.Must<GetForecastResponse>(Months(3));
  ASSERT_EQ(forecast.rows_size(), 2);
  const auto& month = forecast.rows(0).measures();
  EXPECT_EQ(Amount(month.won_revenue()), "250");
  EXPECT_EQ(Amount(month.committed_revenue()), "100");
  EXPECT_EQ(Amount(month.best_case_revenue()), "40");
  EXPECT_EQ(Amount(month.pipeline_revenue()), "20");
  EXPECT_EQ(Amount(month.omitted_revenue()), "7");
  EXPECT_EQ(Amount(month.weighted_revenue()), "80");
  EXPECT_EQ(Amount(month.expected_total()), "330");
  EXPECT_EQ(Amount(month.quota()), "1000");
  EXPECT_EQ(month.attainment(), 25);
  EXPECT_EQ(month.coverage(), 0.16);
  EXPECT_EQ(Amount(forecast.rows(1).measures().committed_revenue()), "500");
  EXPECT_FALSE(forecast.rows(1).measures().has_quota());
  EXPECT_EQ(Amount(forecast.total().weighted_revenue()), "330");
  EXPECT_EQ(Amount(forecast.total().quota()), "1000");

  auto by_category = Months(3);
  by_category.add_group_by("forecast_category");
  const auto categories = reader_.Must<GetForecastResponse>(by_category);
  std::vector<std::string> names;
  for (const auto& row : categories.rows()) names.push_back(NameOf(row));
  EXPECT_THAT(names, ElementsAre("BEST_CASE ", "COMMITTED ", "OMITTED ", "PIPELINE "));
}

TEST_F(ForecastTest, SnapshotsShowWhatSlipped) {
  const Lead slips = Deal("Slips", 300, In(0, 10));
  const Lead wins = Deal("Wins", 200, In(0, 11));
  const Lead loses = Deal("Loses", 50, In(0, 12));
  const Lead grows = Deal("Grows", 10, In(0, 13));
  const Lead goes = Deal("Goes", 5, In(0, 14));
  CatchUp();
  const ForecastSnapshot before = Take();
  EXPECT_EQ(before.open_count(), 5);
  EXPECT_EQ(Amount(before.open_revenue()), "565");

  Lead changed = slips;
  *changed.mutable_expected_close_date() = In(2);
  Update(changed, "expected_close_date");
  Win(wins);
  Lose(loses);
  changed = grows;
  *changed.mutable_expected_revenue() = Usd(25);
  Update(changed, "expected_revenue");
  Delete(goes);
  Deal("New", 70, In(0, 15));
  CatchUp();

  CompareForecastsRequest request;
  request.set_base_snapshot(before.name());
  *request.mutable_start_date() = In(0);
  *request.mutable_end_date() = In(1, -1);
  const auto check = [&](const CompareForecastsResponse& slippage) {
    EXPECT_EQ(Amount(slippage.base().revenue()), "565");
    EXPECT_EQ(slippage.base().count(), 5);
    EXPECT_EQ(Amount(slippage.slipped().revenue()), "300");
    EXPECT_EQ(Amount(slippage.won().revenue()), "200");
    EXPECT_EQ(Amount(slippage.lost().revenue()), "50");
    EXPECT_EQ(Amount(slippage.removed().revenue()), "5");
    EXPECT_EQ(Amount(slippage.remaining().revenue()), "10");
    EXPECT_EQ(Amount(slippage.amount_change()), "15");
    EXPECT_EQ(Amount(slippage.added().revenue()), "70");
    EXPECT_EQ(slippage.slippage_rate(), 53.1);
    ASSERT_EQ(slippage.deals_size(), 1);
    EXPECT_EQ(slippage.deals(0).display_name(), "Slips");
  };
  check(reader_.Must<CompareForecastsResponse>(request));
  const ForecastSnapshot after = Take();
  request.set_snapshot(after.name());
  check(reader_.Must<CompareForecastsResponse>(request));

  // The forecast can still be read as it was.
  auto then = Months(1);
  then.set_snapshot(before.name());
  const auto old = reader_.Must<GetForecastResponse>(then);
  ASSERT_EQ(old.rows_size(), 1);
  EXPECT_EQ(Amount(old.rows(0).measures().pipeline_revenue()), "565");
  EXPECT_EQ(old.freshness().as_of().seconds(), before.create_time().seconds());
  EXPECT_EQ(Amount(reader_.Must<GetForecastResponse>(Months(1)).rows(0).measures().pipeline_revenue()), "95");
  then.add_group_by("source");
  EXPECT_THAT(testing::BadFields(reader_.Call<GetForecastResponse>(then).status()), ElementsAre("group_by[0]"));
  request.set_base_snapshot("forecastSnapshots/none");
  EXPECT_EQ(reader_.Call<CompareForecastsResponse>(request).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ForecastTest, OneIsTakenEachDayAndARequestTakesOne) {
  Deal("Deal", 10, In(0, 10));
  CatchUp();
  const auto list = [&] {
    std::vector<ForecastSnapshot> all;
    ListForecastSnapshotsRequest request;
    request.set_page_size(1);
    do {
      const auto page = reader_.Must<ListForecastSnapshotsResponse>(request);
      all.insert(all.end(), page.forecast_snapshots().begin(), page.forecast_snapshots().end());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return all;
  };
  const auto daily = [&] {
    const auto all = list();
    return std::count_if(all.begin(), all.end(), [](const auto& snapshot) { return snapshot.daily(); });
  };
  ASSERT_TRUE(Eventually([&] { return daily() == 1; }));
  suite_->Advance(std::chrono::hours(24));
  ASSERT_TRUE(Eventually([&] { return daily() == 2; }));
  CreateForecastSnapshotRequest request;
  request.set_request_id("11111111-2222-4333-8444-555555555555");
  const auto first = reader_.Must<ForecastSnapshot>(request);
  EXPECT_EQ(reader_.Must<ForecastSnapshot>(request).name(), first.name());
  EXPECT_FALSE(first.daily());
  EXPECT_EQ(list().size(), 3U);
  const auto rep = suite_->As(tenant_, type::v1::ROLE_REP, "users/ann", "reporting");
  EXPECT_EQ(rep.Call<ForecastSnapshot>(request).status().code(), absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace embudo
