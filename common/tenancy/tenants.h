#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/base/background.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/metrics/metrics.h"
#include "common/rpc/gate.h"
#include "common/tenancy/audit_log.h"
#include "common/tenancy/limits.h"

namespace embudo::tenancy {

/// What the installation has decided about one tenant.
struct Standing {
  std::string state;  ///< ACTIVE, SUSPENDED, DELETED, PURGING
  std::vector<std::string> purged;
  Limits limits;
};

/// What a service knows of its tenants: read anew from `pipeline.tenant_state` once a second, so that what an operator
/// decides holds in every process soon after, and a call costs a look at memory. Is the database away, what it knew
/// last holds. What is to be kept of calls goes through it, too.
class Tenants : public Background, public rpc::Gate {
 public:
  struct Options {
    std::string service;
    /// Of a tenant that has none of its own.
    Limits limits;
    int replicas = 1;
    std::chrono::milliseconds refresh{1000};
  };
  /// `pool`: of the service's worker role.
  Tenants(Options options, db::Pool& pool, AuditLog::Keep keep, const Clock& clock, metrics::Registry& metrics);
  ~Tenants() override;

  void Start() override;
  /// What is to be kept of calls is kept before it returns, if it can be.
  void Stop() override;

  rpc::Admission Admit(const rpc::Identity& identity, rpc::MethodClass method_class) override;
  absl::Status Standing(std::string_view tenant) const override;
  absl::StatusOr<std::shared_ptr<void>> TakeStream(std::string_view tenant) override;
  void OnClosed(std::function<void(const std::string& tenant, const absl::Status& why)> callback) override;
  void Audit(rpc::AuditRecord record, std::function<void()> kept) override;

  /// Those that are being purged, of which this service still keeps something.
  std::vector<std::string> ToPurge() const;
  Limits LimitsOf(std::string_view tenant) const;
  /// Reads anew now.
  absl::Status Refresh();

 private:
  using Known = std::map<std::string, tenancy::Standing, std::less<>>;

  void Run();
  std::shared_ptr<const Known> Current() const;
  absl::Status StandingIn(const Known& known, std::string_view tenant) const;
  const absl::Status& Count(const absl::Status& status, const char* limit);

  const Options options_;
  db::Pool& pool_;
  metrics::Registry& metrics_;
  AuditLog audit_;
  Buckets buckets_;
  std::shared_ptr<std::map<std::string, int64_t, std::less<>>> streams_;
  std::shared_ptr<std::mutex> streams_mutex_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::shared_ptr<const Known> known_;
  std::function<void(const std::string&, const absl::Status&)> on_closed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace embudo::tenancy
