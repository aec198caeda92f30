#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/connection.h"
#include "common/db/pool.h"
#include "common/resource/table.h"
#include "embudo/capture/v1/enrichment.pb.h"

namespace embudo::capture::storage {

const resource::Table& EnrichmentProviderTable();
const resource::Table& EnrichmentTable();

/// A company of a list.
struct Company {
  std::string domain;
  std::string cells;  ///< JSON, by the names of the columns
};

/// What enrichment keeps beside its records. Thread-safe.
class EnrichmentStore {
 public:
  /// `pool` is of the capture_rpc role.
  explicit EnrichmentStore(db::Pool& pool) : pool_(pool) {}

  /// Those that are to be asked, in their order.
  absl::StatusOr<std::vector<v1::EnrichmentProvider>> Providers(const std::string& tenant, db::Deadline deadline);
  /// The last enrichment of the lead that need not be repeated: a company of that domain was found, or known to nobody.
  absl::StatusOr<std::optional<v1::Enrichment>> LastOf(const std::string& tenant, const std::string& lead_id,
                                                       const std::string& domain, db::Deadline deadline);

  /// The cells of the provider's company with that domain, as JSON.
  absl::StatusOr<std::optional<std::string>> FindCompany(const std::string& tenant, const std::string& provider_id,
                                                         const std::string& domain, db::Deadline deadline);
  /// Removes the provider's companies; in a transaction with AddCompanies.
  static absl::Status ClearCompanies(db::Connection& connection, const std::string& tenant,
                                     const std::string& provider_id);
  /// Of several with one domain, the first stays. How many were added.
  static absl::StatusOr<int64_t> AddCompanies(db::Connection& connection, const std::string& tenant,
                                              const std::string& provider_id, const std::vector<Company>& companies);

  /// Takes credits of the month that `now` is in; false if that would be more than `most`. A negative number gives
  /// back.
  absl::StatusOr<bool> Spend(const std::string& tenant, Time now, int64_t credits, std::optional<int64_t> most,
                             db::Deadline deadline);
  /// Credits spent in the month that `now` is in.
  absl::StatusOr<int64_t> Spent(const std::string& tenant, Time now, db::Deadline deadline);

 private:
  db::Pool& pool_;
};

}  // namespace embudo::capture::storage
