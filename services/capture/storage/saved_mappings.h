#pragma once

#include "common/resource/table.h"

namespace embudo::capture::storage {

/// The table of mappings that are kept for further imports.
const resource::Table& SavedMappingTable();

}  // namespace embudo::capture::storage
