#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/base/money.h"
#include "common/testing/eventually.h"
#include "embudo/pipeline/v1/activity_service.pb.h"
#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "embudo/reporting/v1/dashboard_service.pb.h"
#include "embudo/reporting/v1/reporting_service.pb.h"
#include "services/pipeline/bind.h"
#include "services/pipeline/storage/migrations.h"
#include "services/reporting/bind.h"
#include "services/reporting/storage/lead_table.h"
#include "services/reporting/storage/migrations.h"
#include "tests/integration/suite.h"

namespace embudo::testing {

inline constexpr char kNew[] = "pipelines/default/stages/new";
inline constexpr char kQualified[] = "pipelines/default/stages/qualified";
inline constexpr char kProposal[] = "pipelines/default/stages/proposal";
inline constexpr char kNegotiation[] = "pipelines/default/stages/negotiation";

inline google::type::Money Usd(int64_t units) {
  google::type::Money money;
  money.set_currency_code("USD");
  money.set_units(units);
  return money;
}

/// The pipeline and reporting, in which every report asks for a sum that would have answered it.
class ReportingTest : public ::testing::Test {
 protected:
  using Lead = type::v1::Lead;

  static void SetUpTestSuite() {
    suite_ = std::make_unique<Suite>(std::vector<ServiceUnderTest>{
        {"pipeline", pipeline::Bind, &pipeline::storage::Migrations()},
        {"reporting", reporting::Bind, &reporting::storage::Migrations(), {{"rollup-after-ms", "0"}}}});
  }
  static void TearDownTestSuite() { suite_.reset(); }

  Lead Create(const std::string& title, int64_t revenue, const std::string& owner = "") {
    Lead lead;
    lead.set_display_name(title);
    lead.set_owner(owner);
    *lead.mutable_expected_revenue() = Usd(revenue);
    return Create(lead);
  }
  Lead Create(const Lead& lead) {
    pipeline::v1::CreateLeadRequest request;
    *request.mutable_lead() = lead;
    return admin_.Must<Lead>(request);
  }
  Lead Update(const Lead& lead, const std::string& path) {
    pipeline::v1::UpdateLeadRequest request;
    *request.mutable_lead() = lead;
    request.mutable_lead()->clear_etag();
    request.mutable_update_mask()->add_paths(path);
    return admin_.Must<Lead>(request);
  }
  Lead Move(const Lead& lead, const std::string& stage) {
    pipeline::v1::MoveLeadRequest request;
    request.set_name(lead.name());
    request.set_stage(stage);
    request.set_override_reason("so that it moves");
    return admin_.Must<Lead>(request);
  }
  Lead Win(const Lead& lead) {
    pipeline::v1::WinLeadRequest request;
    request.set_name(lead.name());
    request.set_override_reason("signed already");
    return admin_.Must<Lead>(request);
  }
  Lead Lose(const Lead& lead) {
    pipeline::v1::LoseLeadRequest request;
    request.set_name(lead.name());
    return admin_.Must<Lead>(request);
  }
  void Delete(const Lead& lead) {
    pipeline::v1::DeleteLeadRequest request;
    request.set_name(lead.name());
    admin_.Must<Lead>(request);
  }
  void MakeUser(const std::string& id, type::v1::User::Visibility visibility) {
    pipeline::v1::CreateUserRequest request;
    request.set_user_id(id);
    request.mutable_user()->set_display_name(id);
    request.mutable_user()->set_visibility(visibility);
    admin_.Must<type::v1::User>(request);
  }
  void MakeTeam(const std::string& id, const std::vector<std::string>& users) {
    pipeline::v1::CreateTeamRequest request;
    request.set_team_id(id);
    request.mutable_team()->set_display_name(id);
    admin_.Must<type::v1::Team>(request);
    for (const std::string& user : users) {
      pipeline::v1::CreateMembershipRequest membership;
      membership.set_parent("teams/" + id);
      membership.mutable_membership()->set_user(user);
      admin_.Must<type::v1::Membership>(membership);
    }
  }

