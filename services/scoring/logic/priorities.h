#pragma once

#include <vector>

#include "common/base/clock.h"
#include "embudo/scoring/v1/scoring_service.pb.h"
#include "embudo/type/v1/lead.pb.h"

namespace embudo::scoring::logic {

/// Open leads in the order in which they should be worked, with the reasons in words.
std::vector<v1::PriorityLead> Prioritise(const std::vector<type::v1::Lead>& leads, Time now);

}  // namespace embudo::scoring::logic
