#pragma once

#include <string>
#include <vector>

#include "common/privacy/redact.h"
#include "embudo/type/v1/erasure.pb.h"

namespace embudo::privacy {

/// Whose copies a service has to erase when it is told of an erasure (`privacy.erased`).
Person PersonOf(const type::v1::Erasure& erasure);
/// The ids of its leads.
std::vector<std::string> LeadIdsOf(const type::v1::Erasure& erasure);

}  // namespace embudo::privacy
