#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

struct redisContext;
struct redisReply;

namespace embudo::redis {

/// A reply or a part of one. A part is valid while the whole lives.
class Reply {
 public:
  explicit Reply(redisReply* whole);
  /// A part of `whole`.
  Reply(std::shared_ptr<redisReply> whole, redisReply* part) : whole_(std::move(whole)), reply_(part) {}

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
  redisReply* reply_;
};

/// One connection to Redis, over hiredis: binary-safe, no hidden reconnect. After an UNAVAILABLE it is broken and to be
/// replaced. One thread at a time.
class Connection {
 public:
  /// `address` is `host:port` or a unix socket's path. `timeout` bounds the connect and every wait for a reply, so it
  /// is longer than the longest BLOCK. UNAVAILABLE if the server is not there.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& address,
                                                          std::chrono::milliseconds timeout);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  using Args = std::vector<std::string_view>;
  /// Sends a command and waits for its reply. An error reply is a reply; LOADING and READONLY count as UNAVAILABLE.
  absl::StatusOr<Reply> Command(const Args& args);
  /// Queues a command; Next sends what is queued and returns the next reply, in order.
  void Append(const Args& args);
  absl::StatusOr<Reply> Next();

 private:
  explicit Connection(redisContext* context) : context_(context) {}
  redisContext* context_;
};

}  // namespace embudo::redis
