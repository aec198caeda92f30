#pragma once

#include <chrono>
#include <cstdint>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/connection.h"

namespace embudo::automation::storage {

/// Deletes what is over for long: runs and deliveries, a bounded number of each.
absl::Status DeleteOld(db::Connection& connection, Time now);

/// What is due and not done.
struct Backlog {
  int64_t runs = 0;
  std::chrono::microseconds oldest{0};
  int64_t deliveries = 0;
  /// Mails that have not gone out, due or put off, and the age of the oldest.
  int64_t mails = 0;
  std::chrono::microseconds oldest_mail{0};
};
absl::StatusOr<Backlog> BacklogOf(db::Connection& connection, Time now);

}  // namespace embudo::automation::storage
