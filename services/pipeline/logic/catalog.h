#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "embudo/type/v1/activity_type.pb.h"
#include "embudo/type/v1/custom_field.pb.h"
#include "embudo/type/v1/pipeline.pb.h"
#include "embudo/type/v1/team.pb.h"
#include "embudo/type/v1/tenant.pb.h"
#include "embudo/type/v1/user.pb.h"

namespace embudo::pipeline::logic {

/// The pipeline that opportunities without a team pass through.
inline constexpr char kDefaultPipeline[] = "pipelines/default";

/// A tenant's configuration as the rules need it: all by resource name, none of it deleted.
struct Catalog {
  type::v1::Tenant tenant;
  std::map<std::string, type::v1::Pipeline, std::less<>> pipelines;
  /// By sequence, ties by name.
  std::map<std::string, std::vector<type::v1::Stage>, std::less<>> stages_of_pipeline;
  std::map<std::string, type::v1::Team, std::less<>> teams;
  std::map<std::string, type::v1::User, std::less<>> users;
  /// The teams that a user is a member of.
  std::map<std::string, std::set<std::string>, std::less<>> teams_of_user;
  /// By sequence, ties by name.
  std::vector<type::v1::ActivityType> activity_types;
  std::set<std::string, std::less<>> tags;
  std::set<std::string, std::less<>> products;
  std::set<std::string, std::less<>> lost_reasons;
  /// Custom fields by key.
  std::map<std::string, type::v1::CustomField, std::less<>> lead_fields;
  std::map<std::string, type::v1::CustomField, std::less<>> contact_fields;
  /// Rates of each currency by their first day.
  std::map<std::string, std::map<Day, std::string>, std::less<>> exchange_rates;

  /// nullptr if there is none.
  const type::v1::Stage* FindStage(std::string_view name) const;
  /// The stage's pipeline: the first half of its name.
  static std::string PipelineOf(std::string_view stage);
  const std::vector<type::v1::Stage>& StagesOf(std::string_view pipeline) const;
  const type::v1::Stage* FirstStage(std::string_view pipeline) const;
  const type::v1::Stage* WonStage(std::string_view pipeline) const;
  const type::v1::ActivityType* FindActivityType(std::string_view name) const;
  /// The first of that kind.
  const type::v1::ActivityType* FirstActivityType(type::v1::Activity::Type type) const;
  /// What one unit of a currency is worth in the tenant's own on a day, as a plain decimal; nullptr if no rate is in
  /// force.
  const std::string* RateOn(std::string_view currency_code, Day day) const;
};

}  // namespace embudo::pipeline::logic
