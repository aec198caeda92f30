#pragma once

#include <vector>

#include "common/db/migrate.h"

namespace embudo::automation::storage {

/// The numbered steps of the schema `automation`.
const std::vector<db::Migration>& Migrations();

}  // namespace embudo::automation::storage
