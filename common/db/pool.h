#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/connection.h"

namespace embudo::db {

using Deadline = std::chrono::steady_clock::time_point;
/// A deadline that far from now.
inline Deadline After(std::chrono::milliseconds delay) { return std::chrono::steady_clock::now() + delay; }

/// A fixed number of connections of one role. Thread-safe.
class Pool {
 public:
  /// Opens nothing yet: the first Acquire does, so that a service can start before its database.
  Pool(std::string conninfo, int size);

  /// A connection of the pool while this lives. A broken one is dropped on return.
  class Lease {
   public:
    Lease(Pool* pool, std::unique_ptr<Connection> connection) : pool_(pool), connection_(std::move(connection)) {}
    ~Lease();
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    Connection& operator*() { return *connection_; }
    Connection* operator->() { return connection_.get(); }

   private:
    Pool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  /// Waits for a free connection. RESOURCE_EXHAUSTED if none comes in time, UNAVAILABLE if the database is away.
  absl::StatusOr<Lease> Acquire(Deadline deadline);
  /// One that sees `tenant` and whose statements end by the deadline.
  absl::StatusOr<Lease> Acquire(std::string_view tenant, Deadline deadline);

  int size() const { return size_; }
  const std::string& conninfo() const { return conninfo_; }

 private:
  void Return(std::unique_ptr<Connection> connection);

  const std::string conninfo_;
  const int size_;
  std::mutex mutex_;
  std::condition_variable returned_;
  int open_ = 0;
  std::vector<std::unique_ptr<Connection>> idle_;
};

/// Runs one statement by itself (autocommit) as `tenant`, again on serialization trouble and lost connections; for
/// statements that may be repeated: reads, and writes guarded by a key.
absl::StatusOr<Result> Exec(Pool& pool, std::string_view tenant, Deadline deadline, const std::string& sql,
                            const Params& params);

/// Runs `body` in a transaction, READ COMMITTED, as `tenant` (empty: none, for worker roles), and again on
/// serialization trouble and lost connections until the deadline. So `body` may run several times: it keeps nothing
/// outside from an earlier run, and does no I/O but SQL. A status that is not OK rolls back. A commit whose outcome is
/// unknown is run again too: the body's own key (request_id, position) must make that harmless.
absl::Status RunInTx(Pool& pool, std::string_view tenant, Deadline deadline,
                     const std::function<absl::Status(Connection&)>& body);

}  // namespace embudo::db
