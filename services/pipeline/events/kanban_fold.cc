#include "services/pipeline/events/kanban_fold.h"

#include <utility>

#include "common/base/error.h"

namespace embudo::pipeline::events {
namespace {

constexpr std::chrono::seconds kStatement{60};
constexpr std::chrono::seconds kInterval{1};

constexpr char kTenants[] = "SELECT DISTINCT tenant_id FROM pipeline.kanban_delta";
/// One statement, so that nobody sees an addition twice or not at all. Rows that another replica is folding are passed
/// over; totals are locked in one order. By where the rows lie, since the planner's statistics know the table mostly
/// empty.
constexpr char kFold[] =
    "WITH gone AS (DELETE FROM pipeline.kanban_delta WHERE ctid = ANY (ARRAY(SELECT ctid FROM pipeline.kanban_delta"
    " WHERE tenant_id = $1 ORDER BY delta_id LIMIT 10000 FOR UPDATE SKIP LOCKED)) RETURNING *),"
    " folded AS (INSERT INTO pipeline.kanban_total AS t (tenant_id, pipeline_id, stage_id, team_id, owner_id, cards,"
    " expected_revenue, weighted_revenue, recurring_revenue)"
    " SELECT tenant_id, pipeline_id, stage_id, team_id, owner_id, sum(cards), sum(expected_revenue),"
    " sum(weighted_revenue), sum(recurring_revenue) FROM gone GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"
    " ON CONFLICT (tenant_id, pipeline_id, stage_id, team_id, owner_id) DO UPDATE SET"
    " cards = t.cards + excluded.cards, expected_revenue = t.expected_revenue + excluded.expected_revenue,"
    " weighted_revenue = t.weighted_revenue + excluded.weighted_revenue,"
    " recurring_revenue = t.recurring_revenue + excluded.recurring_revenue)"
    " SELECT count(*) FROM gone";

}  // namespace

KanbanFold::KanbanFold(std::string postgres)
    : Chore("kanban fold", kInterval, [this] { return RunOnce().status(); }), pool_(std::move(postgres), 1) {}

KanbanFold::~KanbanFold() { Stop(); }

absl::StatusOr<int64_t> KanbanFold::RunOnce() {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result tenants, db::Exec(pool_, "", db::After(kStatement), kTenants, {}));
  int64_t rows = 0;
  for (int i = 0; i < tenants.size(); ++i) {
    const std::string tenant(tenants[i].Text(0));
    while (true) {
      EMBUDO_ASSIGN_OR_RETURN(const db::Result folded,
                              db::Exec(pool_, "", db::After(kStatement), kFold, db::Params::Of(tenant)));
      if (folded[0].Int(0) == 0) break;
      rows += folded[0].Int(0);
    }
  }
  return rows;
}

}  // namespace embudo::pipeline::events
