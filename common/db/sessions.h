#pragma once

#include <string>

#include "absl/status/status.h"

namespace embudo::db {

/// Whether a connection has a session of PostgreSQL's to itself for as long as it lives. Behind a pooler that hands
/// sessions on between transactions it has not: the tenant of row-level security would go to another's statements, and
/// advisory locks, prepared statements and time-outs would be lost. FAILED_PRECONDITION, reason TRANSACTION_POOLING,
/// then; UNAVAILABLE if the database is away. A conninfo that was found good is not asked for again.
absl::Status CheckSessions(const std::string& conninfo);

}  // namespace embudo::db
