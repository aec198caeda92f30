#include "common/rpc/grpc_process.h"

#include <absl/synchronization/mutex.h>
#include <grpc/support/log.h>

#include <mutex>

#include "common/log/log.h"
#include "google/protobuf/stubs/logging.h"

namespace embudo::rpc {
namespace {

void LogGrpc(gpr_log_func_args* line) {
  const nlohmann::json fields = {{"text", line->message}};
  if (line->severity == GPR_LOG_SEVERITY_ERROR) return log::Warning("grpc", fields);
  log::Debug("grpc", fields);
}

void LogProtobuf(google::protobuf::LogLevel level, const char* /*file*/, int /*line*/, const std::string& text) {
  // What is called an error here is a caller's broken message, and the caller is told.
  if (level != google::protobuf::LOGLEVEL_FATAL) return log::Debug("protobuf", {{"text", text}});
  log::Error("protobuf", {{"text", text}});
}

}  // namespace

void SetUpGrpc() {
  static std::once_flag once;
  std::call_once(once, [] {
    // Debian builds Abseil with its search for deadlocks on, which costs gRPC a fifth of its time.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    gpr_set_log_function(LogGrpc);
    google::protobuf::SetLogHandler(LogProtobuf);
  });
}

}  // namespace embudo::rpc