  /// Waits until reports have everything that was committed before.
  static void CatchUp() {
    EXPECT_TRUE(Eventually([] {
      const db::Result behind = suite_->Query(
          "SELECT (SELECT count(*) FROM pipeline.event_pending)"
          " + (SELECT count(*) FROM pipeline.event_head h JOIN reporting.consumer_checkpoint c USING (partition)"
          "    WHERE h.position <> c.position)");
      return behind[0].Int(0) == 0;
    }));
  }
  /// Makes the report until it is read from a kept sum.
  template <class Response, class Request>
  Response FromRollup(const Request& request) {
    Response response;
    EXPECT_TRUE(Eventually([&] {
      response = reader_.template Must<Response>(request);
      return response.freshness().source() == reporting::v1::Freshness::SOURCE_ROLLUP;
    })) << request.ShortDebugString();
    return response;
  }
  reporting::v1::GetKeyFiguresResponse KeyFigures(const std::string& filter = "") {
    reporting::v1::GetKeyFiguresRequest request;
    request.set_filter(filter);
    return reader_.Must<reporting::v1::GetKeyFiguresResponse>(request);
  }
  static reporting::v1::AnalyzePipelineRequest Analysis(const std::vector<std::string>& by,
                                                        const std::string& filter = "") {
    reporting::v1::AnalyzePipelineRequest request;
    for (const std::string& dimension : by) request.add_group_by(dimension);
    request.set_filter(filter);
    return request;
  }
  /// The display names of a row.
  template <class Row>
  static std::string NameOf(const Row& row) {
    std::string text;
    for (const auto& value : row.dimensions()) text += value.display_name() + " ";
    return text;
  }
  /// `<display names> <count> <expected revenue>` for each row.
  static std::vector<std::string> Show(const reporting::v1::AnalyzePipelineResponse& response) {
    std::vector<std::string> rows;
    for (const auto& row : response.rows()) {
      rows.push_back(NameOf(row) + std::to_string(row.measures().count()) + " " +
                     ToNumeric(row.measures().expected_revenue()));
    }
    return rows;
  }
  std::vector<std::string> Analyze(const std::vector<std::string>& by, const std::string& filter = "") {
    return Show(reader_.Must<reporting::v1::AnalyzePipelineResponse>(Analysis(by, filter)));
  }

  /// The answers of a server-streaming method.
  template <class Response>
  std::vector<Response> Stream(const std::string& method, const google::protobuf::Message& request) {
    const auto stream = reader_.Stream("embudo.reporting.v1.ReportingService/" + method);
    EXPECT_TRUE(stream->Write(request));
    stream->WritesDone();
    std::vector<Response> responses;
    Response response;
    while (stream->Read(&response)) responses.push_back(response);
    last_status_ = stream->Finish();
    return responses;
  }
  /// What differs from the records, by VerifyReports.
  std::vector<std::string> Differences() {
    std::vector<std::string> differences;
    const auto answers =
        Stream<reporting::v1::VerifyReportsResponse>("VerifyReports", reporting::v1::VerifyReportsRequest());
    EXPECT_TRUE(last_status_.ok()) << last_status_;
    EXPECT_TRUE(!answers.empty() && answers.back().done());
    for (const auto& answer : answers) {
      compared_.insert(answer.compared());
      for (const std::string& difference : answer.differences()) {
        differences.push_back(answer.compared() + ": " + difference);
      }
    }
    return differences;
  }

  static inline std::unique_ptr<Suite> suite_;
  const std::string tenant_ = suite_->NewTenant();
  Caller admin_ = suite_->As(tenant_, type::v1::ROLE_ADMIN);
  Caller reader_ = suite_->As(tenant_, type::v1::ROLE_ADMIN, "users/admin", "reporting");
  absl::Status last_status_;
  std::set<std::string> compared_;
};

}  // namespace embudo::testing
