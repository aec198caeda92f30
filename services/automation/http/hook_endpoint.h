#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/http/message.h"
#include "common/metrics/metrics.h"
#include "common/rpc/client.h"
#include "services/automation/storage/rule_hooks.h"

namespace embudo::automation::http {

/// `POST /hooks/{key}`: sets a rule off for the lead that the JSON names. Answers
///   202  {"run": "runs/…"}; the same again for a call of the same webhook-id
///   400  the body is no JSON, or names no lead;  401  not signed, or wrongly
///   404  no such address, or no such lead;  503  later
/// Thread-safe.
class HookEndpoint {
 public:
  /// `pool` is of the automation_worker role; `wake` is called when a run was made.
  HookEndpoint(db::Pool& pool, embudo::rpc::Client& pipeline, const Clock& clock, std::function<void()> wake,
               metrics::Registry& metrics)
      : pool_(pool), pipeline_(pipeline), clock_(clock), wake_(std::move(wake)), metrics_(metrics) {}

  embudo::http::Response Handle(const embudo::http::Request& request);

 private:
  absl::StatusOr<embudo::http::Response> Take(const embudo::http::Request& request);
  /// The lead that the body names; NOT_FOUND if there is none.
  absl::StatusOr<std::string> LeadOf(const storage::HookedRule& hooked, const std::string& body);
  absl::StatusOr<std::string> FindByExternalId(const storage::HookedRule& hooked, const std::string& id);

  db::Pool& pool_;
  embudo::rpc::Client& pipeline_;
  const Clock& clock_;
  const std::function<void()> wake_;
  metrics::Registry& metrics_;
};

}  // namespace embudo::automation::http
