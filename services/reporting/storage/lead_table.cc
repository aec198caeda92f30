#include "services/reporting/storage/lead_table.h"

#include "common/resource/resource.h"
#include "embudo/type/v1/lead.pb.h"

namespace embudo::reporting::storage {

const resource::Table& LeadTable() {
  static const auto* const table = new resource::Table(type::v1::Lead::descriptor(), "reporting.lead");
  return *table;
}

const filter::Schema& LeadSchema() {
  static const auto* const schema = new filter::Schema(resource::SchemaOf(LeadTable(), "t", {}));
  return *schema;
}

}  // namespace embudo::reporting::storage
