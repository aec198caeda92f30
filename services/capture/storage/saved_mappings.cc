#include "services/capture/storage/saved_mappings.h"

#include "embudo/capture/v1/saved_mapping.pb.h"

namespace embudo::capture::storage {

const resource::Table& SavedMappingTable() {
  static const auto* const table = new resource::Table(v1::SavedMapping::descriptor(), "capture.import_mapping");
  return *table;
}

}  // namespace embudo::capture::storage
