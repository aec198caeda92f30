// Reports over the whole way: a change in the pipeline, its event, the figures.

#include <fstream>
#include <iterator>
#include <map>

#include "common/testing/shared_data.h"
#include "common/text/csv.h"
#include "common/text/dates.h"
#include "tests/integration/reporting/suite.h"

namespace embudo {
namespace {

using testing::Caller;
using ::testing::ElementsAre;
using testing::IsError;
using testing::kNew;
using testing::ReportingTest;
using type::v1::Lead;

TEST_F(ReportingTest, FiguresFollowThePipeline) {
  const Lead first = Create("First", 1000);
  Create("Second", 250);
  const Lead third = Create("Third", 70);
  suite_->Advance(std::chrono::hours(24 * 40));
  Win(first);
  pipeline::v1::LoseLeadRequest lose;
  lose.set_name(third.name());
  admin_.Must<Lead>(lose);
  CatchUp();

  const auto figures = KeyFigures();
  EXPECT_EQ(figures.opportunities(), 3);
  EXPECT_EQ(figures.won(), 1);
  EXPECT_EQ(figures.lost(), 1);
  EXPECT_EQ(figures.open(), 1);
  EXPECT_EQ(ToNumeric(figures.won_revenue()), "1000");
  EXPECT_EQ(ToNumeric(figures.open_revenue()), "250");
  EXPECT_EQ(figures.win_rate(), 50);
  EXPECT_EQ(figures.average_won_cycle_days(), 40);
  EXPECT_THAT(Analyze({"state"}), ElementsAre("LOST 1 70", "OPEN 1 250", "WON 1 1000"));
  EXPECT_THAT(Analyze({"stage", "close_month"}), ElementsAre("New 2026-07 1 70", "New  1 250", "Won 2026-07 1 1000"));
  EXPECT_THAT(Analyze({"state"}, "stage.display_name = \"Won\""), ElementsAre("WON 1 1000"));

  reporting::v1::AnalyzeWinLossRequest request;
  request.add_group_by("close_year");
  const auto win_loss = reader_.Must<reporting::v1::AnalyzeWinLossResponse>(request);
  ASSERT_EQ(win_loss.rows_size(), 1);
  EXPECT_EQ(win_loss.rows(0).measures().won_count(), 1);
  EXPECT_EQ(win_loss.rows(0).measures().win_rate(), 50);
  EXPECT_EQ(ToNumeric(win_loss.total().lost_revenue()), "70");
}

TEST_F(ReportingTest, DeletedLeadsDoNotCount) {
  const Lead lead = Create("Mistake", 5);
  Create("Deal", 7);
  pipeline::v1::DeleteLeadRequest request;
  request.set_name(lead.name());
  admin_.Must<Lead>(request);
  CatchUp();
  EXPECT_EQ(KeyFigures().opportunities(), 1);
  EXPECT_EQ(ToNumeric(KeyFigures().open_revenue()), "7");
}

TEST_F(ReportingTest, RequestsAreChecked) {
  reporting::v1::AnalyzePipelineRequest request;
  request.add_group_by("stage");
  request.add_group_by("colour");
  EXPECT_THAT(testing::BadFields(reader_.Call<reporting::v1::AnalyzePipelineResponse>(request).status()),
              ElementsAre("group_by[1]"));
  request.mutable_group_by()->RemoveLast();
  request.set_filter("stagee = \"x\"");
  EXPECT_THAT(reader_.Call<reporting::v1::AnalyzePipelineResponse>(request),
              IsError(absl::StatusCode::kInvalidArgument, "INVALID_FILTER"));
}

TEST_F(ReportingTest, RepresentativesCountWhatTheySee) {
  pipeline::v1::CreateUserRequest request;
  request.set_user_id("ann");
  request.mutable_user()->set_display_name("Ann");
  request.mutable_user()->set_visibility(type::v1::User::VISIBILITY_OWN);
  admin_.Must<type::v1::User>(request);
  Create("Hers", 10, "users/ann");
  Create("Not hers", 100);
  CatchUp();
  const Caller ann = suite_->As(tenant_, type::v1::ROLE_REP, "users/ann", "reporting");
  const auto figures = ann.Must<reporting::v1::GetKeyFiguresResponse>(reporting::v1::GetKeyFiguresRequest());
  EXPECT_EQ(ToNumeric(figures.open_revenue()), "10");
  EXPECT_EQ(ToNumeric(KeyFigures().open_revenue()), "110");
  // Nothing of another tenant, whoever asks.
  const Caller other = suite_->As(suite_->NewTenant(), type::v1::ROLE_ADMIN, "users/admin", "reporting");
  EXPECT_EQ(other.Must<reporting::v1::GetKeyFiguresResponse>(reporting::v1::GetKeyFiguresRequest()).opportunities(), 0);
}

TEST_F(ReportingTest, EveryAnswerSaysHowOldItIs) {
  Create("Known", 1);
  CatchUp();
  const auto fresh = KeyFigures().freshness();
  EXPECT_EQ(fresh.staleness().seconds(), 0);
  EXPECT_EQ(FromTimestamp(fresh.as_of()), suite_->clock().Now());
  EXPECT_EQ(fresh.positions_size(), 16);

  // Writers wait for this lock, readers don't.
  const auto connection = db::Connection::Open(suite_->database().ConninfoAs("postgres"));
  ASSERT_TRUE(connection.ok()) << connection.status();
  ASSERT_TRUE((*connection)->ExecScript("BEGIN; LOCK TABLE reporting.lead IN SHARE ROW EXCLUSIVE MODE").ok());
  const Time made = suite_->clock().Now();
  Create("Waiting", 2);
  suite_->Advance(std::chrono::seconds(90));
  EXPECT_TRUE(testing::Eventually([&] { return KeyFigures().freshness().staleness().seconds() == 90; }));
  EXPECT_EQ(FromTimestamp(KeyFigures().freshness().as_of()), made);
  EXPECT_EQ(KeyFigures().opportunities(), 1);

  ASSERT_TRUE((*connection)->ExecScript("COMMIT").ok());
  CatchUp();
  EXPECT_EQ(KeyFigures().freshness().staleness().seconds(), 0);
  EXPECT_EQ(KeyFigures().opportunities(), 2);
}

TEST_F(ReportingTest, NothingIsLostWithRedisOrByARestart) {
  for (int i = 0; i < 20; ++i) {
    Create("Deal " + std::to_string(i), 1);
    if (i == 5) suite_->redis().FlushAll();
    if (i == 10) {
      suite_->Restart("reporting");
      reader_ = suite_->As(tenant_, type::v1::ROLE_ADMIN, "users/admin", "reporting");
    }
  }
  CatchUp();
  EXPECT_EQ(KeyFigures().opportunities(), 20);
  EXPECT_THAT(Differences(), ::testing::IsEmpty());
}

std::vector<std::map<std::string, std::string>> ReadCsv(const std::string& path) {
  std::ifstream file(path);
  text::CsvReader reader;
  EXPECT_TRUE(reader.Feed(std::string(std::istreambuf_iterator<char>(file), {})).ok() && reader.Finish().ok());
  text::CsvRow header;
  EXPECT_TRUE(reader.Next(&header));
  std::vector<std::map<std::string, std::string>> rows;
  for (text::CsvRow row; reader.Next(&row);) {
    auto& cells = rows.emplace_back();
    for (size_t i = 0; i < header.cells.size(); ++i) cells[header.cells[i]] = row.cells[i];
  }
  return rows;
}

pipeline::v1::LeadUpsert ImportedLead(std::map<std::string, std::string>& row) {
  pipeline::v1::LeadUpsert item;
  Lead& lead = *item.mutable_lead();
  lead.set_kind(Lead::KIND_OPPORTUNITY);
  lead.set_display_name(row["opportunity_id"]);
  auto& id = *lead.add_external_ids();
  id.set_system("maven");
  id.set_id(row["opportunity_id"]);
  lead.set_stage(row["deal_stage"] == "Won" ? "pipelines/default/stages/won" : kNew);
  lead.set_state(row["deal_stage"] == "Won"    ? Lead::STATE_WON
                 : row["deal_stage"] == "Lost" ? Lead::STATE_LOST
                                               : Lead::STATE_OPEN);
  if (!row["close_value"].empty()) *lead.mutable_expected_revenue() = *MoneyFromNumeric(row["close_value"], "USD");
  if (!row["engage_date"].empty()) *lead.mutable_open_time() = ToTimestamp(*text::ParseTime(row["engage_date"]));
  if (!row["close_date"].empty()) *lead.mutable_close_time() = ToTimestamp(*text::ParseTime(row["close_date"]));
  return item;
}

TEST_F(ReportingTest, FiguresOfAnImportAreExact) {
  const auto path = testing::SharedData("maven_crm/sales_pipeline.csv");
  if (!path) GTEST_SKIP() << testing::kNoSharedData;
  pipeline::v1::BulkUpsertLeadsRequest request;
  const auto flush = [&] {
    const auto response = admin_.Must<pipeline::v1::BulkUpsertLeadsResponse>(request);
    for (const auto& result : response.results()) {
      EXPECT_EQ(result.outcome(), pipeline::v1::BulkResult::OUTCOME_CREATED) << result.ShortDebugString();
    }
    request.clear_items();
  };
  for (auto& row : ReadCsv(*path)) {
    *request.add_items() = ImportedLead(row);
    if (request.items_size() == 1000) flush();
  }
  flush();
  CatchUp();
  const auto figures = KeyFigures();
  EXPECT_EQ(figures.opportunities(), 8800);
  EXPECT_EQ(figures.won(), 4238);
  EXPECT_EQ(figures.lost(), 2473);
  EXPECT_EQ(figures.open(), 2089);
  EXPECT_EQ(ToNumeric(figures.won_revenue()), "10005534");
  EXPECT_EQ(figures.win_rate(), 63.15);
  EXPECT_EQ(figures.average_won_deal(), 2360.91);
  EXPECT_EQ(figures.average_won_cycle_days(), 51.78);
  EXPECT_THAT(Differences(), ::testing::IsEmpty());
}

}  // namespace
}  // namespace embudo
