// Many callers at once: nothing is lost, nothing is done twice, and one bad call harms no other.

#include <array>
#include <atomic>
#include <functional>
#include <thread>

#include "embudo/pipeline/v1/activity_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::CreateLeadRequest;
using ::testing::Each;
using type::v1::Activity;
using type::v1::Lead;

class ConcurrencyTest : public PipelineTest {
 protected:
  /// Runs `body(i)` on as many threads at once.
  static void Together(int threads, const std::function<void(int)>& body) {
    std::vector<std::thread> running;
    for (int i = 0; i < threads; ++i) running.emplace_back([&body, i] { body(i); });
    for (std::thread& thread : running) thread.join();
  }
};

TEST_F(ConcurrencyTest, NoUpdateIsLost) {
  std::vector<std::string> leads;
  for (int i = 0; i < 5; ++i) leads.push_back(CreateLead().name());
  for (int thread = 0; thread < 32; ++thread) {
    DefineField("t" + std::to_string(thread), type::v1::CustomField::TYPE_NUMBER);
  }
  std::array<std::atomic<int>, 5> successes{};
  std::atomic<int> conflicts{0};
  Together(32, [&](int thread) {
    for (int round = 0; round < 6; ++round) {
      const size_t which = static_cast<size_t>(thread + round) % leads.size();
      pipeline::v1::UpdateLeadRequest request;
      request.mutable_lead()->set_name(leads[which]);
      auto& field = (*request.mutable_lead()->mutable_custom_fields())["t" + std::to_string(thread)];
      field.set_number_value(round);
      request.mutable_update_mask()->add_paths("custom_fields.t" + std::to_string(thread));
      // Half of them name what they have seen, and are told if it is no longer so.
      if (thread % 2 == 0) request.mutable_lead()->set_etag(GetLead(leads[which]).etag());
      const auto updated = admin_.Call<Lead>(request);
      if (updated.ok()) {
        ++successes[which];
      } else {
        ++conflicts;
        EXPECT_EQ(updated.status().code(), StatusCode::kAborted) << updated.status();
      }
    }
  });
  for (size_t i = 0; i < leads.size(); ++i) {
    const Lead lead = GetLead(leads[i]);
    EXPECT_EQ(std::stoi(lead.etag()), 1 + successes[i]);
    EXPECT_EQ(EventsAbout(leads[i]).size(), static_cast<size_t>(1 + successes[i]));
    // Every thread without an etag wrote its own key, and no other took it away.
    for (int thread = 1; thread < 32; thread += 2) {
      int last = -1;
      for (int round = 0; round < 6; ++round) {
        if (static_cast<size_t>(thread + round) % leads.size() == i) last = round;
      }
      if (last < 0) continue;
      const auto value = lead.custom_fields().find("t" + std::to_string(thread));
      ASSERT_NE(value, lead.custom_fields().end()) << thread;
      EXPECT_EQ(value->second.number_value(), last);
    }
  }
}

TEST_F(ConcurrencyTest, AGroupCommitFailsTheBadOnesAlone) {
  const std::string taken = CreateLead().name().substr(6);
  std::array<absl::Status, 64> results;
  Together(64, [&](int thread) {
    CreateLeadRequest request;
    request.mutable_lead()->set_display_name("Deal " + std::to_string(thread));
    if (thread % 8 == 0) request.set_lead_id(taken);
    results[static_cast<size_t>(thread)] = admin_.Call<Lead>(request).status();
  });
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].code(), i % 8 == 0 ? StatusCode::kAlreadyExists : StatusCode::kOk) << i << results[i];
  }
  EXPECT_EQ(suite().Query("SELECT FROM pipeline.lead WHERE tenant_id = $1", db::Params::Of(tenant_)).size(), 57);
}

