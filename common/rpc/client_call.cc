#include "common/rpc/client_call.h"

#include <algorithm>

#include "common/rpc/origin.h"
#include "common/rpc/span.h"

namespace embudo::rpc {
namespace {

/// gRPC ends the process over a header that HTTP/2 does not allow, so what cannot be sent becomes `?`, which no server
/// takes for somebody.
void AddHeader(const std::string& name, std::string value, grpc::ClientContext* context) {
  for (char& c : value) {
    if (c < ' ' || c > '~') c = '?';
  }
  context->AddMetadata(name, value);
}

}  // namespace

void CallsUnderWay::Add(grpc::ClientContext* context) {
  const std::lock_guard lock(mutex_);
  contexts_.insert(context);
  ++under_way_;
}

void CallsUnderWay::End(std::unique_ptr<grpc::ClientContext> context) {
  {
    const std::lock_guard lock(mutex_);
    contexts_.erase(context.get());
  }
  context = nullptr;
  const std::lock_guard lock(mutex_);
  // Under the lock: the client may be gone as soon as its destructor can take it.
  if (--under_way_ == 0) none_left_.notify_all();
}

void CallsUnderWay::CancelAndWait() {
  std::unique_lock lock(mutex_);
  for (grpc::ClientContext* context : contexts_) context->TryCancel();
  none_left_.wait(lock, [this] { return under_way_ == 0; });
}

void ClientSpan::End(const absl::Status& status) const {
  RecordCall(trace::Span::Kind::kClient, context, parent_id, method, start, status);
}

ClientSpan PrepareContext(std::string_view method, const Identity& identity, Credentials* credentials,
                          std::optional<std::chrono::milliseconds> timeout, grpc::ClientContext* context) {
  if (credentials != nullptr) {
    for (const auto& [name, value] : credentials->Metadata(identity)) AddHeader(name, value, context);
  }
  for (const auto& [name, value] : OriginMetadata(identity)) AddHeader(name, value, context);
  std::optional<trace::Context> parent;
  if (const CallContext* outer = CallScope::Current()) {
    if (!outer->call_id.empty()) AddHeader("x-request-id", outer->call_id, context);
    parent = trace::Context::Parse(outer->traceparent);
    if (timeout) timeout = std::min(*timeout, outer->TimeLeft());
  }
  ClientSpan span{std::string(method), parent ? parent->Child() : trace::Begin(), parent ? parent->span_id : "",
                  std::chrono::steady_clock::now()};
  context->AddMetadata("traceparent", span.context.ToTraceparent());
  if (timeout) context->set_deadline(std::chrono::system_clock::now() + *timeout);
  return span;
}

}  // namespace embudo::rpc
