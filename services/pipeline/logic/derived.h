#pragma once

#include <string>

#include "embudo/type/v1/lead.pb.h"
#include "services/pipeline/logic/lead_rules.h"

namespace embudo::pipeline::logic {

/// Fills what a lead's answer says beyond its record, as it is at `scene.now` for the actor: days in the stage,
/// rotting, weighted revenue, and how urgent the next activity is.
void Derive(const Scene& scene, type::v1::Lead& lead);

/// An amount times a percentage of two decimals, rounded to the currency's smallest unit, half away from zero.
google::type::Money Weighted(const google::type::Money& amount, double percent);

}  // namespace embudo::pipeline::logic
