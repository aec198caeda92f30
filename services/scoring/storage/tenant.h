#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/connection.h"
#include "common/resource/table.h"
#include "services/scoring/logic/explain.h"
#include "services/scoring/storage/training_runs.h"

namespace embudo::scoring::storage {

/// The table of criteria.
const resource::Table& CriterionTable();

/// What a tenant's leads are read by.
struct Settings {
  logic::ModelConfig config;
  logic::Stages stages;
};

/// Holds the tenant's row to the end of the transaction: its leads and frequencies are this transaction's alone. Makes
/// the row of a tenant that is seen for the first time.
absl::Status LockTenant(db::Connection& connection, const std::string& tenant, Time now);

absl::StatusOr<Settings> LoadSettings(db::Connection& connection, const std::string& tenant);
/// Everything that leads are scored by.
absl::StatusOr<logic::Model> LoadModel(db::Connection& connection, const std::string& tenant, TrainedCache& cache);

/// Gives the tenant the default criteria, unless it has had one of them.
absl::Status SeedCriteria(db::Connection& connection, const std::string& tenant, Time now);

absl::Status SaveStages(db::Connection& connection, const std::string& tenant, const std::vector<logic::Stage>& stages);
absl::Status RemoveStages(db::Connection& connection, const std::string& tenant, const std::vector<std::string>& names);

/// The next tenant whose frequencies are to be counted anew; empty if there is none.
absl::StatusOr<std::string> FindRebuildDue(db::Connection& connection, Time now);
/// Asks for a rebuild, if the tenant has closed leads that one would count.
absl::Status AskForRebuild(db::Connection& connection, const std::string& tenant, Time now);

}  // namespace embudo::scoring::storage
