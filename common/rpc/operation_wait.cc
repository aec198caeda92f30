#include "common/rpc/operation_wait.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/resource_name.h"

namespace embudo::rpc {
namespace {

using google::longrunning::Operation;
using std::chrono::milliseconds;

constexpr int kMaxWaiters = 4;
constexpr milliseconds kFirstLook{20};
constexpr milliseconds kLongestLook{500};
/// What is left of a call's time for the answer.
constexpr milliseconds kMargin{200};

}  // namespace

absl::StatusOr<std::string> OperationIdOf(const std::string& name) {
  static const ResourcePattern pattern("operations/{operation}");
  EMBUDO_ASSIGN_OR_RETURN(const auto ids, ParseName(pattern, name, "name"));
  if (!Uuid::Parse(ids[0])) return NotFound("embudo.dev/Operation", name);
  return ids[0];
}

absl::StatusOr<Operation> OperationWait::Run(const CallContext& call, const google::protobuf::Duration* timeout,
                                             const Get& get) {
  milliseconds left = call.TimeLeft() - kMargin;
  if (timeout != nullptr) left = std::min(left, milliseconds(timeout->seconds() * 1000 + timeout->nanos() / 1000000));
  const auto until = std::chrono::steady_clock::now() + left;
  const bool may_wait = waiters_.fetch_add(1) < kMaxWaiters;
  absl::StatusOr<Operation> operation = get();
  std::mutex mutex;
  std::condition_variable never;
  milliseconds look = kFirstLook;
  while (may_wait && operation.ok() && !operation->done() && !*call.cancelled &&
         std::chrono::steady_clock::now() < until) {
    std::unique_lock lock(mutex);
    never.wait_until(lock, std::min(until, std::chrono::steady_clock::now() + look));
    look = std::min(look * 2, kLongestLook);
    operation = get();
  }
  waiters_.fetch_sub(1);
  return operation;
}

}  // namespace embudo::rpc
