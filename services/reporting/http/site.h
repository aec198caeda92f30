#pragma once

#include <map>
#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/http/message.h"
#include "common/rpc/authenticator.h"
#include "common/rpc/gate.h"
#include "common/rpc/service.h"
#include "common/rpc/validate.h"

namespace embudo::reporting::http {

using embudo::http::Request;
using embudo::http::Response;

/// The chart view: a page that draws dashboards, and the RPCs that it reads, as `POST /rpc/{Method}` with JSON. Only
/// those that read; the caller is told by the same headers as in gRPC, and needs the same roles. Thread-safe.
class Site {
 public:
  /// `gate`: as of the gRPC server.
  Site(std::shared_ptr<rpc::Authenticator> authenticator, std::shared_ptr<rpc::Gate> gate, const Clock& clock)
      : authenticator_(std::move(authenticator)), gate_(std::move(gate)), clock_(clock) {}

  /// Serves a service's methods Get…, List…, Show…, Analyze… and Compare….
  void Serve(const rpc::Service& service);

  Response Handle(const Request& request);

 private:
  struct Method {
    const google::protobuf::MethodDescriptor* descriptor;
    rpc::UnaryHandler handler;
    std::shared_ptr<rpc::Validator> validator;
  };

  absl::StatusOr<std::string> Call(const Request& request, const std::string& name);

  const std::shared_ptr<rpc::Authenticator> authenticator_;
  const std::shared_ptr<rpc::Gate> gate_;
  const Clock& clock_;
  std::map<std::string, Method> methods_;
};

}  // namespace embudo::reporting::http
