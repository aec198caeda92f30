#include <google/protobuf/util/json_util.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <iterator>

#include "common/base/error.h"
#include "tools/cli/commands.h"
#include "tools/cli/method.h"

namespace embudo::cli {
namespace {

std::unique_ptr<google::protobuf::Message> New(const google::protobuf::Descriptor* type) {
  return std::unique_ptr<google::protobuf::Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
}

absl::StatusOr<int> Call(Context& context, const std::string& name, std::string json) {
  EMBUDO_ASSIGN_OR_RETURN(const google::protobuf::MethodDescriptor* method, FindMethod(name));
  if (method->client_streaming() || method->server_streaming()) {
    return InvalidField("method", method->full_name() + " is a stream; `call` makes single calls");
  }
  if (json == "-") json.assign(std::istreambuf_iterator<char>(std::cin), {});
  const auto request = New(method->input_type());
  const auto parsed = google::protobuf::util::JsonStringToMessage(json, request.get());
  if (!parsed.ok()) {
    return InvalidField("request", "is no " + method->input_type()->full_name() + ": " + parsed.message().ToString());
  }
  const auto response = New(method->output_type());
  const std::string full_name = method->service()->full_name() + "/" + method->name();
  EMBUDO_RETURN_IF_ERROR(context.ClientOf(full_name).Call(full_name, context.identity(), *request, response.get()));
  // Whatever the format: a message may hold anything.
  context.output().stream() << ToJson(*response).dump(2) << '\n';
  return 0;
}

}  // namespace

void AddCall(CLI::App& app, Context& context) {
  CLI::App& call = *app.add_subcommand("call", "Makes any single call of the API, in protobuf's JSON form");
  const auto method = std::make_shared<std::string>();
  const auto json = std::make_shared<std::string>("{}");
  call.add_option("method", *method, "Service/Method, such as LeadService/GetLead; with its package where two have it")
      ->required();
  call.add_option("request", *json, "The request, as JSON; - reads it from standard input")->capture_default_str();
  call.callback([&context, method, json] {
    context.command = [&context, method, json] { return Call(context, *method, *json); };
  });
}

}  // namespace embudo::cli
