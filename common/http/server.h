#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/base/background.h"
#include "common/http/message.h"
#include "common/metrics/metrics.h"

namespace embudo::http {

/// What strangers may take up. Times are of whole steps, not of the pauses in them: a client that sends a byte now and
/// then gains nothing.
struct Limits {
  size_t header_bytes = 16 * 1024;
  size_t body_bytes = 256 * 1024;
  int connections = 2000;
  /// From one address; behind proxies, whose connections are everybody's: 0, no limit.
  int connections_per_address = 100;
  int requests_per_connection = 1000;
  /// For the next request's line and headers, waiting for it included.
  std::chrono::milliseconds header_timeout{10000};
  std::chrono::milliseconds body_timeout{20000};
  std::chrono::milliseconds write_timeout{20000};
  /// Requests handled at once, and those that may wait for it; more are answered 503.
  int threads = 16;
  int queue_length = 256;
};

/// An HTTP/1.1 server for strangers: one thread for all connections, so that slow ones cost memory only, and a bounded
/// executor for the handler. It answers by itself what breaks the protocol or the limits (400, 413, 431, 503), and
/// closes the connection. No TLS: that is the proxy's. Thread-safe.
class Server : public Background {
 public:
  /// Called on the executor for each request; may block, must not throw.
  using Handler = std::function<Response(const Request&)>;

  Server(Limits limits, Handler handler, metrics::Registry& metrics);
  ~Server() override;

  /// Opens the port, `host:port` (port 0 lets the system choose); connections wait until Start. UNAVAILABLE if it is
  /// taken.
  absl::Status Listen(const std::string& address);
  /// What was opened.
  const std::string& address() const;

  void Start() override;
  /// Takes no more requests; those that were read are answered, within two seconds.
  void Stop() override;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace embudo::http
