#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

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
  std::set<std::string, std::less<>> tags;
  std::set<std::string, std::less<>> products;
  std::set<std::string, std::less<>> lost_reasons;

  /// nullptr if there is none.
  const type::v1::Stage* FindStage(std::string_view name) const;
  /// The stage's pipeline: the first half of its name.
  static std::string PipelineOf(std::string_view stage);
  const std::vector<type::v1::Stage>& StagesOf(std::string_view pipeline) const;
  const type::v1::Stage* FirstStage(std::string_view pipeline) const;
  const type::v1::Stage* WonStage(std::string_view pipeline) const;
};

}  // namespace embudo::pipeline::logic
