#include "services/pipeline/events/tenant_purger.h"

#include <utility>

#include "common/base/error.h"
#include "common/log/log.h"
#include "common/tenancy/rows.h"

namespace embudo::pipeline::events {
namespace {

constexpr std::chrono::milliseconds kPause{500};
/// They keep rows of tenants too, and speak for themselves.
const std::vector<std::string>& OtherServices() {
  static const auto& services = *new std::vector<std::string>{"capture", "scoring", "automation", "reporting"};
  return services;
}
/// Tables that are dealt with by themselves: the log, and what tells that there is something to do.
const std::vector<std::string>& OwnWay() {
  static const auto& tables =
      *new std::vector<std::string>{"pipeline.event", "pipeline.event_position", "pipeline.event_pending",
                                    "pipeline.tenant", "pipeline.tenant_standing"};
  return tables;
}

absl::Status Step(db::Pool& pool, storage::Purge purge) {
  if (purge.step.empty()) {
    // What has no place in the log yet gets one first: its readers count by places.
    EMBUDO_ASSIGN_OR_RETURN(const bool pending, storage::HasPendingEvents(pool, purge.tenant));
    if (pending) return absl::OkStatus();
    EMBUDO_RETURN_IF_ERROR(tenancy::PurgeRows(pool, "pipeline", purge.tenant, OwnWay()));
    EMBUDO_ASSIGN_OR_RETURN(purge.step, storage::BlankEvents(pool, purge.tenant));
    return storage::SaveStep(pool, purge);
  }
  EMBUDO_ASSIGN_OR_RETURN(const bool filled, storage::AreStreamsFilled(pool, purge.step));
  if (!filled) return absl::OkStatus();
  // Once more: what a process that had not heard of the deletion yet has written since.
  EMBUDO_RETURN_IF_ERROR(tenancy::PurgeRows(pool, "pipeline", purge.tenant, OwnWay()));
  EMBUDO_RETURN_IF_ERROR(storage::ForgetTenant(pool, purge.tenant));
  log::Info("tenant purger: nothing is left", {{"tenant", purge.tenant}});
  return absl::OkStatus();
}

absl::Status RunOnce(db::Pool& pool, const Clock& clock) {
  EMBUDO_RETURN_IF_ERROR(storage::BeginPurges(pool, clock.Now()));
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<storage::Purge> purges, storage::Purges(pool, OtherServices()));
  for (const storage::Purge& purge : purges) EMBUDO_RETURN_IF_ERROR(Step(pool, purge));
  return absl::OkStatus();
}

}  // namespace

TenantPurger::TenantPurger(db::Pool& pool, const Clock& clock)
    : Chore("tenant purger", kPause, [&pool, &clock] { return RunOnce(pool, clock); }) {}

}  // namespace embudo::pipeline::events
