#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "embudo/pipeline/v1/contact_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/pipeline_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {

/// What tests of leads have in common: leads with given fields, and the methods of their life by name.
class LeadCase : public PipelineTest {
 protected:
  type::v1::Lead Create(const std::function<void(type::v1::Lead&)>& fill = [](type::v1::Lead&) {}) const {
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name("A deal");
    fill(*request.mutable_lead());
    return admin_.Must<type::v1::Lead>(request);
  }
  type::v1::Lead CreateUnqualified(const std::function<void(type::v1::Lead&)>& fill = [](type::v1::Lead&) {}) const {
    return Create([&](type::v1::Lead& lead) {
      lead.set_kind(type::v1::Lead::KIND_LEAD);
      fill(lead);
    });
  }
  /// A request about one lead, by the admin, who passes every exit criterion.
  template <class Request>
  absl::StatusOr<type::v1::Lead> Do(const std::string& name, const std::function<void(Request&)>& fill = {}) const {
    Request request;
    request.set_name(name);
    if constexpr (requires { request.set_override_reason(""); }) request.set_override_reason("a test");
    if (fill) fill(request);
    return admin_.Call<type::v1::Lead>(request);
  }
  absl::StatusOr<type::v1::Lead> MoveTo(const std::string& name, const std::string& stage,
                                        const std::string& after = "", const std::string& before = "") const {
    return Do<pipeline::v1::MoveLeadRequest>(name, [&](auto& request) {
      request.set_stage(stage);
      request.set_after(after);
      request.set_before(before);
    });
  }
  absl::StatusOr<type::v1::Lead> Merge(const std::vector<std::string>& names, const std::string& survivor = "") const {
    pipeline::v1::MergeLeadsRequest request;
    for (const std::string& name : names) request.add_names(name);
    request.set_survivor(survivor);
    return admin_.Call<type::v1::Lead>(request);
  }
  pipeline::v1::GetKanbanResponse Kanban(
      const Caller& caller,
      const std::function<void(pipeline::v1::GetKanbanRequest&)>& fill = [](pipeline::v1::GetKanbanRequest&) {}) const {
    pipeline::v1::GetKanbanRequest request;
    request.set_pipeline("pipelines/default");
    fill(request);
    return caller.Must<pipeline::v1::GetKanbanResponse>(request);
  }
  /// The names of a column's cards in their order, all pages of them.
  std::vector<std::string> CardsOf(const std::string& stage, int page_size = 200) const {
    std::vector<std::string> names;
    std::string token;
    do {
      const auto board = Kanban(admin_, [&](pipeline::v1::GetKanbanRequest& request) {
        request.set_stage(stage);
        request.set_page_size(page_size);
        request.set_page_token(token);
      });
      if (board.columns_size() != 1) return names;
      for (const auto& card : board.columns(0).cards()) names.push_back(card.name());
      token = board.columns(0).next_page_token();
    } while (!token.empty());
    return names;
  }
  std::string CreateTeam(const std::string& id, const std::vector<std::string>& members = {}) const {
    pipeline::v1::CreateTeamRequest request;
    request.set_team_id(id);
    request.mutable_team()->set_display_name(id);
    const std::string team = admin_.Must<type::v1::Team>(request).name();
    for (const std::string& member : members) {
      pipeline::v1::CreateMembershipRequest join;
      join.set_parent(team);
      join.mutable_membership()->set_user(member);
      admin_.Must<type::v1::Membership>(join);
    }
    return team;
  }
  /// Runs `body(i)` on as many threads at once.
  static void Together(int threads, const std::function<void(int)>& body) {
    std::vector<std::thread> running;
    for (int i = 0; i < threads; ++i) running.emplace_back([&body, i] { body(i); });
    for (std::thread& thread : running) thread.join();
  }
};

}  // namespace embudo::testing
