#pragma once

#include <vector>

#include "common/db/migrate.h"

namespace embudo::scoring::storage {

/// The steps of the schema `scoring`, in order.
const std::vector<db::Migration>& Migrations();

}  // namespace embudo::scoring::storage
