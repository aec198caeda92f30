#include "common/rpc/health.h"

#include "common/base/error.h"

namespace embudo::rpc {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

namespace {

constexpr char kLiveness[] = "liveness";

}  // namespace

/// A Watch stream: tells the status at first and whenever it has changed, the latest one where it changes faster than
/// the client reads.
class Health::Watcher final : public StreamHandler, public std::enable_shared_from_this<Watcher> {
 public:
  Watcher(Health& health, std::shared_ptr<BidiStream> stream) : health_(health), stream_(std::move(stream)) {}

  /// The status may have changed.
  void Update() {
    const std::lock_guard lock(mutex_);
    Advance();
  }

  void OnMessage(const google::protobuf::Message& message) override {
    {
      const std::lock_guard lock(health_.mutex_);
      std::erase_if(health_.watchers_, [](const auto& other) { return other.expired(); });
      health_.watchers_.push_back(weak_from_this());
    }
    const std::lock_guard lock(mutex_);
    name_ = static_cast<const HealthCheckRequest&>(message).service();
    watching_ = true;
    Advance();
  }

  void OnReadsDone() override {}

  void OnWritable() override {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    Advance();
  }

  void OnDraining() override {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    Advance();
  }

  void OnDone() override {}

 private:
  void Advance() {
    if (writing_) return;
    // Asked here and not handed in, so that an older status never follows a newer one.
    const Status status = watching_ ? health_.StatusOf(name_) : sent_;
    if (status != sent_) {
      HealthCheckResponse response;
      response.set_status(status);
      sent_ = status;
      writing_ = true;
      stream_->Write(response);
    } else if (ending_) {
      stream_->Finish(absl::UnavailableError("the server is shutting down"));
    }
  }

  Health& health_;
  const std::shared_ptr<BidiStream> stream_;
  std::mutex mutex_;
  std::string name_;
  bool watching_ = false;
  bool writing_ = false;
  bool ending_ = false;
  Status sent_ = HealthCheckResponse::UNKNOWN;
};

Health::Health(const std::vector<std::string>& services) {
  for (const auto& name : services) statuses_[name] = HealthCheckResponse::NOT_SERVING;
  statuses_[""] = HealthCheckResponse::NOT_SERVING;
  statuses_["readiness"] = HealthCheckResponse::NOT_SERVING;
  statuses_[kLiveness] = HealthCheckResponse::SERVING;
}

Service Health::MakeService() {
  Service service(HealthCheckRequest::descriptor()->file()->FindServiceByName("Health"));
  service.Unary<HealthCheckRequest, HealthCheckResponse>(
      "Check", [this](const CallContext&, const HealthCheckRequest& request) { return Check(request.service()); });
  service.Bidi("Watch", [this](std::shared_ptr<BidiStream> stream) {
    return std::make_shared<Watcher>(*this, std::move(stream));
  });
  return service;
}

void Health::SetReady(bool ready) { Set(ready, false); }
void Health::Drain() { Set(false, true); }

absl::StatusOr<HealthCheckResponse> Health::Check(const std::string& name) {
  HealthCheckResponse response;
  response.set_status(StatusOf(name));
  if (response.status() == HealthCheckResponse::SERVICE_UNKNOWN) return NotFound("grpc.health.v1", name);
  return response;
}

Health::Status Health::StatusOf(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = statuses_.find(name);
  return found == statuses_.end() ? HealthCheckResponse::SERVICE_UNKNOWN : found->second;
}

void Health::Set(bool ready, bool draining) {
  std::vector<std::weak_ptr<Watcher>> watchers;
  {
    const std::lock_guard lock(mutex_);
    if (draining_) return;
    draining_ = draining;
    for (auto& [name, status] : statuses_) {
      if (name != kLiveness) status = ready ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
    }
    watchers = watchers_;
  }
  for (const auto& weak : watchers) {
    if (auto watcher = weak.lock()) watcher->Update();
  }
}

}  // namespace embudo::rpc
