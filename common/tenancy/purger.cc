#include "common/tenancy/purger.h"

#include <utility>

#include "common/base/error.h"
#include "common/log/log.h"
#include "common/tenancy/rows.h"

namespace embudo::tenancy {
namespace {

constexpr std::chrono::milliseconds kPause{500};
constexpr std::chrono::seconds kStatement{30};

}  // namespace

Purger::Purger(std::string schema, Tenants& tenants, db::Pool& pool, Tell tell)
    : Chore("purger of " + schema, kPause, [this] { return RunOnce(); }),
      schema_(std::move(schema)),
      tenants_(tenants),
      pool_(pool),
      tell_(std::move(tell)) {}

Purger::~Purger() { Stop(); }  // before what it works with goes

absl::Status Purger::RunOnce() {
  absl::Status first;
  for (const std::string& tenant : tenants_.ToPurge()) first.Update(Step(tenant));
  return first;
}

absl::Status Purger::Step(const std::string& tenant) {
  const auto known = ends_.find(tenant);
  if (known == ends_.end()) {
    EMBUDO_RETURN_IF_ERROR(PurgeRows(pool_, schema_, tenant));
    EMBUDO_ASSIGN_OR_RETURN(const db::Result waiting,
                            db::Exec(pool_, "", db::After(kStatement),
                                     "SELECT partition, position FROM pipeline.event_heads WHERE position > 0", {}));
    std::map<int, int64_t> ends;
    for (int i = 0; i < waiting.size(); ++i) ends[static_cast<int>(waiting[i].Int(0))] = waiting[i].Int(1);
    ends_[tenant] = std::move(ends);
    return absl::OkStatus();
  }
  EMBUDO_ASSIGN_OR_RETURN(const bool passed, HasPassed(known->second));
  if (!passed) return absl::OkStatus();
  EMBUDO_RETURN_IF_ERROR(PurgeRows(pool_, schema_, tenant));
  EMBUDO_RETURN_IF_ERROR(tell_(tenant));
  ends_.erase(tenant);
  log::Info("purger: nothing is left", {{"schema", schema_}, {"tenant", tenant}});
  return absl::OkStatus();
}

absl::StatusOr<bool> Purger::HasPassed(const std::map<int, int64_t>& ends) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool_, "", db::After(kStatement),
               "SELECT partition, min(position) FROM " + schema_ + ".consumer_checkpoint GROUP BY partition", {}));
  std::map<int, int64_t> at;
  for (int i = 0; i < rows.size(); ++i) at[static_cast<int>(rows[i].Int(0))] = rows[i].Int(1);
  for (const auto& [partition, end] : ends) {
    const auto found = at.find(partition);
    if (found == at.end() || found->second < end) return false;
  }
  return true;
}

}  // namespace embudo::tenancy
