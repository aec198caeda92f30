#include "common/db/sessions.h"

#include <mutex>
#include <set>

#include "common/base/error.h"
#include "common/db/connection.h"

namespace embudo::db {
namespace {

/// A pooler gives the session that was used last, so two connections that take turns share one at once where nobody
/// else is; among others the turns tell by a session that changes.
constexpr int kTurns = 8;

absl::StatusOr<int64_t> BackendOf(Connection& connection) {
  EMBUDO_ASSIGN_OR_RETURN(const Result rows, connection.Exec("SELECT pg_backend_pid()"));
  return rows[0].Int(0);
}

absl::Status TransactionPooling() {
  return Error(absl::StatusCode::kFailedPrecondition, "TRANSACTION_POOLING",
               "a pooler in front of PostgreSQL hands sessions on between transactions: set pool_mode = session");
}

absl::Status Check(const std::string& conninfo) {
  EMBUDO_ASSIGN_OR_RETURN(const auto one, Connection::Open(conninfo));
  EMBUDO_ASSIGN_OR_RETURN(const auto other, Connection::Open(conninfo));
  EMBUDO_ASSIGN_OR_RETURN(const int64_t session, BackendOf(*one));
  for (int turn = 0; turn < kTurns; ++turn) {
    // In pooled sessions even the statement that was prepared a moment ago may be unknown.
    const absl::StatusOr<int64_t> others = BackendOf(*other);
    const absl::StatusOr<int64_t> again = BackendOf(*one);
    for (const auto& answer : {others, again}) {
      if (!answer.ok() && absl::IsUnavailable(answer.status())) return answer.status();
    }
    if (!others.ok() || !again.ok() || *others == session || *again != session) return TransactionPooling();
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckSessions(const std::string& conninfo) {
  static std::mutex& mutex = *new std::mutex;
  static std::set<std::string>& good = *new std::set<std::string>;
  {
    const std::lock_guard lock(mutex);
    if (good.contains(conninfo)) return absl::OkStatus();
  }
  EMBUDO_RETURN_IF_ERROR(Check(conninfo));
  const std::lock_guard lock(mutex);
  good.insert(conninfo);
  return absl::OkStatus();
}

}  // namespace embudo::db
