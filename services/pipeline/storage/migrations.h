#pragma once

#include <vector>

#include "common/db/migrate.h"

namespace embudo::pipeline::storage {

/// The steps of the schema `pipeline`, from storage/migrations.
const std::vector<db::Migration>& Migrations();

}  // namespace embudo::pipeline::storage
