#pragma once

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/testing/eventually.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/scoring/v1/scoring_service.pb.h"
#include "services/pipeline/bind.h"
#include "services/pipeline/storage/migrations.h"
#include "services/scoring/bind.h"
#include "services/scoring/storage/migrations.h"
#include "tests/integration/suite.h"

namespace embudo::testing {

using type::v1::Lead;

inline const std::string kPipeline = "pipelines/default";

/// Pipeline and scoring, and a tenant of each test's own.
class ScoringCase : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    suite_ = std::make_unique<Suite>(
        std::vector<ServiceUnderTest>{{"pipeline", pipeline::Bind, &pipeline::storage::Migrations()},
                                      {"scoring", scoring::Bind, &scoring::storage::Migrations()}});
  }
  static void TearDownTestSuite() { suite_.reset(); }

  Lead Create(Lead lead) {
    pipeline::v1::CreateLeadRequest request;
    lead.set_display_name("Deal");
    *request.mutable_lead() = std::move(lead);
    return admin_.Must<Lead>(request);
  }
  Lead FromSource(const std::string& source) {
    Lead lead;
    lead.set_source(source);
    return Create(lead);
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
  Lead Get(const Lead& lead) {
    pipeline::v1::GetLeadRequest request;
    request.set_name(lead.name());
    return admin_.Must<Lead>(request);
  }
  scoring::v1::Explanation Explain(const Lead& lead) {
    scoring::v1::ExplainLeadRequest request;
    request.set_name(lead.name());
    return scorer_.Must<scoring::v1::Explanation>(request);
  }

  /// Waits until all that was committed before has been counted and scored.
  static void CatchUp() {
    EXPECT_TRUE(Eventually([] {
      const db::Result behind = suite_->Query(
          "SELECT (SELECT count(*) FROM pipeline.event_pending) + (SELECT count(*) FROM scoring.pending)"
          " + (SELECT count(*) FROM scoring.rescoring)"
          " + (SELECT count(*) FROM pipeline.event_head h JOIN scoring.consumer_checkpoint c USING (partition)"
          "    WHERE h.position <> c.position)"
          " + (SELECT count(*) FROM scoring.config WHERE rebuild_due <= $1::timestamptz)",
          db::Params::Of(suite_->clock().Now()));
      return behind[0].Int(0) == 0;
    })) << "dead letters: "
        << suite_->Query("SELECT coalesce(string_agg(error, '; '), 'none') FROM scoring.dead_letter")[0].Text(0);
  }

  /// The rows by `team variable value`, read through pages.
  std::map<std::string, scoring::v1::Frequency> Frequencies(int page_size = 0) {
    std::map<std::string, scoring::v1::Frequency> rows;
    scoring::v1::ListFrequenciesRequest request;
    request.set_page_size(page_size);
    do {
      const auto page = scorer_.Must<scoring::v1::ListFrequenciesResponse>(request);
      for (const auto& row : page.frequencies()) {
        EXPECT_TRUE(rows.emplace(row.team() + " " + row.variable() + " " + row.value(), row).second);
      }
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return rows;
  }
  /// `2.1/0.1`, or `none`.
  std::string Counts(const std::string& variable, const std::string& value) {
    const auto rows = Frequencies();
    const auto row = rows.find(" " + variable + " " + value);
    if (row == rows.end()) return "none";
    char text[48];
    std::snprintf(text, sizeof text, "%.1f/%.1f", row->second.won_count(), row->second.lost_count());
    return text;
  }

  static inline std::unique_ptr<Suite> suite_;
  const std::string tenant_ = suite_->NewTenant();
  Caller admin_ = suite_->As(tenant_, type::v1::ROLE_ADMIN);
  Caller scorer_ = suite_->As(tenant_, type::v1::ROLE_ADMIN, "users/admin", "scoring");
};

}  // namespace embudo::testing
