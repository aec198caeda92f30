#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/connection.h"
#include "services/scoring/logic/frequency.h"

namespace embudo::scoring::storage {

/// The tenant's rows of the stage and of these variables.
absl::StatusOr<logic::FrequencyTable> LoadFrequencies(db::Connection& connection, const std::string& tenant,
                                                      const std::vector<std::string>& variables);
/// Those of these rows that there are.
absl::StatusOr<logic::FrequencyTable> LoadRows(db::Connection& connection, const std::string& tenant,
                                               const std::set<logic::RowKey>& keys);
/// All rows of these teams; '' is none.
absl::StatusOr<logic::FrequencyTable> LoadTeams(db::Connection& connection, const std::string& tenant,
                                                const std::vector<std::string>& teams);
/// The next rows in order of their keys.
absl::StatusOr<logic::FrequencyTable> LoadPage(db::Connection& connection, const std::string& tenant,
                                               const logic::RowKey& after, int limit);

/// Writes the rows that were changed. The tenant's lock is held.
absl::Status SaveChanged(db::Connection& connection, const std::string& tenant, const logic::FrequencyTable& table);
/// Puts the table in the place of all that there is. The tenant's lock is held.
absl::Status Replace(db::Connection& connection, const std::string& tenant, const logic::FrequencyTable& table);

}  // namespace embudo::scoring::storage
