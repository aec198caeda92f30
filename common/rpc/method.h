#pragma once

#include <array>
#include <atomic>
#include <string>

#include "common/metrics/metrics.h"
#include "common/rpc/gate.h"
#include "common/rpc/service.h"
#include "common/rpc/validate.h"
#include "embudo/type/v1/options.pb.h"

namespace embudo::rpc {

/// The metrics of one method, looked up once.
class MethodMetrics {
 public:
  MethodMetrics(const std::string& method, metrics::Registry& registry);

  void Started();
  void Handled(absl::StatusCode code, double seconds);

 private:
  static constexpr size_t kCodes = 17;

  const std::string method_;
  metrics::Registry& registry_;
  prometheus::Counter& started_;
  prometheus::Gauge& in_flight_;
  prometheus::Histogram& latency_;
  /// Counters by code, made when the code first occurs.
  std::array<std::atomic<prometheus::Counter*>, kCodes> handled_{};
};

/// Everything that the server needs to know of a method to serve it.
struct ServedMethod {
  ServedMethod(const Service::Method& handlers, metrics::Registry& registry);

  const google::protobuf::MethodDescriptor* descriptor;
  /// `embudo.pipeline.v1.LeadService/CreateLead`, and with a slash before it, as HTTP/2 has it.
  std::string name;
  std::string path;
  Service::Method handlers;
  /// Who may call it; not set: nobody.
  bool has_access = false;
  type::v1::Access access;
  MethodClass method_class;
  /// Whether each call is kept in the tenant's audit log: changes that administrators alone may make, and exports.
  bool audited;
  /// Runs on gRPC's thread and whatever the load: health.
  bool immediate = false;
  Validator validator;
  /// Prototypes of the messages.
  const google::protobuf::Message* request;
  const google::protobuf::Message* response;
  mutable MethodMetrics metrics;
};

MethodClass ClassOf(const google::protobuf::MethodDescriptor& method);
/// The record that a request is about: its `name`, the name of the record in it, its `parent`; empty: none.
std::string SubjectOf(const google::protobuf::Message& request);

/// PERMISSION_DENIED (ROLE_REQUIRED, TENANT_REQUIRED) unless the method's Access lets the identity in.
absl::Status CheckAccess(const ServedMethod& method, const Identity& identity);

}  // namespace embudo::rpc
