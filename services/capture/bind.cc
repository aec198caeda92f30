#include "services/capture/bind.h"

#include <charconv>
#include <memory>
#include <string>

#include "common/base/error.h"
#include "services/capture/events/import_runner.h"
#include "services/capture/rpc/services.h"
#include "services/capture/storage/migrations.h"

namespace embudo::capture {
namespace {

/// Connections of the worker: two imports at once, each with a statement or two on its way.
constexpr int kWorkerConnections = 4;

constexpr char kBatchRows[] = "import-batch-rows";
constexpr char kLeaseMs[] = "import-lease-ms";

/// Puts the number that a flag of the service's own was given into `value`, if it was given. INVALID_ARGUMENT out of
/// range.
absl::Status ReadOption(const app::Config& config, const char* name, int64_t least, int64_t most, int64_t* value) {
  const auto found = config.options.find(name);
  if (found == config.options.end()) return absl::OkStatus();
  const std::string& text = found->second;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    return InvalidField(
        name, "\"" + text + "\" is not a number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  *value = number;
  return absl::OkStatus();
}

absl::StatusOr<events::ImportLimits> LimitsOf(const app::Config& config) {
  events::ImportLimits limits;
  auto rows = static_cast<int64_t>(limits.batch_rows);
  int64_t lease_ms = limits.lease.count();
  EMBUDO_RETURN_IF_ERROR(ReadOption(config, kBatchRows, 1, 1000, &rows));
  EMBUDO_RETURN_IF_ERROR(ReadOption(config, kLeaseMs, 500, 600000, &lease_ms));
  limits.batch_rows = static_cast<size_t>(rows);
  limits.lease = std::chrono::milliseconds(lease_ms);
  return limits;
}

/// Everything that the service's process holds, in the order that it is built in.
struct Rooms {
  Rooms(const app::Environment& environment, const events::ImportLimits& limits)
      : rpc_pool(db::ConninfoFor(environment.config.postgres, "capture_rpc", "embudo-capture"),
                 environment.config.threads),
        worker_pool(db::ConninfoFor(environment.config.postgres, "capture_worker", "embudo-capture"),
                    kWorkerConnections),
        pipeline({environment.config.pipeline_target, environment.credentials}),
        runner(worker_pool, pipeline, environment.clock, limits),
        room(rpc_pool, pipeline, environment.clock, [this] { runner.Wake(); }) {}

  db::Pool rpc_pool;
  db::Pool worker_pool;
  embudo::rpc::Client pipeline;
  events::ImportRunner runner;
  rpc::Room room;
};

absl::Status CheckSchema(db::Pool& pool) {
  const int wanted = storage::Migrations().back().number;
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool, "", db::After(std::chrono::seconds(2)),
                                   "SELECT coalesce(max(number), 0) FROM capture.migration", {}));
  if (rows[0].Int(0) >= wanted) return absl::OkStatus();
  return Error(absl::StatusCode::kUnavailable, "SCHEMA_MISSING",
               "the schema is at step " + std::to_string(rows[0].Int(0)) + ", this version needs " +
                   std::to_string(wanted) + ": run embudo-migrate");
}

}  // namespace

const std::vector<app::Option>& Options() {
  static const std::vector<app::Option> options = {
      {kBatchRows, "Rows that an import sends to the pipeline service at once, 1–1000", "500"},
      {kLeaseMs, "How long an import waits for its worker before another takes it up, in milliseconds", "15000"}};
  return options;
}

absl::Status Bind(const app::Environment& environment, app::Bindings& bindings) {
  EMBUDO_ASSIGN_OR_RETURN(const events::ImportLimits limits, LimitsOf(environment.config));
  auto rooms = std::make_shared<Rooms>(environment, limits);
  bindings.services.push_back(rpc::MakeCaptureService(rooms->room));
  bindings.services.push_back(rpc::MakeImportService(rooms->room));
  bindings.services.push_back(rpc::MakeOperationService(rooms->room));
  bindings.background = {std::shared_ptr<Background>(rooms, &rooms->runner)};
  bindings.ready = [rooms] { return CheckSchema(rooms->rpc_pool); };
  return absl::OkStatus();
}

}  // namespace embudo::capture
