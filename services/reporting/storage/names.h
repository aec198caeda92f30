#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/connection.h"
#include "services/reporting/logic/rows.h"
#include "services/reporting/storage/columns.h"

namespace embudo::reporting::storage {

/// The tenant's, or the defaults while its creation has not been read from the log.
absl::StatusOr<Settings> LoadSettings(db::Connection& connection, const std::string& tenant);

/// Names of the resources of a type (`embudo.dev/Stage`) of which a text field has the value; at most 1,001.
absl::StatusOr<std::vector<std::string>> FindNames(db::Connection& connection, const std::string& tenant,
                                                   const std::string& resource_type, const std::string& field,
                                                   const std::string& value);

/// Gives the values that are resource names their display name and place.
absl::Status FillNames(db::Connection& connection, const std::string& tenant, std::vector<logic::Row>& rows);

}  // namespace embudo::reporting::storage
