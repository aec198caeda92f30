#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "common/base/background.h"
#include "common/base/clock.h"
#include "common/metrics/metrics.h"
#include "common/rpc/gate.h"

namespace embudo::tenancy {

/// Carries records of calls to where they are kept, in batches of what has come together while the batch before it was
/// on its way. The answer of a call waits until its record is kept, so that nothing that was answered is missing; is it
/// not to be kept for a while, the answer goes without it, and the record stays in the queue. Thread-safe.
class AuditLog : public Background {
 public:
  /// Keeps records of one tenant. May be called again with the same ones. Ends within seconds.
  using Keep = std::function<absl::Status(const std::string& tenant, const std::vector<rpc::AuditRecord>& records,
                                          const std::vector<std::string>& ids, const std::vector<Time>& times)>;
  /// `patience`: how long an answer waits.
  AuditLog(Keep keep, const Clock& clock, metrics::Registry& metrics,
           std::chrono::milliseconds patience = std::chrono::seconds(3));
  ~AuditLog() override;

  void Start() override;
  /// What waits is kept before it returns, if it can be.
  void Stop() override;

  /// `kept`: see rpc::Gate::Audit.
  void Add(rpc::AuditRecord record, std::function<void()> kept);

 private:
  struct Waiting {
    rpc::AuditRecord record;
    std::string id;
    Time time;
    std::chrono::steady_clock::time_point latest;
    /// Empty: the answer went already.
    std::function<void()> kept;
  };

  void Run();
  /// Carries what waits for the tenant that has waited longest. Whether that need not be tried again.
  bool Flush();
  std::vector<Waiting> TakeBatch();
  /// Lets those go that have waited for so long.
  void LetGo(std::chrono::steady_clock::time_point now);

  const Keep keep_;
  const Clock& clock_;
  metrics::Registry& metrics_;
  const std::chrono::milliseconds patience_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Waiting> waiting_;
  bool stopping_ = false;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace embudo::tenancy
