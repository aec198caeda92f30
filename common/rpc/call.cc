#include "common/rpc/call.h"

#include <prometheus/histogram.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "common/log/log.h"
#include "common/rpc/origin.h"
#include "common/rpc/roles.h"
#include "common/rpc/span.h"
#include "common/rpc/wire.h"

namespace embudo::rpc {
namespace {

using std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr char kCallIdHeader[] = "x-request-id";
constexpr size_t kMaxCallId = 64;

/// A caller's id goes into logs and metadata as it is, so it must be plain.
bool IsCallId(std::string_view id) {
  return !id.empty() && id.size() <= kMaxCallId && std::all_of(id.begin(), id.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == ':';
  });
}

/// Whether the error is the server's and not the caller's.
bool IsServerFault(absl::StatusCode code) {
  return code == absl::StatusCode::kInternal || code == absl::StatusCode::kUnknown ||
         code == absl::StatusCode::kDataLoss;
}

}  // namespace

Call::Call(Core& core, const ServedMethod& method, grpc::CallbackServerContext& grpc)
    : core_(core), method_(method), grpc_(grpc) {
  method_.metrics.Started();
  context_.method = method_.name;
  context_.peer = grpc_.peer();
  const std::string_view call_id = Metadata(kCallIdHeader);
  context_.call_id = IsCallId(call_id) ? std::string(call_id) : trace::NewId();
  const auto parent = trace::Context::Parse(Metadata("traceparent"));
  trace_ = parent ? parent->Child() : trace::Begin();
  if (parent) parent_span_ = parent->span_id;
  context_.traceparent = trace_.ToTraceparent();
  grpc_.AddTrailingMetadata(kCallIdHeader, context_.call_id);
  SetDeadline();
}

std::string_view Call::Metadata(std::string_view name) const {
  const auto& metadata = grpc_.client_metadata();
  const auto found = metadata.find(grpc::string_ref(name.data(), name.size()));
  if (found == metadata.end()) return {};
  return {found->second.data(), found->second.size()};
}

void Call::SetDeadline() {
  const system_clock::time_point deadline = grpc_.deadline();
  const auto now = system_clock::now();
  // gRPC gives a time far away where the caller gave none.
  if (deadline < now + std::chrono::hours(24 * 365)) {
    context_.deadline = start_ + std::chrono::duration_cast<steady_clock::duration>(deadline - now);
  } else if (!Streams()) {
    context_.deadline = start_ + core_.options.default_deadline;
  }
}

absl::Status Call::Admit() {
  if (method_.immediate) return absl::OkStatus();
  if (core_.draining) {
    return Error(absl::StatusCode::kUnavailable, "DRAINING", "the server is shutting down")
        .RetryAfter(std::chrono::milliseconds(100));
  }
  if (!method_.has_access || !method_.access.anonymous()) {
    const MetadataLookup metadata = [this](std::string_view name) { return Metadata(name); };
    EMBUDO_ASSIGN_OR_RETURN(context_.identity, core_.authenticator->Authenticate(metadata));
    ReadOrigin(metadata, &context_.identity);
  }
  EMBUDO_RETURN_IF_ERROR(CheckAccess(method_, context_.identity));
  if (core_.gate != nullptr && !context_.tenant().empty()) {
    const Admission admission = core_.gate->Admit(context_.identity, method_.method_class);
    hold_ = admission.hold;
    EMBUDO_RETURN_IF_ERROR(admission.status);
    if (Streams()) {
      EMBUDO_ASSIGN_OR_RETURN(place_, core_.gate->TakeStream(context_.tenant()));
    }
  }
  admitted_ = true;
  return CheckAlive();
}

bool Call::Streams() const { return method_.descriptor->client_streaming() || method_.descriptor->server_streaming(); }

absl::Status Call::CheckStanding() const {
  return core_.gate == nullptr ? absl::OkStatus() : core_.gate->Standing(context_.tenant());
}

