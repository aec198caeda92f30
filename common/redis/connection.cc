#include "common/redis/connection.h"

#include <hiredis/hiredis.h>

#include <csignal>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "common/base/error.h"
#include "common/redis/cluster.h"

namespace embudo::redis {
namespace {

constexpr std::string_view kClusterPrefix = "cluster:";

struct Password {
  std::mutex mutex;
  std::string text;
};
Password& ThePassword() {
  static Password& password = *new Password;
  return password;
}

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

/// A connection to one server.
class Single final : public Connection {
 public:
  explicit Single(redisContext* context) : context_(context) {}
  ~Single() override {
    if (context_ != nullptr) redisFree(context_);
  }

  void Append(const Args& args) override;
  absl::StatusOr<Reply> Next() override;

 private:
  redisContext* context_;
};

void Split(const Connection::Args& args, std::vector<const char*>& values, std::vector<size_t>& sizes) {
  for (const std::string_view arg : args) {
    values.push_back(arg.data());
    sizes.push_back(arg.size());
  }
}

void Single::Append(const Args& args) {
  std::vector<const char*> values;
  std::vector<size_t> sizes;
  Split(args, values, sizes);
  redisAppendCommandArgv(context_, static_cast<int>(args.size()), values.data(), sizes.data());
}

absl::StatusOr<Reply> Single::Next() {
  void* raw = nullptr;
  const int outcome = redisGetReply(context_, &raw);
  return Check(context_, outcome, raw);
}

absl::Status Authenticate(Single& connection) {
  std::string password;
  {
    const std::lock_guard lock(ThePassword().mutex);
    password = ThePassword().text;
  }
  if (password.empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const Reply reply, connection.Command({"AUTH", password}));
  if (!reply.is_error()) return absl::OkStatus();
  return Error(absl::StatusCode::kUnavailable, "REDIS_UNAVAILABLE", "Redis refuses the password");
}

absl::StatusOr<std::unique_ptr<Connection>> OpenSingle(const std::string& address, std::chrono::milliseconds timeout) {
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
  auto connection = std::make_unique<Single>(context);
  if (context == nullptr || context->err != 0) return Unavailable(context);
  redisSetTimeout(context, wait);
  EMBUDO_RETURN_IF_ERROR(Authenticate(*connection));
  return connection;
}

}  // namespace

Reply::Reply(redisReply* whole) : whole_(whole, freeReplyObject), reply_(whole) {}
Reply::Reply(std::vector<Reply> parts) : parts_(std::make_shared<const std::vector<Reply>>(std::move(parts))) {}
bool Reply::is_nil() const { return parts_ == nullptr && reply_->type == REDIS_REPLY_NIL; }
bool Reply::is_error() const { return parts_ == nullptr && reply_->type == REDIS_REPLY_ERROR; }
int64_t Reply::integer() const { return parts_ == nullptr ? reply_->integer : 0; }
std::string_view Reply::text() const {
  if (parts_ != nullptr || reply_->str == nullptr) return {};
  return {reply_->str, static_cast<size_t>(reply_->len)};
}
size_t Reply::size() const {
  if (parts_ != nullptr) return parts_->size();
  return reply_->type == REDIS_REPLY_ARRAY ? reply_->elements : 0;
}
Reply Reply::operator[](size_t i) const {
  if (parts_ != nullptr) return (*parts_)[i];
  return {whole_, reply_->element[i]};
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& address,
                                                             std::chrono::milliseconds timeout) {
  if (address.starts_with(kClusterPrefix)) {
    return OpenCluster(address.substr(kClusterPrefix.size()), timeout, OpenSingle);
  }
  return OpenSingle(address, timeout);
}

void UsePassword(std::string password) {
  const std::lock_guard lock(ThePassword().mutex);
  ThePassword().text = std::move(password);
}

absl::StatusOr<Reply> Connection::Command(const Args& args) {
  Append(args);
  return Next();
}

}  // namespace embudo::redis
