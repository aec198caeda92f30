#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/rpc/client.h"
#include "tools/cli/output.h"

namespace embudo::cli {

/// What every command has: the global flags, and clients of the services.
class Context {
 public:
  Context();

  // Flags.
  Format format = Format::kTable;
  std::string tenant = "demo";
  std::string actor = "users/admin";
  std::string roles = "admin";
  /// A bearer token; empty: the development identity.
  std::string token;
  /// gRPC targets by service.
  std::map<std::string, std::string> targets;
  int timeout_seconds = 60;

  /// What the command line asks for, set while it is parsed. Its value is the exit code.
  std::function<absl::StatusOr<int>()> command;
  /// Set with it by the commands that can print CloudEvents.
  bool prints_events = false;

  Output& output() { return *output_; }
  /// After parsing.
  void OpenOutput(std::ostream& out) { output_ = std::make_unique<Output>(format, out); }

  rpc::Identity identity() const;
  /// The client of the service that a method belongs to (`embudo.pipeline.v1.…` → pipeline).
  rpc::Client& ClientOf(std::string_view method);

  /// NOT_FOUND if there is no such tenant: it reads as an empty one. Whatever else goes wrong shows in the command.
  absl::Status CheckTenant();

  template <class Response>
  absl::StatusOr<Response> Call(std::string_view method, const google::protobuf::Message& request) {
    return ClientOf(method).Call<Response>(method, identity(), request);
  }

 private:
  std::map<std::string, std::unique_ptr<rpc::Client>> clients_;
  std::unique_ptr<Output> output_;
};

/// A new UUID for a request_id.
std::string NewRequestId();
/// `leads/x` for `x`; a name stays as it is.
std::string NameOf(const std::string& collection, const std::string& id_or_name);

}  // namespace embudo::cli
