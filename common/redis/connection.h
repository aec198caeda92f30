#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

struct redisReply;

namespace embudo::redis {

/// A reply or a part of one. A part is valid while the whole lives.
class Reply {
 public:
  explicit Reply(redisReply* whole);
  /// A part of `whole`.
  Reply(std::shared_ptr<redisReply> whole, redisReply* part) : whole_(std::move(whole)), reply_(part) {}
  /// An array of other replies.
  explicit Reply(std::vector<Reply> parts);

  bool is_nil() const;
  bool is_error() const;
  int64_t integer() const;
  /// Of strings, statuses and errors.
  std::string_view text() const;
  /// Of arrays; 0 for anything else.
  size_t size() const;
  Reply operator[](size_t i) const;

 private:
  std::shared_ptr<redisReply> whole_;
  redisReply* reply_ = nullptr;
  std::shared_ptr<const std::vector<Reply>> parts_;
};

/// One connection to Redis, or to all nodes of a Redis Cluster, over hiredis: binary-safe, no hidden reconnect. After
/// an UNAVAILABLE it is broken and to be replaced. One thread at a time.
class Connection {
 public:
  /// `address` is `host:port`, a unix socket's path, or `cluster:` with some nodes of a cluster, separated by commas
  /// (`cluster:10.0.0.1:6379,10.0.0.2:6379`). `timeout` bounds the connect and every wait for a reply, so it is longer
  /// than the longest BLOCK. UNAVAILABLE if the server is not there.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& address,
                                                          std::chrono::milliseconds timeout);
  Connection() = default;
  virtual ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  using Args = std::vector<std::string_view>;
  /// Sends a command and waits for its reply. An error reply is a reply; LOADING and READONLY count as UNAVAILABLE.
  /// In a cluster the command goes where its key is: its second word, and of XREAD each stream.
  virtual absl::StatusOr<Reply> Command(const Args& args);
  /// Queues a command; Next sends what is queued and returns the next reply, in order.
  virtual void Append(const Args& args) = 0;
  virtual absl::StatusOr<Reply> Next() = 0;
};

/// What this process's connections authenticate with from now on (AUTH); empty: they do not.
void UsePassword(std::string password);

}  // namespace embudo::redis
