#pragma once

#include <functional>
#include <map>
#include <string>

#include "common/chore/chore.h"
#include "common/db/pool.h"
#include "common/tenancy/tenants.h"

namespace embudo::tenancy {

/// Takes away what a service keeps of tenants that are being purged, and tells so. What a consumer still reads of such
/// a tenant it may write once more, so that rows go twice: at once, and when the consumer has passed all of the
/// tenant's events.
class Purger : public Chore {
 public:
  /// Tells that nothing is left.
  using Tell = std::function<absl::Status(const std::string& tenant)>;
  /// `pool`: of the worker role.
  Purger(std::string schema, Tenants& tenants, db::Pool& pool, Tell tell);
  ~Purger() override;

 private:
  absl::Status RunOnce();
  absl::Status Step(const std::string& tenant);
  /// Whether the schema's consumer has passed the places, of every partition, that the log had.
  absl::StatusOr<bool> HasPassed(const std::map<int, int64_t>& ends);

  const std::string schema_;
  Tenants& tenants_;
  db::Pool& pool_;
  const Tell tell_;
  /// Where the log ended when the tenant's first rows had gone.
  std::map<std::string, std::map<int, int64_t>> ends_;
};

}  // namespace embudo::tenancy
