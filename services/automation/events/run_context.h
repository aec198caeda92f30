#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/rpc/client.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/automation/storage/runs.h"

namespace embudo::automation::events {

/// The service itself, acting for a tenant.
rpc::Identity IdentityOf(const std::string& tenant);

/// A run while it is done.
class RunContext {
 public:
  RunContext(storage::HeldRun& held, rpc::Client& pipeline);

  storage::HeldRun& held() { return held_; }
  const v1::Run& run() const { return held_.run; }
  const std::string& tenant() const { return held_.tenant; }
  /// The service, for the tenant, because of the run's event.
  const rpc::Identity& identity() const { return identity_; }

  /// A call of the pipeline for the tenant, because of the run's event.
  template <class Response>
  absl::StatusOr<Response> Call(const std::string& method, const google::protobuf::Message& request) {
    return pipeline_.Call<Response>("embudo.pipeline.v1." + method, identity_, request, kTimeout);
  }

  /// The lead as it is: read once, and anew after Forget.
  absl::StatusOr<const type::v1::Lead*> Lead();
  /// The lead may have changed.
  void Forget() { lead_.reset(); }

 private:
  static constexpr std::chrono::seconds kTimeout{5};

  storage::HeldRun& held_;
  rpc::Client& pipeline_;
  const rpc::Identity identity_;
  std::optional<type::v1::Lead> lead_;
};

}  // namespace embudo::automation::events
