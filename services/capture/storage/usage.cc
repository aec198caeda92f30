#include "services/capture/storage/usage.h"

#include "common/base/error.h"

namespace embudo::capture::storage {
namespace {

constexpr std::chrono::minutes kStatement{5};

constexpr char kMeasure[] =
    "SELECT tenant_id, sum(bytes)::bigint FROM ("
    "SELECT tenant_id, octet_length(request) AS bytes FROM capture.submission"
    " UNION ALL SELECT tenant_id, octet_length(bytes) FROM capture.submission_raw"
    " UNION ALL SELECT tenant_id, size_bytes FROM capture.file WHERE complete) kept GROUP BY tenant_id ORDER BY "
    "tenant_id";

}  // namespace

absl::StatusOr<std::vector<TenantUsage>> MeasureUsage(db::Pool& pool) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool, "", db::After(kStatement), kMeasure, {}));
  std::vector<TenantUsage> usage;
  for (int i = 0; i < rows.size(); ++i) usage.push_back({std::string(rows[i].Text(0)), rows[i].Int(1)});
  return usage;
}

}  // namespace embudo::capture::storage
