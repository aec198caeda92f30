#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/db/connection.h"

namespace embudo::db {

/// The rows of a statement in PostgreSQL's binary form: for results that are large, whose bytes are then neither made
/// into text nor read out of it.
class BinaryRows {
 public:
  explicit BinaryRows(pg_result* result);

  int size() const;
  /// A smallint, int, bigint or date (days since 2000-01-01).
  int64_t Int(int row, int column) const;
  /// A text or bytea; valid while these rows live.
  std::string_view Bytes(int row, int column) const;

  const pg_result* raw() const { return result_.get(); }

 private:
  std::shared_ptr<pg_result> result_;
};

/// As Connection::Exec. Not for use in a transaction: where the statement is not prepared yet, the server says so with
/// an error.
absl::StatusOr<BinaryRows> ExecBinary(Connection& connection, const std::string& sql, const Params& params);

}  // namespace embudo::db