void Call::Note(const google::protobuf::Message& request) {
  if (method_.audited && noted_.empty()) noted_ = SubjectOf(request);
}

bool Call::MustBeKept() const { return method_.audited && admitted_ && core_.gate != nullptr; }

AuditRecord Call::RecordOf(const absl::Status& status) const {
  // What an operator does to a tenant is in that tenant's log.
  constexpr std::string_view kTenants = "tenants/";
  std::string tenant = context_.tenant();
  if (tenant.empty() && noted_.starts_with(kTenants)) {
    tenant = noted_.substr(kTenants.size(), noted_.find('/', kTenants.size()) - kTenants.size());
  }
  return {.tenant = std::move(tenant),
          .actor = context_.identity.actor,
          .roles = FormatRoles(context_.identity.roles, ", "),
          .method = method_.name,
          .resource = noted_,
          .code = absl::StatusCodeToString(status.code()),
          .reason = ReasonOf(status),
          .call_id = context_.call_id,
          .peer = context_.peer};
}

absl::Status Call::CheckAlive() const {
  if (context_.cancelled->load(std::memory_order_relaxed)) return absl::CancelledError("the caller went away");
  if (steady_clock::now() >= context_.deadline) {
    return absl::DeadlineExceededError("the deadline has passed");
  }
  return absl::OkStatus();
}

void Call::TakenUp() { core_.queue_wait.Observe(std::chrono::duration<double>(steady_clock::now() - start_).count()); }

void Call::Finish(const absl::Status& status, std::function<void(const grpc::Status&)> answer) {
  const double seconds = std::chrono::duration<double>(steady_clock::now() - start_).count();
  const std::string error_id = IsMasked(status) ? trace::NewId() : std::string();
  method_.metrics.Handled(status.code(), seconds);
  if (!method_.immediate) RecordCall(trace::Span::Kind::kServer, trace_, parent_span_, method_.name, start_, status);
  Log(status, seconds, error_id);
  place_ = nullptr;
  // A call that fails at once may have no initial metadata on the wire.
  if (!status.ok()) grpc_.AddTrailingMetadata(kCallIdHeader, context_.call_id);
  const grpc::Status wire = ToWire(status, context_.call_id, error_id);
  // The answer may be the call's end, so nothing of it is looked at afterwards.
  if (!MustBeKept()) return answer(wire);
  core_.gate->Audit(RecordOf(status), [answer = std::move(answer), wire] { answer(wire); });
}

void Call::Log(const absl::Status& status, double seconds, const std::string& error_id) const {
  const bool fault = IsServerFault(status.code());
  // Probes come every second and tell nothing.
  const bool quiet = !fault && (method_.immediate ? !log::DebugEnabled() : !log::InfoEnabled());
  if (quiet) return;
  const log::Scope scope(context_.call_id, trace::TraceIdOf(context_.traceparent));
  nlohmann::json fields = {{"method", method_.name},
                           {"code", absl::StatusCodeToString(status.code())},
                           {"duration_ms", std::round(seconds * 1e6) / 1e3}};
  if (!context_.identity.tenant.empty()) fields["tenant"] = context_.identity.tenant;
  if (!status.ok()) fields["reason"] = ReasonOf(status);
  if (!fault) return log::Info("rpc", fields);
  fields["error"] = MessageOf(status);
  if (!error_id.empty()) fields["error_id"] = error_id;
  log::Error("rpc", fields);
}

absl::Status Overloaded() {
  return Error(absl::StatusCode::kResourceExhausted, "SERVER_OVERLOADED", "too many calls at once")
      .RetryAfter(std::chrono::milliseconds(200));
}

absl::Status ParseRequest(const ServedMethod& method, const grpc::ByteBuffer& bytes, google::protobuf::Message* out) {
  if (!ParseBytes(bytes, out)) {
    return Error(absl::StatusCode::kInvalidArgument, "MALFORMED_REQUEST",
                 "the request is not a " + out->GetDescriptor()->full_name());
  }
  return method.validator.Check(*out);
}

}  // namespace embudo::rpc
