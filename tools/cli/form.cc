#include <CLI/CLI.hpp>

#include "common/base/error.h"
#include "embudo/capture/v1/form_service.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/fields.h"
#include "tools/cli/form_snippet.h"
#include "tools/cli/mapping.h"
#include "tools/cli/pages.h"

namespace embudo::cli {
namespace {

using capture::v1::Form;

constexpr char kService[] = "embudo.capture.v1.FormService/";

struct Flags {
  std::string name;
  std::string id;
  std::vector<std::string> set;
  std::vector<std::string> mappings;
  std::string uri = "http://127.0.0.1:7202";
  bool script = false;
};

template <class Response>
absl::StatusOr<Response> CallFor(Context& context, const std::string& method,
                                 const google::protobuf::Message& request) {
  return context.Call<Response>(kService + method, request);
}

absl::StatusOr<int> List(Context& context, const Flags&) {
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<Json> rows,
                          ListPages<capture::v1::ListFormsResponse>(
                              context, kService + std::string("ListForms"), capture::v1::ListFormsRequest(), 100000,
                              [](const capture::v1::ListFormsResponse& page) { return page.forms(); }));
  context.output().Rows(
      rows, {{"NAME", "name"}, {"TITLE", "display_name"}, {"KEY", "key"}, {"DISABLED", "disabled"}, {"TEAM", "team"}});
  return 0;
}

absl::StatusOr<int> Create(Context& context, const Flags& flags) {
  capture::v1::CreateFormRequest request;
  EMBUDO_RETURN_IF_ERROR(SetFields(*request.mutable_form(), flags.set, nullptr));
  EMBUDO_RETURN_IF_ERROR(AddMappings(flags.mappings, request.mutable_form()->mutable_fields()));
  request.set_form_id(flags.id);
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const Form form, CallFor<Form>(context, "CreateForm", request));
  context.output().Object(ToJson(form));
  return 0;
}

absl::StatusOr<int> Update(Context& context, const Flags& flags) {
  capture::v1::UpdateFormRequest request;
  request.mutable_form()->set_name(NameOf("forms", flags.name));
  EMBUDO_RETURN_IF_ERROR(SetFields(*request.mutable_form(), flags.set, request.mutable_update_mask()));
  EMBUDO_RETURN_IF_ERROR(AddMappings(flags.mappings, request.mutable_form()->mutable_fields()));
  if (!flags.mappings.empty()) request.mutable_update_mask()->add_paths("fields");
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const Form form, CallFor<Form>(context, "UpdateForm", request));
  context.output().Object(ToJson(form));
  return 0;
}

absl::StatusOr<int> RotateKey(Context& context, const Flags& flags) {
  capture::v1::RotateFormKeyRequest request;
  request.set_name(NameOf("forms", flags.name));
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const Form form, CallFor<Form>(context, "RotateFormKey", request));
  context.output().Object({{"name", form.name()}, {"key", form.key()}});
  return 0;
}

absl::StatusOr<int> Delete(Context& context, const Flags& flags) {
  capture::v1::DeleteFormRequest request;
  request.set_name(NameOf("forms", flags.name));
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const Form form, CallFor<Form>(context, "DeleteForm", request));
  context.output().Object({{"name", form.name()}, {"deleted", true}});
  return 0;
}

absl::StatusOr<int> Snippet(Context& context, const Flags& flags) {
  capture::v1::GetFormRequest request;
  request.set_name(NameOf("forms", flags.name));
  EMBUDO_ASSIGN_OR_RETURN(const Form form, CallFor<Form>(context, "GetForm", request));
  context.output().stream() << FormSnippet(form, flags.uri, flags.script);
  return 0;
}

using Action = absl::StatusOr<int> (*)(Context&, const Flags&);

}  // namespace

void AddForm(CLI::App& app, Context& context) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& group = *app.add_subcommand("form", "Forms on websites");
  group.require_subcommand(1);
  const auto add = [&](const std::string& name, const std::string& help, Action action) -> CLI::App& {
    CLI::App& command = *group.add_subcommand(name, help);
    command.callback(
        [&context, flags, action] { context.command = [&context, flags, action] { return action(context, *flags); }; });
    return command;
  };
  const auto add_fields = [&](CLI::App& command) {
    command.add_option("--set", flags->set, "field=value; may be given several times");
    command.add_option("--map", flags->mappings, kMappingHelp);
  };
  add("list", "The forms", List);
  CLI::App& create = add("create", "Creates a form", Create);
  create.add_option("id", flags->id, "The id that it gets: a-z, 0-9 and '-'");
  add_fields(create);
  const auto add_named = [&](const std::string& name, const std::string& help, Action action) -> CLI::App& {
    CLI::App& command = add(name, help, action);
    command.add_option("form", flags->name, "Its name or id")->required();
    return command;
  };
  add_fields(add_named("update", "Changes a form", Update));
  add_named("rotate-key", "Gives it another address", RotateKey);
  add_named("delete", "Deletes a form", Delete);
  CLI::App& snippet = add_named("snippet", "HTML to copy into a page", Snippet);
  snippet.add_option("--uri", flags->uri, "What the service's public addresses begin with")
      ->envname("EMBUDO_PUBLIC_URI")
      ->capture_default_str();
  snippet.add_flag("--script", flags->script, "Sent by fetch(): the visitor stays on the page");
}

}  // namespace embudo::cli
