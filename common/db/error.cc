#include "common/db/error.h"

#include <libpq-fe.h>

#include <string>
#include <string_view>

#include "common/base/error.h"
#include "common/log/log.h"

namespace embudo::db {
namespace {

struct Mapping {
  std::string_view sqlstate;  // whole state, or its class (two characters)
  absl::StatusCode code;
  std::string_view reason;
  std::string_view message;
};

// First match wins, so states stand before their classes.
constexpr Mapping kMappings[] = {
    {"40001", absl::StatusCode::kAborted, "SERIALIZATION_FAILURE", "another change came first; try again"},
    {"40P01", absl::StatusCode::kAborted, "SERIALIZATION_FAILURE", "another change came first; try again"},
    {"55P03", absl::StatusCode::kAborted, "LOCK_TIMEOUT", "the record is being changed; try again"},
    // Raised by our own triggers: what the statement was planned on is no longer so.
    {"ZE001", absl::StatusCode::kAborted, "VERSION_CHANGED", "the record has just been changed"},
    {"23505", absl::StatusCode::kAlreadyExists, "UNIQUE_VIOLATION", "a record with these values exists already"},
    {"23503", absl::StatusCode::kFailedPrecondition, "FOREIGN_KEY_VIOLATION", "records refer to each other"},
    {"57014", absl::StatusCode::kDeadlineExceeded, "STATEMENT_TIMEOUT", "the database did not answer in time"},
    {"57P0", absl::StatusCode::kUnavailable, "DATABASE_UNAVAILABLE", "the database is away"},
    {"25006", absl::StatusCode::kUnavailable, "DATABASE_READ_ONLY", "the database is read-only"},
    {"3D000", absl::StatusCode::kUnavailable, "DATABASE_MISSING", "the database does not exist yet"},
    {"42P01", absl::StatusCode::kUnavailable, "SCHEMA_MISSING", "the database's schema is not migrated yet"},
    {"53", absl::StatusCode::kResourceExhausted, "DATABASE_OVERLOADED", "the database is out of resources"},
    {"08", absl::StatusCode::kUnavailable, "DATABASE_UNAVAILABLE", "the database is away"},
    {"22", absl::StatusCode::kInternal, "INTERNAL", "the database refused a value"},
    {"23", absl::StatusCode::kInternal, "INTERNAL", "the database refused a value"},
};

absl::Status Unavailable() {
  return Error(absl::StatusCode::kUnavailable, "DATABASE_UNAVAILABLE", "the database is away");
}

}  // namespace

absl::Status ErrorOf(const pg_result* result) {
  const auto field = [&](int code) {
    const char* text = result == nullptr ? nullptr : PQresultErrorField(result, code);
    return std::string(text == nullptr ? "" : text);
  };
  const std::string sqlstate = field(PG_DIAG_SQLSTATE);
  // No state: libpq itself lost the server.
  if (sqlstate.empty()) return Unavailable();
  const std::string constraint = field(PG_DIAG_CONSTRAINT_NAME);
  for (const Mapping& mapping : kMappings) {
    if (!sqlstate.starts_with(mapping.sqlstate)) continue;
    Error error(mapping.code, mapping.reason, mapping.message);
    error.Meta("sqlstate", sqlstate);
    if (!constraint.empty()) error.Meta("constraint", constraint);
    if (mapping.code == absl::StatusCode::kInternal) {
      log::Error("db: a value that validation should have refused",
                 {{"sqlstate", sqlstate}, {"constraint", constraint}, {"primary", field(PG_DIAG_MESSAGE_PRIMARY)}});
    }
    return error;
  }
  // Programming errors (42xxx and the like). The primary message names columns and types, not values.
  log::Error("db: statement failed", {{"sqlstate", sqlstate}, {"primary", field(PG_DIAG_MESSAGE_PRIMARY)}});
  return Internal("SQLSTATE " + sqlstate + ": " + field(PG_DIAG_MESSAGE_PRIMARY));
}

absl::Status ErrorOf(const pg_conn*) { return Unavailable(); }

std::string ConstraintOf(const absl::Status& status) {
  const google::rpc::Status details = ToRpcStatus(status);
  google::rpc::ErrorInfo info;
  for (const auto& detail : details.details()) {
    if (!detail.UnpackTo(&info)) continue;
    const auto found = info.metadata().find("constraint");
    if (found != info.metadata().end()) return found->second;
  }
  return "";
}

bool IsRetryable(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable ||
         (status.code() == absl::StatusCode::kAborted &&
          (ReasonOf(status) == "SERIALIZATION_FAILURE" || ReasonOf(status) == "SCHEMA_CHANGED"));
}

}  // namespace embudo::db
