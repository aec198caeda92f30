#include "common/rpc/method.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <algorithm>

#include "common/base/error.h"
#include "google/api/annotations.pb.h"

namespace embudo::rpc {
namespace {

using google::protobuf::MessageFactory;

std::string NameOf(const google::protobuf::MethodDescriptor& method) {
  return method.service()->full_name() + "/" + method.name();
}

bool IsAudited(const google::protobuf::MethodDescriptor& method, const type::v1::Access& access,
               MethodClass method_class) {
  const auto has = [&access](type::v1::Role role) {
    return std::count(access.roles().begin(), access.roles().end(), role) > 0;
  };
  if (method.name().starts_with("Export")) return true;
  // What services do among themselves is in the events.
  const bool of_admins = has(type::v1::ROLE_ADMIN) && !has(type::v1::ROLE_REP) && !has(type::v1::ROLE_MANAGER);
  return of_admins && method_class != MethodClass::kRead;
}

/// The text of a field; empty if there is no such field.
std::string TextOf(const google::protobuf::Message& message, const char* name) {
  const auto* field = message.GetDescriptor()->FindFieldByName(name);
  const bool text = field != nullptr && !field->is_repeated() &&
                    field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_STRING;
  return text ? message.GetReflection()->GetString(message, field) : "";
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
      method_class(ClassOf(*descriptor)),
      audited(IsAudited(*descriptor, access, method_class)),
      validator(descriptor->input_type(), RequiredScopeOf(descriptor->name())),
      request(MessageFactory::generated_factory()->GetPrototype(descriptor->input_type())),
      response(MessageFactory::generated_factory()->GetPrototype(descriptor->output_type())),
      metrics(name, registry) {}

MethodClass ClassOf(const google::protobuf::MethodDescriptor& method) {
  const bool streams = method.client_streaming() || method.server_streaming();
  const bool begins_operation = method.output_type()->full_name() == "google.longrunning.Operation" &&
                                !method.options().GetExtension(google::api::http).has_get();
  if (streams || begins_operation || method.name().starts_with("Batch") || method.name().starts_with("Bulk")) {
    return MethodClass::kBulk;
  }
  return method.options().GetExtension(google::api::http).has_get() ? MethodClass::kRead : MethodClass::kWrite;
}

std::string SubjectOf(const google::protobuf::Message& request) {
  if (std::string name = TextOf(request, "name"); !name.empty()) return name;
  const auto* descriptor = request.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const auto* field = descriptor->field(i);
    if (field->is_repeated() || field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (std::string name = TextOf(request.GetReflection()->GetMessage(request, field), "name"); !name.empty()) {
      return name;
    }
  }
  return TextOf(request, "parent");
}

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
