#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/connection.h"
#include "embudo/type/v1/activity.pb.h"
#include "embudo/type/v1/touch.pb.h"
#include "services/reporting/logic/stays.h"
#include "services/reporting/storage/projection.h"

namespace embudo::reporting::storage {

/// What hangs on leads. Each writes all that it is given in one statement, in the caller's transaction, as the worker
/// role.

absl::Status SaveActivities(db::Connection& connection, const std::vector<Owned<type::v1::Activity>>& activities);
absl::Status RemoveActivities(db::Connection& connection, const std::vector<Owned<type::v1::Activity>>& activities);
absl::Status SaveTouches(db::Connection& connection, const std::vector<Owned<type::v1::Touch>>& touches);
absl::Status RemoveTouches(db::Connection& connection, const std::vector<Owned<type::v1::Touch>>& touches);

/// The stays of a lead of a tenant.
using LeadKey = std::pair<std::string, std::string>;
absl::StatusOr<std::map<LeadKey, logic::Stays>> LoadStays(db::Connection& connection, const std::set<LeadKey>& leads);
/// Writes the stays of leads; those that are not among them stay as they are.
absl::Status SaveStays(db::Connection& connection, const std::map<LeadKey, logic::Stays>& stays);
/// Forgets the stays of leads.
absl::Status RemoveStays(db::Connection& connection, const std::set<LeadKey>& leads);

}  // namespace embudo::reporting::storage
