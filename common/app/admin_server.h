#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/metrics/metrics.h"

namespace embudo::app {

/// Serves /metrics, /healthz (the process answers) and /readyz (it can do its work, or why not) over HTTP. Thread-safe.
class AdminServer {
 public:
  explicit AdminServer(const metrics::Registry& metrics);
  ~AdminServer();

  /// `host:port`; port 0 lets the system choose. UNAVAILABLE if it is taken.
  absl::Status Start(const std::string& listen);
  /// The address that was opened.
  const std::string& address() const;
  /// What /readyz answers.
  void SetReady(const absl::Status& status);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace embudo::app
