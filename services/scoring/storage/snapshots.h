#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/connection.h"
#include "services/scoring/logic/lead_cells.h"
#include "services/scoring/storage/leads.h"

namespace embudo::scoring::storage {

/// How leads looked while they were open, the last look in each stage: what models learn from.

/// Looks at leads in the order of their events. An open lead's look takes the place of the one before in that stage; a
/// closed one changes nothing, unless it was never seen open: then what it has from its beginning is kept.
absl::Status SaveSnapshots(db::Connection& connection, const std::string& tenant,
                           const std::vector<const type::v1::Lead*>& leads);
/// Takes what may be personal out of the looks at these leads.
absl::Status RedactSnapshots(db::Connection& connection, const std::string& tenant, const LeadIds& ids);
absl::Status RemoveSnapshots(db::Connection& connection, const std::string& tenant, const LeadIds& ids);

/// The looks at each of the leads.
absl::StatusOr<std::map<std::string, std::vector<logic::LeadCells>>> LoadSnapshots(db::Connection& connection,
                                                                                   const std::string& tenant,
                                                                                   const LeadIds& ids);

}  // namespace embudo::scoring::storage
