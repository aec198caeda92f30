#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/metrics/metrics.h"
#include "common/rpc/authenticator.h"
#include "common/rpc/gate.h"
#include "common/rpc/service.h"

namespace embudo::rpc {

struct ServerOptions {
  /// `127.0.0.1:7001`; port 0 lets the system choose.
  std::string listen;
  /// Handlers that run at once. A handler blocks on the database, so this is the size of the database pool.
  int threads = 16;
  /// Calls that may wait for a thread; above it RESOURCE_EXHAUSTED with RetryInfo.
  int queue_length = 64;
  /// Deadline of unary calls that bring none. Streams have none then.
  std::chrono::milliseconds default_deadline{30000};
  /// Longest silence of the client in a client-streaming call, which holds a thread.
  std::chrono::milliseconds stream_read_timeout{30000};
  /// Largest message that is taken.
  int max_receive_bytes = 4 << 20;
  bool reflection = true;
  /// Whether an address that others can reach may be served without TLS: where a mesh or a proxy speaks it.
  bool plaintext = false;
};

/// The gRPC server of a process: the callback API in front, a bounded executor behind, and around every handler, in
/// this order: call id and trace; access log and metrics; the one conversion of Status to the wire; the exception
/// barrier; drain and admission; authentication and the method's Access; the tenant's standing and limits; deadline;
/// value rules (BadRequest); the handler. Health (per service name, plus `liveness` and `readiness`) and reflection are
/// served beside.
class Server {
 public:
  Server(ServerOptions options, std::shared_ptr<Authenticator> authenticator, metrics::Registry& metrics);
  ~Server();

  /// Adds a service; before Start. The service outlives the server.
  void Add(const Service& service);
  /// Whose tenants it serves, and how much of them; before Start. Without one it serves all, without limit.
  void UseGate(std::shared_ptr<Gate> gate);
  /// Opens the port. UNAVAILABLE if it is taken; INVALID_ARGUMENT if the address is not loopback and the development
  /// identity is on (DEV_IDENTITY_NEEDS_LOOPBACK), or there is no TLS and no leave to do without (TLS_REQUIRED).
  absl::Status Start();
  /// The port that was opened.
  int port() const;
  /// Health: whether the process can do its work (the database is there). Starts as not ready.
  void SetReady(bool ready);
  /// NOT_SERVING everywhere, running streams are told to end, new calls are still served for `notice`; then running
  /// calls get until `grace` to finish.
  void Shutdown(std::chrono::milliseconds notice, std::chrono::milliseconds grace);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace embudo::rpc
