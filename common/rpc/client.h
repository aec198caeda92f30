#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/rpc/call_context.h"
#include "google/protobuf/message.h"

namespace embudo::rpc {

/// How the client shows who it is, per call.
class Credentials {
 public:
  virtual ~Credentials() = default;
  /// Metadata entries (`authorization`, or the development identity's headers) for a call on behalf of `identity`.
  virtual std::vector<std::pair<std::string, std::string>> Metadata(const Identity& identity) = 0;
};

/// The development identity: headers that a server started with --dev-identity believes.
std::shared_ptr<Credentials> DevCredentials();
/// Bearer tokens that this service signs itself (ES256, valid a minute, cached), for calls between services. They carry
/// the identity that a call is made for. INVALID_ARGUMENT if the file holds no P-256 private key.
struct SigningOptions {
  std::string private_key_pem_file;
  std::string issuer = "embudo";
  std::string audience = "embudo";
  /// As in the receiving server's JwtOptions.
  std::string tenant_claim = "tenant";
  std::string roles_claim = "roles";
};
absl::StatusOr<std::shared_ptr<Credentials>> SigningCredentials(const SigningOptions& options);
/// The JWKS document with the public half of such a key, for the servers that take its tokens.
absl::StatusOr<std::string> PublicJwks(const std::string& private_key_pem_file);
/// A bearer token as given, for the command line.
std::shared_ptr<Credentials> TokenCredentials(std::string token);

struct ClientOptions {
  /// gRPC target (`dns:///host:port`, `127.0.0.1:7001`, `unix:/path`).
  std::string target;
  std::shared_ptr<Credentials> credentials;
  /// Deadline of calls that give none.
  std::chrono::milliseconds default_timeout{10000};
};

/// A stream from the client's side, blocking; for tools, consumers in other processes, and tests. One thread at a time
/// reads and one, maybe another, writes. It must go before its client. Destroying it cancels the call.
class ClientStream {
 public:
  virtual ~ClientStream() = default;
  /// False when the stream is broken; Finish tells why.
  virtual bool Write(const google::protobuf::Message& message) = 0;
  /// False at the end of the stream.
  virtual bool Read(google::protobuf::Message* message) = 0;
  virtual void WritesDone() = 0;
  /// Gives the stream up; Read and Write return false from now on. From any thread.
  virtual void Cancel() = 0;
  /// Waits until the server ends the stream, passing over what it still sends, and returns how it ended. Nobody else
  /// is in Read or Write then.
  virtual absl::Status Finish() = 0;
};

/// A channel to one service, with deadlines (never later than that of the call that the thread works for, see
/// CallScope), its trace and call id handed on, keepalive, and the retry policy: UNAVAILABLE is retried up to four
/// times with back-off, which is safe because every mutating method takes a request_id. Thread-safe.
class Client {
 public:
  explicit Client(ClientOptions options);
  ~Client();

  /// Calls a unary method by its full name (`embudo.pipeline.v1.LeadService/CreateLead`) and waits for the answer.
  /// A status that is not OK carries the server's error details.
  absl::Status Call(std::string_view method, const Identity& identity, const google::protobuf::Message& request,
                    google::protobuf::Message* response,
                    std::optional<std::chrono::milliseconds> timeout = std::nullopt);

  template <class Response>
  absl::StatusOr<Response> Call(std::string_view method, const Identity& identity,
                                const google::protobuf::Message& request,
                                std::optional<std::chrono::milliseconds> timeout = std::nullopt) {
    Response response;
    absl::Status status = Call(method, identity, request, &response, timeout);
    if (!status.ok()) return status;
    return response;
  }

  /// Starts a unary call and returns; `done` runs on a gRPC thread when the answer is there (in `response`, which must
  /// live until then). `done` must not block, throw, or destroy the client.
  void CallAsync(std::string_view method, const Identity& identity, const google::protobuf::Message& request,
                 google::protobuf::Message* response, std::function<void(absl::Status)> done,
                 std::optional<std::chrono::milliseconds> timeout = std::nullopt);

  /// Opens a stream (bidirectional or client-streaming: the wire does not differ). No deadline unless given.
  std::unique_ptr<ClientStream> Stream(std::string_view method, const Identity& identity,
                                       std::optional<std::chrono::milliseconds> timeout = std::nullopt);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace embudo::rpc
