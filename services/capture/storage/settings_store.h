#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/db/pool.h"
#include "embudo/capture/v1/duplicate.pb.h"

namespace embudo::capture::storage {

/// The tenants' CaptureSettings, as they were saved. Thread-safe.
class SettingsStore {
 public:
  explicit SettingsStore(db::Pool& pool) : pool_(pool) {}

  /// Empty ones for a tenant that has none.
  absl::StatusOr<v1::CaptureSettings> Get(const std::string& tenant, db::Deadline deadline);
  /// ABORTED, reason STALE_ETAG, if the etag in them is another than the saved ones'; an empty one is not checked.
  absl::StatusOr<v1::CaptureSettings> Save(const std::string& tenant, const v1::CaptureSettings& settings,
                                           db::Deadline deadline);

 private:
  db::Pool& pool_;
};

}  // namespace embudo::capture::storage
