#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/db/connection.h"

namespace embudo::scoring::storage {

/// Whole tenants that are to be scored again. Asking for it is one row, which waits for no worker; a worker then marks
/// the leads in pieces, always the next when the last is nearly worked off, so that marks stay few.

/// Asks for all leads of the tenant that are scored, after those that changed. How many. `id` is the job's that tells
/// of it; empty: none does.
absl::StatusOr<int64_t> AskForRescoring(db::Connection& connection, const std::string& tenant,
                                        const std::string& id = "");

/// How far a rescoring is; nullopt: it is over, all its leads were scored.
struct Rescoring {
  int64_t total = 0;
  int64_t marked = 0;
};
absl::StatusOr<std::optional<Rescoring>> FindRescoring(db::Connection& connection, const std::string& tenant,
                                                       const std::string& id);
/// Ends it, unless it is over. What other rescorings of the tenant are to score, they score.
absl::Status DropRescoring(db::Connection& connection, const std::string& tenant, const std::string& id);

/// Leads of the tenant's rescorings that are not marked yet.
absl::StatusOr<int64_t> CountUnmarked(db::Connection& connection, const std::string& tenant);

/// The tenant after `tenant`, in a circle, that has rescorings; empty if there is none.
absl::StatusOr<std::string> NextRescored(db::Connection& connection, const std::string& tenant);
/// Marks the next piece of the rescoring that is farthest, if few marks of the last one are left. Ends what is over.
/// How many were marked. One after the other of the same tenant, so that what is asked for again and again comes to its
/// end each time.
absl::StatusOr<int> MarkPiece(db::Connection& connection, const std::string& tenant);

}  // namespace embudo::scoring::storage
