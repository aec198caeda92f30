#pragma once

#include <vector>

#include "embudo/type/v1/activity_type.pb.h"
#include "embudo/type/v1/catalog.pb.h"
#include "embudo/type/v1/pipeline.pb.h"
#include "embudo/type/v1/team.pb.h"
#include "embudo/type/v1/user.pb.h"

namespace embudo::pipeline::logic {

/// What a new tenant starts with.
struct Defaults {
  type::v1::Pipeline pipeline;
  std::vector<type::v1::Stage> stages;
  type::v1::Team team;
  std::vector<type::v1::LostReason> lost_reasons;
  std::vector<type::v1::ActivityType> activity_types;
};

/// The default B2B pipeline (New, Qualified, Proposal, Negotiation, Won) with its expected days and exit criteria, one
/// sales team, and the lost reasons and activity types that Odoo starts with.
Defaults DefaultsOfTenant();

}  // namespace embudo::pipeline::logic
