#include "services/reporting/http/site.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string_view>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "embudo/type/v1/options.pb.h"
#include "services/reporting/web/assets.h"

namespace embudo::reporting::http {
namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

constexpr std::chrono::seconds kDeadline{30};
constexpr std::array<std::string_view, 5> kReads = {"Get", "List", "Show", "Analyze", "Compare"};

Response Text(int status, std::string type, std::string body) {
  Response response{.status = status, .content_type = std::move(type), .body = std::move(body)};
  response.headers = {{"Content-Security-Policy",
                       "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
                       " img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "no-referrer"},
                      {"Cache-Control", "no-store"}};
  return response;
}

int HttpStatus(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
      return 500;
    default:
      return 400;
  }
}

/// An error as the page shows it; what went wrong inside stays there.
Response ErrorAnswer(const absl::Status& status) {
  const int code = HttpStatus(status.code());
  nlohmann::json body = {{"reason", code == 500 ? "INTERNAL" : ReasonOf(status)},
                         {"message", code == 500 ? "an internal error" : MessageOf(status)}};
  return Text(code, "application/json", body.dump());
}

absl::Status CheckRoles(const MethodDescriptor* method, const rpc::Identity& identity) {
  const auto& access = method->options().GetExtension(type::v1::access);
  const bool allowed = std::any_of(access.roles().begin(), access.roles().end(),
                                   [&](int role) { return identity.Has(static_cast<type::v1::Role>(role)); });
  if (allowed && !identity.tenant.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED", "the caller's roles do not allow this");
}

}  // namespace

void Site::Serve(const rpc::Service& service) {
  for (const auto& [name, method] : service.methods()) {
    const bool reads = std::any_of(kReads.begin(), kReads.end(), [&](auto prefix) { return name.starts_with(prefix); });
    if (!reads || !method.unary) continue;
    methods_[name] = {method.descriptor, method.unary,
                      std::make_shared<rpc::Validator>(method.descriptor->input_type(), rpc::RequiredScopeOf(name))};
  }
}

absl::StatusOr<std::string> Site::Call(const Request& request, const std::string& name) {
  const auto found = methods_.find(name);
  if (found == methods_.end()) return NotFound("embudo.dev/Method", name);
  const Method& method = found->second;
  rpc::CallContext call;
  call.method = method.descriptor->service()->full_name() + "/" + name;
  call.call_id = Uuid::V7(clock_.Now()).ToString();
  call.deadline = std::chrono::steady_clock::now() + kDeadline;
  EMBUDO_ASSIGN_OR_RETURN(
      call.identity, authenticator_->Authenticate([&](std::string_view header) { return request.Header(header); }));
  EMBUDO_RETURN_IF_ERROR(CheckRoles(method.descriptor, call.identity));
  EMBUDO_RETURN_IF_ERROR(gate_->Admit(call.identity, rpc::MethodClass::kRead).status);
  auto* factory = google::protobuf::MessageFactory::generated_factory();
  const std::unique_ptr<Message> input(factory->GetPrototype(method.descriptor->input_type())->New());
  const std::unique_ptr<Message> output(factory->GetPrototype(method.descriptor->output_type())->New());
  if (!google::protobuf::util::JsonStringToMessage(request.body.empty() ? "{}" : request.body, input.get()).ok()) {
    return Error(absl::StatusCode::kInvalidArgument, "INVALID_JSON", "the body is not the method's request as JSON");
  }
  EMBUDO_RETURN_IF_ERROR(method.validator->Check(*input));
  const rpc::CallScope scope(call);
  EMBUDO_RETURN_IF_ERROR(method.handler(call, *input, *output));
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(*output, &json, options).ok()) {
    return Internal("an answer that has no JSON form");
  }
  return json;
}

Response Site::Handle(const Request& request) {
  constexpr std::string_view kRpc = "/rpc/";
  if (request.path.starts_with(kRpc)) {
    if (request.method != "POST") return Text(405, "text/plain", "POST only\n");
    const auto answer = Call(request, request.path.substr(kRpc.size()));
    return answer.ok() ? Text(200, "application/json", *answer) : ErrorAnswer(answer.status());
  }
  if (request.method != "GET" && request.method != "HEAD") return Text(405, "text/plain", "GET only\n");
  if (request.path == "/assets/app.js") return Text(200, "text/javascript; charset=utf-8", web::kScript);
  if (request.path == "/assets/style.css") return Text(200, "text/css; charset=utf-8", web::kStyle);
  const bool page = request.path == "/" || request.path == "/dashboards" || request.path.starts_with("/dashboards/");
  // The page itself tells nothing: what it shows it asks for, as whoever looks at it.
  return page ? Text(200, "text/html; charset=utf-8", web::kPage) : Text(404, "text/plain", "not found\n");
}

}  // namespace embudo::reporting::http
