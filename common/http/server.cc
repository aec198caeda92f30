#include "common/http/server.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/error.h"
#include "common/rpc/executor.h"

namespace embudo::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using tcp = asio::ip::tcp;

/// After an answer that a client may not have waited for, what it still sends is read for so long, and so much of it:
/// closed at once, the connection would be reset, and the answer lost.
constexpr std::chrono::milliseconds kLinger{2000};
constexpr size_t kMostLingered = 4 * 1024 * 1024;
constexpr std::chrono::milliseconds kStopTime{2000};

std::string HttpDate() { return absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", absl::Now(), absl::UTCTimeZone()); }

/// The answer to what is no request, or one beyond the limits; 0: none, the connection is gone.
int StatusOf(const error_code& error) {
  if (error == beast::http::error::body_limit) return 413;
  if (error == beast::http::error::header_limit || error == beast::http::error::buffer_overflow) return 431;
  if (error == beast::http::error::end_of_stream || error == beast::http::error::partial_message) return 0;
  return error.category() == beast::http::make_error_code(beast::http::error::bad_target).category() ? 400 : 0;
}

}  // namespace

struct Server::Impl {
  class Connection;

  Impl(Limits some_limits, Handler some_handler, metrics::Registry& registry)
      : limits(some_limits),
        handler(std::move(some_handler)),
        metrics(registry),
        open(registry.Gauge("embudo_http_connections", "Connections that are open.")),
        work(asio::make_work_guard(io)),
        acceptor(io),
        pause(io),
        end(io) {}

  void Accept();
  void Count(const char* reason) {
    metrics.Counter("embudo_http_refused_total", "What was refused before it was handled.", {{"reason", reason}})
        .Increment();
  }
  bool TakeIn(const std::string& peer) {
    if (connections >= limits.connections) {
      Count("connections");
      return false;
    }
    int& from_there = by_address[peer];
    if (limits.connections_per_address > 0 && from_there >= limits.connections_per_address) {
      Count("connections_per_address");
      return false;
    }
    ++from_there;
    ++connections;
    open.Set(connections);
    return true;
  }
  void LetGo(const std::string& peer) {
    if (--by_address[peer] == 0) by_address.erase(peer);
    --connections;
    open.Set(connections);
    if (stopping && connections == 0) end.cancel();
  }

  const Limits limits;
  const Handler handler;
  metrics::Registry& metrics;
  prometheus::Gauge& open;
  // All below is the network thread's, once that runs. Connections that are left end with `io`: what they let go of
  // stands before it.
  std::map<std::string, int> by_address;
  std::set<Connection*> living;
  int connections = 0;
  bool stopping = false;
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work;
  tcp::acceptor acceptor;
  asio::steady_timer pause;
  asio::steady_timer end;
  std::optional<rpc::Executor> executor;
  std::thread thread;
  std::string address;
};

