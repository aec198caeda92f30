#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/rpc/service.h"
#include "grpc/health/v1/health.pb.h"

namespace embudo::rpc {

/// grpc.health.v1.Health. Built here and not taken from gRPC, whose own has no descriptor in reflection and whose Watch
/// streams hold up the shutdown. Names: "" and every service (whether calls are served), `readiness` (the same), and
/// `liveness` (always SERVING while the process answers). Thread-safe.
class Health {
 public:
  using Status = grpc::health::v1::HealthCheckResponse::ServingStatus;

  explicit Health(const std::vector<std::string>& services);

  /// The service to add to the server; refers to this object.
  Service MakeService();
  void SetReady(bool ready);
  /// NOT_SERVING for good.
  void Drain();

 private:
  class Watcher;

  absl::StatusOr<grpc::health::v1::HealthCheckResponse> Check(const std::string& name);
  /// SERVICE_UNKNOWN for a name that is not there.
  Status StatusOf(const std::string& name);
  void Set(bool ready, bool draining);

  std::mutex mutex_;
  bool draining_ = false;
  std::map<std::string, Status> statuses_;
  std::vector<std::weak_ptr<Watcher>> watchers_;
};

}  // namespace embudo::rpc
