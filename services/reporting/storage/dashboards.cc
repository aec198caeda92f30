#include "services/reporting/storage/dashboards.h"

#include "common/base/resource_id.h"
#include "common/resource/json_field.h"
#include "embudo/reporting/v1/dashboard.pb.h"
#include "services/reporting/logic/default_dashboards.h"

namespace embudo::reporting::storage {
namespace {

constexpr char kSeed[] =
    "INSERT INTO reporting.dashboard (tenant_id, dashboard_id, display_name, description, tiles, create_time,"
    " update_time, revision, version)"
    " SELECT t.tenant_id, d.id, d.display_name, d.description, d.tiles, $6::timestamptz + d.place * interval '1 "
    "microsecond',"
    " $6::timestamptz, 1, 1"
    " FROM reporting.tenant t, unnest($2::text[], $3::text[], $4::text[], $5::jsonb[]) WITH ORDINALITY"
    " AS d(id, display_name, description, tiles, place)"
    " WHERE ($1::text[] = '{}' OR t.tenant_id = ANY($1::text[]))"
    " AND NOT EXISTS (SELECT FROM reporting.dashboard h WHERE h.tenant_id = t.tenant_id)"
    " ON CONFLICT (tenant_id, dashboard_id) DO NOTHING";

}  // namespace

const resource::Table& DashboardTable() {
  static const auto* const table = new resource::Table(v1::Dashboard::descriptor(), "reporting.dashboard");
  return *table;
}

absl::Status SeedDashboards(db::Connection& connection, const std::vector<std::string>& tenants, Time now) {
  std::vector<std::string> ids;
  std::vector<std::string> names;
  std::vector<std::string> descriptions;
  std::vector<std::string> tiles;
  for (const v1::Dashboard& dashboard : logic::DefaultDashboards()) {
    ids.push_back(IdOf(dashboard.name()));
    names.push_back(dashboard.display_name());
    descriptions.push_back(dashboard.description());
    tiles.push_back(resource::JsonOfField(dashboard, v1::Dashboard::descriptor()->FindFieldByName("tiles")));
  }
  return connection.Exec(kSeed, db::Params::Of(tenants, ids, names, descriptions, tiles, now)).status();
}

}  // namespace embudo::reporting::storage
