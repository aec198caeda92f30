#include "common/app/admin_server.h"

#include <httplib.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "common/base/error.h"

namespace embudo::app {

struct AdminServer::Impl {
  explicit Impl(const metrics::Registry& registry) : metrics(registry) {
    server.new_task_queue = [] { return new httplib::ThreadPool(2); };
    server.set_payload_max_length(4096);
    server.set_keep_alive_timeout(5);
    // Unlike the library's default, no SO_REUSEPORT: a port that is taken is an error, not something to share.
    server.set_socket_options([](socket_t socket) {
      const int on = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    });
    server.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(metrics.Text(), "text/plain; version=0.0.4");
    });
    server.Get("/healthz", [](const httplib::Request&, httplib::Response& response) {
      response.set_content("ok\n", "text/plain");
    });
    server.Get("/readyz", [this](const httplib::Request&, httplib::Response& response) {
      const std::lock_guard lock(mutex);
      response.status = ready.ok() ? 200 : 503;
      response.set_content((ready.ok() ? "ok" : MessageOf(ready)) + "\n", "text/plain");
    });
  }

  const metrics::Registry& metrics;
  httplib::Server server;
  std::thread thread;
  std::atomic<bool> ended = false;
  std::string address;
  std::mutex mutex;
  absl::Status ready = absl::UnavailableError("starting");
};

AdminServer::AdminServer(const metrics::Registry& metrics) : impl_(std::make_unique<Impl>(metrics)) {}

AdminServer::~AdminServer() {
  impl_->server.stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

absl::Status AdminServer::Start(const std::string& listen) {
  const size_t colon = listen.rfind(':');
  if (colon == std::string::npos) return absl::InvalidArgumentError("not host:port: " + listen);
  const std::string host = listen.substr(0, colon);
  int port = std::atoi(listen.c_str() + colon + 1);
  if (port == 0) {
    port = impl_->server.bind_to_any_port(host);
  } else if (!impl_->server.bind_to_port(host, port)) {
    port = -1;
  }
  if (port <= 0) return Error(absl::StatusCode::kUnavailable, "ADDRESS_TAKEN", "cannot listen on " + listen);
  impl_->address = host + ":" + std::to_string(port);
  impl_->thread = std::thread([this] {
    impl_->server.listen_after_bind();
    impl_->ended = true;
  });
  // stop() does nothing before the server runs.
  while (!impl_->server.is_running() && !impl_->ended) std::this_thread::yield();
  return absl::OkStatus();
}

const std::string& AdminServer::address() const { return impl_->address; }

void AdminServer::SetReady(const absl::Status& status) {
  const std::lock_guard lock(impl_->mutex);
  impl_->ready = status;
}

}  // namespace embudo::app
