#pragma once

#include "common/filter/schema.h"
#include "common/resource/table.h"

namespace embudo::reporting::storage {

/// How reporting.lead keeps a lead: as pipeline.lead does.
const resource::Table& LeadTable();
/// The fields of a lead that reports can be filtered by; the table goes by the alias `t`.
const filter::Schema& LeadSchema();

}  // namespace embudo::reporting::storage
