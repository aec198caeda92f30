#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/rpc/client.h"
#include "embudo/automation/v1/rule.pb.h"
#include "embudo/automation/v1/run.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/automation/logic/choose.h"
#include "services/automation/storage/assignments.h"

namespace embudo::automation::events {

/// Decides who gets a lead, as a rule's action says, and puts the decision down with its reason. Thread-safe.
class Assigner {
 public:
  /// `pool` is of the automation_worker role.
  Assigner(db::Pool& pool, rpc::Client& pipeline, const Clock& clock)
      : pool_(pool), pipeline_(pipeline), clock_(clock) {}

  /// Chooses an owner, in the caller's transaction, which holds the pool that was chosen from: those who choose from it
  /// at the same moment wait for each other, and each counts what the one before has given. It asks the pipeline
  /// meanwhile; asking again does no harm. `cause` is the run. FAILED_PRECONDITION, reason LEAD_WITHOUT_TEAM or
  /// logic::kNoMember.
  absl::StatusOr<v1::Assignment> Choose(db::Connection& connection, const rpc::Identity& self,
                                        const v1::Action::Assign& action, const type::v1::Lead& lead,
                                        const std::string& cause);

  /// Puts down whether the lead was given to the owner that was chosen.
  absl::Status Settle(const std::string& tenant, const v1::Assignment& assignment, bool done);

 private:
  /// A choice on its way.
  struct Chosen {
    v1::Assignment assignment;
    std::string strategy;
  };
  struct Search;

  absl::StatusOr<std::optional<Chosen>> Sticky(Search& search);
  /// Where the strategy looks: a territory, a route, or the team.
  absl::StatusOr<storage::Pool> PoolOf(Search& search, std::string& why, std::string& team);
  absl::StatusOr<std::optional<Chosen>> FromPool(Search& search, const storage::Pool& pool, const std::string& team,
                                                 const std::string& why, v1::Action::Assign::Strategy strategy,
                                                 bool in_hours);
  absl::StatusOr<std::optional<Chosen>> Fallback(Search& search);
  absl::Status AddLoads(Search& search, const std::string& team, std::vector<logic::Member>& members);

  db::Pool& pool_;
  rpc::Client& pipeline_;
  const Clock& clock_;
};

}  // namespace embudo::automation::events
