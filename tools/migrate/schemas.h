#pragma once

#include <string>
#include <vector>

#include "common/db/migrate.h"

namespace embudo {

/// A service's schema and the steps that make it.
struct Schema {
  std::string service;
  const std::vector<db::Migration>* migrations;
};

/// All services' schemas, in the order in which they are to be made.
const std::vector<Schema>& Schemas();

}  // namespace embudo
