#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/connection.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/scoring/logic/frequency.h"

namespace embudo::scoring::storage {

/// Lead ids are UUIDs in canonical text.
using LeadIds = std::vector<std::string>;

/// Takes leads in as they are now.
absl::Status SaveLeads(db::Connection& connection, const std::string& tenant,
                       const std::vector<const type::v1::Lead*>& leads);
absl::Status RemoveLeads(db::Connection& connection, const std::string& tenant, const LeadIds& ids);
/// Takes what is personal out of leads; what they are scored and counted by stays.
absl::Status RedactLeads(db::Connection& connection, const std::string& tenant, const LeadIds& ids);
/// Those of the leads that are scored: open and not archived.
absl::StatusOr<std::vector<type::v1::Lead>> LoadScored(db::Connection& connection, const std::string& tenant,
                                                       const LeadIds& ids);
/// Calls `each` with all won and lost leads, in order of their ids, a chunk at a time.
absl::Status ForEachClosed(db::Connection& connection, const std::string& tenant,
                           const std::function<absl::Status(const std::vector<type::v1::Lead>&)>& each);

/// What leads have added to the frequencies.
using Contributions = std::map<std::string, logic::Contribution>;
absl::StatusOr<Contributions> LoadContributions(db::Connection& connection, const std::string& tenant,
                                                const LeadIds& ids);
absl::Status SaveContributions(db::Connection& connection, const std::string& tenant,
                               const Contributions& contributions);
absl::Status RemoveContributions(db::Connection& connection, const std::string& tenant, const LeadIds& ids);
/// Forgets those of leads that are not closed (any more) as they say.
absl::Status RemoveStaleContributions(db::Connection& connection, const std::string& tenant);
/// The team is gone: what its leads added is with those of none now.
absl::Status DissolveTeam(db::Connection& connection, const std::string& tenant, const std::string& team);

}  // namespace embudo::scoring::storage