TEST_F(ConcurrencyTest, OfOneNewIdOneWins) {
  const std::string id = NewRequestId();
  std::atomic<int> created{0};
  Together(16, [&](int thread) {
    CreateLeadRequest request;
    request.mutable_lead()->set_display_name("Deal " + std::to_string(thread));
    request.set_lead_id(id);
    const auto lead = admin_.Call<Lead>(request);
    if (lead.ok()) {
      ++created;
    } else {
      EXPECT_THAT(lead, IsError(StatusCode::kAlreadyExists, "RESOURCE_EXISTS"));
    }
  });
  EXPECT_EQ(created, 1);
  EXPECT_EQ(EventsAbout("leads/" + id).size(), 1u);
}

TEST_F(ConcurrencyTest, OneRequestIdMakesOneLead) {
  CreateLeadRequest request;
  request.mutable_lead()->set_display_name("Once");
  request.set_request_id(NewRequestId());
  std::array<std::string, 16> names;
  Together(16, [&](int thread) { names[static_cast<size_t>(thread)] = admin_.Must<Lead>(request).name(); });
  EXPECT_THAT(names, Each(names[0]));
  EXPECT_EQ(suite().Query("SELECT FROM pipeline.lead WHERE tenant_id = $1", db::Params::Of(tenant_)).size(), 1);
  EXPECT_EQ(EventsAbout(names[0]).size(), 1u);
}

TEST_F(ConcurrencyTest, OneRequestIdMovesOnce) {
  const Lead lead = CreateLead();
  pipeline::v1::MoveLeadRequest request;
  request.set_name(lead.name());
  request.set_stage(kQualified);
  request.set_override_reason("they insist");
  request.set_etag(lead.etag());
  request.set_request_id(NewRequestId());
  Together(16, [&](int) { EXPECT_EQ(manager_.Must<Lead>(request).stage(), kQualified); });
  EXPECT_EQ(EventsAbout(lead.name()).size(), 2u);
}

TEST_F(ConcurrencyTest, WhatIsWrittenWithItsLeadIsWrittenOnceInWhateverGroupItComes) {
  constexpr int kLeads = 12;
  std::vector<pipeline::v1::CreateActivityRequest> plans;
  for (int i = 0; i < kLeads; ++i) {
    pipeline::v1::CreateActivityRequest& plan = plans.emplace_back();
    plan.set_parent(CreateLead().name());
    plan.mutable_activity()->set_type(Activity::TYPE_CALL);
    plan.mutable_activity()->set_summary("Call");
    *plan.mutable_activity()->mutable_due_date() = ToDate(std::chrono::year(2026) / 9 / (1 + i));
    plan.set_request_id(NewRequestId());
  }
  std::array<std::string, 48> names;
  Together(48, [&](int thread) {
    // Four ask for each, beside those whose lead changes meanwhile, or is not there.
    const size_t which = static_cast<size_t>(thread) % kLeads;
    names[static_cast<size_t>(thread)] = service_.Must<Activity>(plans[which]).name();
    pipeline::v1::UpdateLeadRequest update;
    update.mutable_lead()->set_name(plans[which].parent());
    update.mutable_lead()->set_description("Version " + std::to_string(thread));
    update.mutable_update_mask()->add_paths("description");
    service_.Must<Lead>(update);
    auto missing = plans[which];
    missing.set_parent("leads/" + NewRequestId());
    missing.set_request_id(NewRequestId());
    EXPECT_EQ(service_.Call<Activity>(missing).status().code(), StatusCode::kNotFound);
  });
  for (size_t i = 0; i < names.size(); ++i) EXPECT_EQ(names[i], names[i % kLeads]);
  EXPECT_EQ(suite().Query("SELECT FROM pipeline.activity WHERE tenant_id = $1", db::Params::Of(tenant_)).size(),
            kLeads);
  for (int i = 0; i < kLeads; ++i) {
    const Lead lead = GetLead(plans[static_cast<size_t>(i)].parent());
    EXPECT_EQ(lead.next_activity_date().day(), 1 + i);
    // Made; the next activity; four times described.
    EXPECT_EQ(EventsAbout(lead.name()).size(), 6u);
    EXPECT_EQ(EventsAbout(names[static_cast<size_t>(i)]).size(), 1u);
  }
}

}  // namespace
}  // namespace embudo::testing
