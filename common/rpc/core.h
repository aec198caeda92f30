#pragma once

#include <atomic>
#include <memory>

#include "common/metrics/metrics.h"
#include "common/rpc/authenticator.h"
#include "common/rpc/executor.h"
#include "common/rpc/gate.h"
#include "common/rpc/server.h"
#include "common/rpc/streams.h"

namespace embudo::rpc {

/// What the calls of one server share.
struct Core {
  Core(const ServerOptions& server_options, std::shared_ptr<Authenticator> server_authenticator,
       metrics::Registry& metrics)
      : options(server_options),
        authenticator(std::move(server_authenticator)),
        executor(options.threads, options.queue_length),
        queue_wait(
            metrics.Latency("embudo_rpc_queue_wait_seconds", "From a call's admission to a thread that serves it")) {}

  const ServerOptions options;
  const std::shared_ptr<Authenticator> authenticator;
  /// Set before the port opens; nullptr: every tenant is served without limit.
  std::shared_ptr<Gate> gate;
  Executor executor;
  /// How long admitted calls wait for a thread.
  prometheus::Histogram& queue_wait;
  const std::shared_ptr<Streams> streams = std::make_shared<Streams>();
  /// Refusals that are held back.
  std::atomic<int> held = 0;
  /// New calls are refused.
  std::atomic<bool> draining = false;
};

}  // namespace embudo::rpc
