#include "common/rpc/method.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <algorithm>

#include "common/base/error.h"

namespace embudo::rpc {
namespace {

using google::protobuf::MessageFactory;

std::string NameOf(const google::protobuf::MethodDescriptor& method) {
  return method.service()->full_name() + "/" + method.name();
}

}  // namespace

MethodMetrics::MethodMetrics(const std::string& method, metrics::Registry& registry)
    : method_(method),
      registry_(registry),
      started_(registry.Counter("embudo_rpc_started_total", "Calls that came in.", {{"method", method}})),
      in_flight_(registry.Gauge("embudo_rpc_in_flight", "Calls being served.", {{"method", method}})),
      latency_(registry.Latency("embudo_rpc_latency_seconds", "From a call's arrival to its answer.",
                                {{"method", method}})) {}

void MethodMetrics::Started() {
  started_.Increment();
  in_flight_.Increment();
}

void MethodMetrics::Handled(absl::StatusCode code, double seconds) {
  in_flight_.Decrement();
  latency_.Observe(seconds);
  auto& slot = handled_.at(std::min(static_cast<size_t>(code), kCodes - 1));
  prometheus::Counter* counter = slot.load(std::memory_order_acquire);
  if (counter == nullptr) {
    counter = &registry_.Counter("embudo_rpc_handled_total", "Calls answered, by status code.",
                                 {{"method", method_}, {"code", absl::StatusCodeToString(code)}});
    slot.store(counter, std::memory_order_release);
  }
  counter->Increment();
}

ServedMethod::ServedMethod(const Service::Method& method_handlers, metrics::Registry& registry)
    : descriptor(method_handlers.descriptor),
      name(NameOf(*descriptor)),
      path("/" + name),
      handlers(method_handlers),
      has_access(descriptor->options().HasExtension(type::v1::access)),
      access(descriptor->options().GetExtension(type::v1::access)),
      validator(descriptor->input_type(), RequiredScopeOf(descriptor->name())),
      request(MessageFactory::generated_factory()->GetPrototype(descriptor->input_type())),
      response(MessageFactory::generated_factory()->GetPrototype(descriptor->output_type())),
      metrics(name, registry) {}

absl::Status CheckAccess(const ServedMethod& method, const Identity& identity) {
  if (!method.has_access) {
    return Error(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED", method.name + " is open to nobody")
        .Meta("method", method.name);
  }
  if (method.access.anonymous()) return absl::OkStatus();
  if (identity.tenant.empty() && !method.access.no_tenant()) {
    return Error(absl::StatusCode::kPermissionDenied, "TENANT_REQUIRED", "the credentials name no tenant")
        .Meta("method", method.name);
  }
  std::string wanted;
  for (const int role : method.access.roles()) {
    if (identity.Has(static_cast<type::v1::Role>(role))) return absl::OkStatus();
    wanted += (wanted.empty() ? "" : ", ") + type::v1::Role_Name(role);
  }
  return Error(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED", method.name + " needs one of " + wanted)
      .Meta("method", method.name)
      .Meta("roles", wanted);
}

}  // namespace embudo::rpc
