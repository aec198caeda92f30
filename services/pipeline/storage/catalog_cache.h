#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "common/db/pool.h"
#include "services/pipeline/logic/catalog.h"

namespace embudo::pipeline::storage {

/// Tenants' catalogues, read from the database and kept for a second at most. A change made through this process is
/// seen at once (Forget), one made through another within that second. Thread-safe.
class CatalogCache {
 public:
  explicit CatalogCache(db::Pool& pool) : pool_(pool) {}

  absl::StatusOr<std::shared_ptr<const logic::Catalog>> Get(const std::string& tenant, db::Deadline deadline);
  void Forget(const std::string& tenant);

 private:
  struct Entry {
    std::shared_ptr<const logic::Catalog> catalog;
    std::chrono::steady_clock::time_point expires;
  };

  absl::StatusOr<std::shared_ptr<const logic::Catalog>> Load(const std::string& tenant, db::Deadline deadline);

  db::Pool& pool_;
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
  uint64_t forgotten_ = 0;  ///< counts the calls of Forget
};

}  // namespace embudo::pipeline::storage
