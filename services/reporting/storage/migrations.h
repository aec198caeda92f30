#pragma once

#include <vector>

#include "common/db/migrate.h"

namespace embudo::reporting::storage {

/// The numbered steps of the schema `reporting`.
const std::vector<db::Migration>& Migrations();

}  // namespace embudo::reporting::storage
