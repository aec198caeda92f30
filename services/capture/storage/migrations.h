#pragma once

#include <vector>

#include "common/db/migrate.h"

namespace embudo::capture::storage {

/// The steps of the schema `capture`, from storage/migrations.
const std::vector<db::Migration>& Migrations();

}  // namespace embudo::capture::storage
