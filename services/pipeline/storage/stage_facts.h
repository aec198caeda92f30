#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/db/connection.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/pipeline/logic/lead_rules.h"

namespace embudo::pipeline::storage {

/// What has been done on the lead for its stage's exit criteria. `lock`: what is found stays so until the transaction
/// ends.
absl::StatusOr<logic::StageFacts> LoadStageFacts(db::Connection& connection, const std::string& tenant,
                                                 const type::v1::Lead& lead, bool lock);

}  // namespace embudo::pipeline::storage
