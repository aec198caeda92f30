#include "services/pipeline/storage/touches.h"

#include "common/base/error.h"

namespace embudo::pipeline::storage {

absl::StatusOr<bool> HasTouch(db::Pool& pool, const std::string& tenant, const std::string& lead_id,
                              db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool, tenant, deadline,
                                   "SELECT EXISTS (SELECT FROM pipeline.touch WHERE tenant_id = $1"
                                   " AND lead_id = $2::uuid AND delete_time IS NULL)",
                                   db::Params::Of(tenant, lead_id)));
  return rows[0].Bool(0);
}

}  // namespace embudo::pipeline::storage
