#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/connection.h"
#include "embudo/automation/v1/template.pb.h"

namespace embudo::automation::storage {

/// A template that is not deleted, or NOT_FOUND.
absl::StatusOr<v1::MailTemplate> GetTemplate(db::Connection& connection, const std::string& tenant,
                                             const std::string& name);
/// For rules that name one: INVALID_ARGUMENT at `field` if there is none of that name.
absl::Status CheckTemplateExists(db::Connection& connection, const std::string& tenant, const std::string& name,
                                 const std::string& field);
/// Gives a tenant its default templates, unless it has, or had, templates of these names.
absl::Status SeedTemplates(db::Connection& connection, const std::string& tenant, Time now);

}  // namespace embudo::automation::storage
