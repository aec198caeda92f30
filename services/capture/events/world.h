#pragma once

#include <map>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "common/rpc/client.h"
#include "embudo/type/v1/catalog.pb.h"
#include "embudo/type/v1/team.pb.h"
#include "embudo/type/v1/user.pb.h"
#include "services/capture/logic/directory.h"
#include "services/capture/logic/import_plan.h"

namespace embudo::capture::events {

/// What an import has to know of the tenant's records, as the pipeline service has them.
struct World {
  logic::Directory directory;
  /// By resource name; those that the import's target and columns need.
  std::map<std::string, type::v1::Product> products;
  std::map<std::string, type::v1::User> users;
  std::map<std::string, type::v1::Team> teams;
  /// {team, user}.
  std::set<std::pair<std::string, std::string>> members;
  /// The import's pipeline and all of its stages are there.
  bool pipeline_exists = true;
};

/// What the tenant gives where a mapping is silent.
absl::StatusOr<logic::TenantDefaults> LoadDefaults(rpc::Client& pipeline, const rpc::Identity& identity);

/// Reads the records that the plan refers to. Creates the plan's pipeline and those of its stages that are not there,
/// unless `dry_run`.
absl::StatusOr<World> LoadWorld(rpc::Client& pipeline, const rpc::Identity& identity, const logic::ImportPlan& plan,
                                bool dry_run);

}  // namespace embudo::capture::events