/// One connection: reads a request, has it handled, writes the answer, and begins anew. It lives as long as one of
/// these is on its way.
class Server::Impl::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Impl& server, tcp::socket socket, std::string peer)
      : server_(server),
        stream_(std::move(socket)),
        buffer_(server.limits.header_bytes + 65536),
        peer_(std::move(peer)) {
    server_.living.insert(this);
  }
  ~Connection() {
    server_.living.erase(this);
    server_.LetGo(peer_);
  }

  void ReadHeader() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(server_.limits.header_bytes));
    parser_->body_limit(server_.limits.body_bytes);
    waiting_ = true;
    stream_.expires_after(server_.limits.header_timeout);
    beast::http::async_read_header(stream_, buffer_, *parser_,
                                   [self = shared_from_this()](const error_code& error, size_t) {
                                     self->waiting_ = false;
                                     self->OnHeader(error);
                                   });
  }
  /// At a stop: a connection that brings nothing goes.
  void EndIfIdle() {
    if (waiting_) stream_.socket().close(ignored_);
  }

 private:
  void OnHeader(const error_code& error) {
    if (error) return Refuse(StatusOf(error));
    ++requests_;
    stream_.expires_after(server_.limits.body_timeout);
    const auto expect = parser_->get()[beast::http::field::expect];
    if (!SameName({expect.data(), expect.size()}, "100-continue")) return ReadBody();
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(stream_, asio::buffer(kContinue.data(), kContinue.size()),
                      [self = shared_from_this()](const error_code& failed, size_t) {
                        if (!failed) self->ReadBody();
                      });
  }

  void ReadBody() {
    beast::http::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](const error_code& error, size_t) {
      if (error) return self->Refuse(StatusOf(error));
      self->Handle();
    });
  }

  Request Take() {
    auto message = parser_->release();
    Request request;
    const auto method = message.method_string();
    request.method = std::string(method.data(), method.size());
    const std::string target(message.target().data(), message.target().size());
    const size_t question = target.find('?');
    request.path = target.substr(0, question);
    if (question != std::string::npos) request.query = target.substr(question + 1);
    for (const auto& field : message) {
      request.headers.emplace_back(std::string(field.name_string().data(), field.name_string().size()),
                                   std::string(field.value().data(), field.value().size()));
    }
    request.body = std::move(message.body());
    request.peer = peer_;
    keep_alive_ = message.keep_alive() && requests_ < server_.limits.requests_per_connection;
    version_ = message.version();
    head_ = message.method() == beast::http::verb::head;
    return request;
  }

  void Handle() {
    auto request = std::make_shared<const Request>(Take());
    stream_.expires_never();
    // The handler's thread never lets go of the last hold on a connection: that is the network thread's to do.
    const bool taken = server_.executor->TrySubmit([self = shared_from_this(), request]() mutable {
      auto response = std::make_shared<const Response>(self->server_.handler(*request));
      Impl& server = self->server_;
      asio::post(server.io, [self = std::move(self), response] { self->Write(*response); });
    });
    if (taken) return;
    server_.Count("overload");
    Write({503, "text/plain", "busy\n", {{"Retry-After", "5"}}});
  }

  void Refuse(int status) {
    if (status == 0) return;
    server_.Count(status == 413 ? "body_size" : status == 431 ? "header_size" : "malformed");
    keep_alive_ = false;
    linger_ = true;
    Write({status, "text/plain", status == 413 ? "too large\n" : "bad request\n", {}});
  }

  void Write(const Response& from) {
    const bool keep_alive = keep_alive_ && !server_.stopping;
    auto& message = response_.emplace(static_cast<beast::http::status>(from.status), version_);
    for (const auto& [name, value] : from.headers) message.insert(name, value);
    message.set(beast::http::field::date, HttpDate());
    if (!from.content_type.empty()) message.set(beast::http::field::content_type, from.content_type);
    message.keep_alive(keep_alive);
    if (from.status != 204 && from.status != 304) message.content_length(from.body.size());
    if (!head_) message.body() = from.body;
    stream_.expires_after(server_.limits.write_timeout);
    beast::http::async_write(stream_, *response_,
                             [self = shared_from_this(), keep_alive](const error_code& error, size_t) {
                               if (error) return;
                               if (keep_alive) return self->ReadHeader();
                               self->stream_.socket().shutdown(tcp::socket::shutdown_send, self->ignored_);
                               if (!self->linger_) return;
                               self->stream_.expires_after(kLinger);
                               self->Linger();
                             });
  }

  void Linger() {
    stream_.async_read_some(asio::buffer(scratch_), [self = shared_from_this()](const error_code& error, size_t count) {
      self->lingered_ += count;
      if (!error && self->lingered_ < kMostLingered) self->Linger();
    });
  }

  Impl& server_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  const std::string peer_;
  std::optional<beast::http::request_parser<beast::http::string_body>> parser_;
  std::optional<beast::http::response<beast::http::string_body>> response_;
  std::array<char, 8192> scratch_{};
  size_t lingered_ = 0;
  int requests_ = 0;
  unsigned version_ = 11;
  bool waiting_ = false;
  bool keep_alive_ = false;
  bool head_ = false;
  bool linger_ = false;
  error_code ignored_;
};

void Server::Impl::Accept() {
  acceptor.async_accept([this](const error_code& error, tcp::socket socket) {
    if (stopping || error == asio::error::operation_aborted) return;
    if (error) {
      // No more descriptors, say: they come back when connections end.
      pause.expires_after(std::chrono::milliseconds(100));
      pause.async_wait([this](const error_code& cancelled) {
        if (!cancelled && !stopping) Accept();
      });
      return;
    }
    error_code gone;
    const auto peer = socket.remote_endpoint(gone);
    if (!gone) {
      std::string from = peer.address().to_string();
      socket.set_option(tcp::no_delay(true), gone);
      if (TakeIn(from)) std::make_shared<Connection>(*this, std::move(socket), std::move(from))->ReadHeader();
    }
    Accept();
  });
}

Server::Server(Limits limits, Handler handler, metrics::Registry& metrics)
    : impl_(std::make_shared<Impl>(limits, std::move(handler), metrics)) {}

Server::~Server() { Stop(); }

absl::Status Server::Listen(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return InvalidField("address", "is not host:port: " + address);
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  error_code error;
  const auto ip = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
  if (error) return InvalidField("address", "\"" + host + "\" is no numeric address");
  const tcp::endpoint endpoint(ip, static_cast<unsigned short>(std::atoi(address.c_str() + colon + 1)));
  impl_->acceptor.open(endpoint.protocol(), error);
  if (!error) impl_->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) impl_->acceptor.bind(endpoint, error);
  if (!error) impl_->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return Error(absl::StatusCode::kUnavailable, "ADDRESS_TAKEN",
                 "cannot listen on " + address + ": " + error.message());
  }
  impl_->address = address.substr(0, colon + 1) + std::to_string(impl_->acceptor.local_endpoint().port());
  return absl::OkStatus();
}

const std::string& Server::address() const { return impl_->address; }

void Server::Start() {
  impl_->executor.emplace(impl_->limits.threads, impl_->limits.queue_length);
  impl_->Accept();
  impl_->thread = std::thread([impl = impl_.get()] { impl->io.run(); });
}

void Server::Stop() {
  if (!impl_->thread.joinable()) return;
  asio::post(impl_->io, [impl = impl_.get()] {
    impl->stopping = true;
    error_code ignored;
    impl->acceptor.close(ignored);
    impl->pause.cancel();
    for (Impl::Connection* connection : impl->living) connection->EndIfIdle();
  });
  impl_->executor->Stop();
  asio::post(impl_->io, [impl = impl_.get()] {
    impl->work.reset();
    if (impl->connections == 0) return;
    impl->end.expires_after(kStopTime);
    impl->end.async_wait([impl](const error_code& cancelled) {
      if (!cancelled) impl->io.stop();
    });
  });
  impl_->thread.join();
}

}  // namespace embudo::http
