// Who sees which figures, what is refused, dashboards, exports, and the chart view.

#include "embudo/pipeline/v1/tenant_service.pb.h"
#include "tests/integration/reporting/suite.h"

namespace embudo {
namespace {

using reporting::v1::AnalyzePipelineRequest;
using reporting::v1::AnalyzePipelineResponse;
using reporting::v1::Dashboard;
using testing::BadFields;
using testing::Caller;
using ::testing::ElementsAre;
using testing::Eventually;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsError;
using testing::ReportingTest;
using type::v1::Lead;

class AccessTest : public ReportingTest {
 protected:
  Caller Rep(const std::string& user) { return suite_->As(tenant_, type::v1::ROLE_REP, "users/" + user, "reporting"); }
  absl::Status Refused(const AnalyzePipelineRequest& request) {
    return reader_.Call<AnalyzePipelineResponse>(request).status();
  }
};

TEST_F(AccessTest, RepresentativesCountWhatListsShow) {
  MakeUser("own", type::v1::User::VISIBILITY_OWN);
  MakeUser("team", type::v1::User::VISIBILITY_TEAM);
  MakeUser("all", type::v1::User::VISIBILITY_ALL);
  MakeTeam("west", {"users/team"});
  Create("Of own", 1, "users/own");
  Lead lead = Create("Of west", 10);
  lead.set_team("teams/west");
  Update(lead, "team");
  lead = Create("Shared", 100);
  lead.add_collaborators("users/own");
  Update(lead, "collaborators");
  pipeline::v1::FollowLeadRequest follow;
  follow.set_name(Create("Followed", 1000).name());
  follow.add_users("users/own");
  follow.add_users("users/team");
  admin_.Must<Lead>(follow);
  Create("Of nobody", 10000);
  CatchUp();
  const auto sum = [&](const std::string& user, const std::vector<std::string>& by = {}) {
    return ToNumeric(Rep(user).Must<AnalyzePipelineResponse>(Analysis(by)).total().expected_revenue());
  };
  const auto listed = [&](const std::string& user) {
    pipeline::v1::ListLeadsRequest request;
    int64_t units = 0;
    const auto caller = suite_->As(tenant_, type::v1::ROLE_REP, "users/" + user);
    const auto page = caller.Must<pipeline::v1::ListLeadsResponse>(request);
    for (const Lead& each : page.leads()) {
      units += each.expected_revenue().units();
    }
    return std::to_string(units);
  };
  for (const char* user : {"own", "team", "all", "unknown"}) EXPECT_EQ(sum(user), listed(user)) << user;
  EXPECT_EQ(sum("own"), "1101");
  EXPECT_EQ(sum("team"), "1010");
  EXPECT_EQ(sum("all"), "11111");
  // So it is where sums are kept.
  for (const char* user : {"own", "team"}) {
    const std::string facts = sum(user, {"source"});
    EXPECT_TRUE(Eventually([&] {
      return Rep(user).Must<AnalyzePipelineResponse>(Analysis({"source"})).freshness().source() ==
             reporting::v1::Freshness::SOURCE_ROLLUP;
    }));
    EXPECT_EQ(sum(user, {"source"}), facts);
    const auto rows = Rep(user).Must<AnalyzePipelineResponse>(Analysis({"source"}));
    EXPECT_EQ(rows.rows_size(), 1);
  }
}

TEST_F(AccessTest, WhatCannotBeMadeIsRefusedClearly) {
  EXPECT_THAT(BadFields(Refused(Analysis({"description"}))), ElementsAre("group_by[0]"));
  auto request = Analysis({"stage"});
  *request.mutable_period()->mutable_start_date() = ToDate(std::chrono::year(2026) / 3 / 2);
  *request.mutable_period()->mutable_end_date() = ToDate(std::chrono::year(2026) / 3 / 1);
  EXPECT_THAT(Refused(request), IsError(absl::StatusCode::kInvalidArgument, "PERIOD_TURNED_ROUND"));
  request.mutable_period()->clear_end_date();
  request.mutable_period()->set_time("delete");
  EXPECT_THAT(BadFields(Refused(request)), ElementsAre("period.time"));
  reporting::v1::AnalyzeFunnelRequest funnel;
  for (const char* by : {"team", "owner", "source", "medium"}) funnel.add_group_by(by);
  EXPECT_EQ(reader_.Call<reporting::v1::AnalyzeFunnelResponse>(funnel).status().code(),
            absl::StatusCode::kInvalidArgument);
  // What would go through all records for too long.
  Create("Deal", 1);
  CatchUp();
  auto wide = Analysis({"stage"}, "description:\"x\"");
  EXPECT_TRUE(Refused(wide).ok());
  auto late = Analysis({"stage"});
  auto& position = *late.add_min_positions();
  position.set_partition(0);
  position.set_position(1'000'000);
  EXPECT_THAT(reader_.client().Call<AnalyzePipelineResponse>("embudo.reporting.v1.ReportingService/AnalyzePipeline",
                                                             reader_.identity(), late, std::chrono::milliseconds(400)),
              ::testing::ResultOf([](const auto& result) { return result.status().code(); },
                                  absl::StatusCode::kDeadlineExceeded));
}

TEST_F(AccessTest, WritersReadTheirOwnWrites) {
  Create("Mine", 5);
  CatchUp();
  auto request = Analysis({});
  const auto figures = KeyFigures();
  for (const auto& position : figures.freshness().positions()) *request.add_min_positions() = position;
  EXPECT_EQ(reader_.Must<AnalyzePipelineResponse>(request).total().count(), 1);
}

TEST_F(AccessTest, SumsFollowTheTenantsTimeZone) {
  Create("Deal", 5);
  CatchUp();
  const auto before = FromRollup<AnalyzePipelineResponse>(Analysis({"create_day"}));
  pipeline::v1::UpdateTenantRequest request;
  request.mutable_tenant()->set_name("tenants/" + tenant_);
  request.mutable_tenant()->set_time_zone("Pacific/Kiritimati");  // fourteen hours ahead
  request.mutable_update_mask()->add_paths("time_zone");
  admin_.Must<type::v1::Tenant>(request);
  CatchUp();
  const auto after = FromRollup<AnalyzePipelineResponse>(Analysis({"create_day"}));
  const Time now = suite_->clock().Now() + std::chrono::hours(14);
  EXPECT_EQ(after.rows(0).dimensions(0).value(), FormatDate(ToDate(std::chrono::floor<std::chrono::days>(now))));
  EXPECT_THAT(Differences(), IsEmpty());
  EXPECT_EQ(before.rows_size(), 1);
}

TEST_F(AccessTest, DashboardsAreKeptAndShown) {
  Create("Deal", 500);
  CatchUp();
  reporting::v1::ListDashboardsRequest list;
  EXPECT_TRUE(
      Eventually([&] { return reader_.Must<reporting::v1::ListDashboardsResponse>(list).dashboards_size() == 3; }));
  for (const char* name : {"dashboards/rep", "dashboards/manager", "dashboards/executive"}) {
    reporting::v1::ShowDashboardRequest show;
    show.set_name(name);
    const auto shown = reader_.Must<reporting::v1::ShowDashboardResponse>(show);
    ASSERT_EQ(shown.results_size(), shown.dashboard().tiles_size());
    for (const auto& result : shown.results()) EXPECT_EQ(result.error(), "") << name;
  }
  reporting::v1::CreateDashboardRequest create;
  create.set_dashboard_id("mine");
  create.mutable_dashboard()->set_display_name("Mine");
  auto& tile = *create.mutable_dashboard()->add_tiles();
  tile.set_display_name("By stage");
  tile.set_measure("open_revenue");
  tile.mutable_pipeline()->add_group_by("stage");
  create.set_request_id("11111111-2222-4333-8444-555555555556");
  const auto made = reader_.Must<Dashboard>(create);
  EXPECT_EQ(reader_.Must<Dashboard>(create).etag(), made.etag());
  reporting::v1::UpdateDashboardRequest update;
  *update.mutable_dashboard() = made;
  update.mutable_dashboard()->set_display_name("Ours");
  update.mutable_update_mask()->add_paths("display_name");
  EXPECT_EQ(reader_.Must<Dashboard>(update).display_name(), "Ours");
  EXPECT_EQ(reader_.Call<Dashboard>(update).status().code(), absl::StatusCode::kAborted);
  create.clear_request_id();
  create.set_dashboard_id("wrong");
  create.mutable_dashboard()->mutable_tiles(0)->set_measure("nothing");
  EXPECT_THAT(BadFields(reader_.Call<Dashboard>(create).status()), ElementsAre("dashboard.tiles[0].measure"));
  create.mutable_dashboard()->mutable_tiles(0)->mutable_pipeline()->set_group_by(0, "colour");
  EXPECT_THAT(BadFields(reader_.Call<Dashboard>(create).status()), ElementsAre("dashboard.tiles[0].group_by"));
  EXPECT_EQ(Rep("ann").Call<Dashboard>(create).status().code(), absl::StatusCode::kPermissionDenied);
  reporting::v1::GetDashboardRequest get;
  get.set_name("dashboards/mine");
  const Caller other = suite_->As(suite_->NewTenant(), type::v1::ROLE_ADMIN, "users/admin", "reporting");
  EXPECT_EQ(other.Call<Dashboard>(get).status().code(), absl::StatusCode::kNotFound);
  reporting::v1::DeleteDashboardRequest remove;
  remove.set_name("dashboards/mine");
  reader_.Must<Dashboard>(remove);
  EXPECT_TRUE(reader_.Must<Dashboard>(get).has_delete_time());
}

TEST_F(AccessTest, ReportsAreExportedAsCsv) {
  Create("Deal", 500);
  Lead lead;
  lead.set_display_name("Other");
  lead.set_source("=cmd, \"x\"");
  Create(lead);
  CatchUp();
  reporting::v1::ExportReportRequest request;
  *request.mutable_pipeline() = Analysis({"source"});
  std::string csv;
  for (const auto& piece : Stream<reporting::v1::ExportReportResponse>("ExportReport", request)) csv += piece.csv();
  EXPECT_TRUE(last_status_.ok()) << last_status_;
  EXPECT_THAT(csv, HasSubstr("source,source_display_name,count,open_count"));
  EXPECT_THAT(csv, HasSubstr("\r\n,,1,1,0,0,500,500,"));
  EXPECT_THAT(csv, HasSubstr("\"'=cmd, \"\"x\"\"\""));
  request.mutable_pipeline()->add_group_by("colour");
  EXPECT_THAT(Stream<reporting::v1::ExportReportResponse>("ExportReport", request), IsEmpty());
  EXPECT_EQ(last_status_.code(), absl::StatusCode::kInvalidArgument);
  // Not everybody's business.
  const auto stream = Rep("ann").Stream("embudo.reporting.v1.ReportingService/RebuildReports");
  stream->Write(reporting::v1::RebuildReportsRequest());
  stream->WritesDone();
  EXPECT_EQ(stream->Finish().code(), absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace embudo
