#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/connection.h"
#include "embudo/automation/v1/assignment.pb.h"
#include "services/automation/logic/choose.h"

namespace embudo::automation::storage {

/// Whom a turn is taken among: a team's members, or the users that a territory or a route names.
struct Pool {
  /// `sales` of a team, `territories/north` or `users/ana` of others: what the turns are counted by.
  std::string id;
  /// Of users without a team.
  std::vector<std::string> users;
};

/// A turn of a pool, and its members as they stand.
struct PoolTurn {
  int64_t number = 0;
  std::vector<logic::Member> members;
};
/// Takes the pool's next turn, and holds the pool until the transaction ends.
absl::StatusOr<PoolTurn> TakePoolTurn(db::Connection& connection, const std::string& tenant, const Pool& pool);
/// The member was chosen in that turn.
absl::Status RecordPoolTurn(db::Connection& connection, const std::string& tenant, const Pool& pool,
                            const logic::Member& member, int64_t turn);
/// Whether a user is known, and not disabled.
absl::StatusOr<bool> IsUsable(db::Connection& connection, const std::string& tenant, const std::string& user);

/// The territories of a tenant, in their order.
absl::StatusOr<std::vector<v1::Territory>> GetTerritories(db::Connection& connection, const std::string& tenant);
/// The settings; as they are by default if nobody has changed them.
absl::StatusOr<v1::AssignmentSettings> GetAssignmentSettings(db::Connection& connection, const std::string& tenant);

/// Puts decisions down, in the state DECIDED.
absl::Status InsertDecisions(db::Connection& connection, const std::string& tenant,
                             const std::vector<v1::AssignmentDecision>& decisions);
/// Puts down what became of decisions, by their names.
absl::Status SettleDecisions(db::Connection& connection, const std::string& tenant,
                             const std::vector<std::string>& names, v1::AssignmentDecision::State state);
/// Decisions about these owners that are not carried out yet, of the last day: owner and lead.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> PendingDecisions(
    db::Connection& connection, const std::string& tenant, const std::vector<std::string>& owners, Time now);

/// All members of teams of a tenant, by team (`teams/{team}`).
absl::StatusOr<std::map<std::string, std::vector<logic::Member>>> GetMembers(db::Connection& connection,
                                                                             const std::string& tenant);

/// Keeps the time zone that a user has; empty: none of its own.
absl::Status SaveUserTimeZone(db::Connection& connection, const std::string& tenant, const std::string& user_id,
                              const std::string& time_zone);

}  // namespace embudo::automation::storage
