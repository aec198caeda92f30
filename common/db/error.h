#pragma once

#include "absl/status/status.h"

struct pg_result;
struct pg_conn;

namespace embudo::db {

/// The one place that turns PostgreSQL's errors into a Status, by SQLSTATE. Messages and details of the server are
/// logged without their values and never shown. The reason names what happened (UNIQUE_VIOLATION,
/// FOREIGN_KEY_VIOLATION, SERIALIZATION_FAILURE, STATEMENT_TIMEOUT, DATABASE_UNAVAILABLE …), the metadata's
/// `constraint` the constraint.
absl::Status ErrorOf(const pg_result* result);
absl::Status ErrorOf(const pg_conn* connection);

/// The constraint that a unique or foreign key violation names; empty for other errors.
std::string ConstraintOf(const absl::Status& status);
/// Whether the transaction may be run again: serialization failure, deadlock, a schema that has just changed, lost
/// connection.
bool IsRetryable(const absl::Status& status);

}  // namespace embudo::db
