#include "common/redis/connection.h"

#include <hiredis/hiredis.h>

#include <csignal>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "common/base/error.h"

namespace embudo::redis {
namespace {

// hiredis writes with write(2): to a server that has gone away, that is a signal which ends the process.
void IgnoreBrokenPipes() {
  static std::once_flag once;
  std::call_once(once, [] { std::signal(SIGPIPE, SIG_IGN); });
}

absl::Status Unavailable(const redisContext* context) {
  return Error(absl::StatusCode::kUnavailable, "REDIS_UNAVAILABLE",
               std::string("Redis is away: ") + (context == nullptr ? "no memory" : context->errstr));
}

bool IsPassing(const Reply& reply) {
  if (!reply.is_error()) return false;
  for (const std::string_view prefix : {"LOADING", "READONLY", "MASTERDOWN", "OOM"}) {
    if (reply.text().starts_with(prefix)) return true;
  }
  return false;
}

absl::StatusOr<Reply> Check(const redisContext* context, int outcome, void* raw) {
  if (outcome != REDIS_OK || raw == nullptr) return Unavailable(context);
  Reply reply(static_cast<redisReply*>(raw));
  if (IsPassing(reply)) {
    return Error(absl::StatusCode::kUnavailable, "REDIS_UNAVAILABLE", reply.text()).ToStatus();
  }
  return reply;
}

void Split(const Connection::Args& args, std::vector<const char*>& values, std::vector<size_t>& sizes) {
  for (const std::string_view arg : args) {
    values.push_back(arg.data());
    sizes.push_back(arg.size());
  }
}

}  // namespace

Reply::Reply(redisReply* whole) : whole_(whole, freeReplyObject), reply_(whole) {}
bool Reply::is_nil() const { return reply_->type == REDIS_REPLY_NIL; }
bool Reply::is_error() const { return reply_->type == REDIS_REPLY_ERROR; }
int64_t Reply::integer() const { return reply_->integer; }
std::string_view Reply::text() const {
  return reply_->str == nullptr ? std::string_view() : std::string_view(reply_->str, static_cast<size_t>(reply_->len));
}
size_t Reply::size() const { return reply_->type == REDIS_REPLY_ARRAY ? reply_->elements : 0; }
Reply Reply::operator[](size_t i) const { return {whole_, reply_->element[i]}; }

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& address,
                                                             std::chrono::milliseconds timeout) {
  IgnoreBrokenPipes();
  const timeval wait{timeout.count() / 1000, (timeout.count() % 1000) * 1000};
  const size_t colon = address.rfind(':');
  redisContext* context = nullptr;
  if (address.starts_with('/')) {
    context = redisConnectUnixWithTimeout(address.c_str(), wait);
  } else if (colon != std::string::npos) {
    context = redisConnectWithTimeout(address.substr(0, colon).c_str(), std::atoi(address.c_str() + colon + 1), wait);
  } else {
    return Error(absl::StatusCode::kInvalidArgument, "INVALID_ADDRESS", "Redis address is not host:port: " + address)
        .ToStatus();
  }
  std::unique_ptr<Connection> connection(new Connection(context));
  if (context == nullptr || context->err != 0) return Unavailable(context);
  redisSetTimeout(context, wait);
  return connection;
}

Connection::~Connection() {
  if (context_ != nullptr) redisFree(context_);
}

absl::StatusOr<Reply> Connection::Command(const Args& args) {
  Append(args);
  return Next();
}

void Connection::Append(const Args& args) {
  std::vector<const char*> values;
  std::vector<size_t> sizes;
  Split(args, values, sizes);
  redisAppendCommandArgv(context_, static_cast<int>(args.size()), values.data(), sizes.data());
}

absl::StatusOr<Reply> Connection::Next() {
  void* raw = nullptr;
  const int outcome = redisGetReply(context_, &raw);
  return Check(context_, outcome, raw);
}

}  // namespace embudo::redis
