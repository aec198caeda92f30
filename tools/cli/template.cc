// Templates of mails.

#include <google/protobuf/util/json_util.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <sstream>

#include "common/base/error.h"
#include "embudo/automation/v1/template_service.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/fields.h"
#include "tools/cli/pages.h"

namespace embudo::cli {
namespace {

using automation::v1::MailTemplate;

struct Flags {
  std::string name;
  std::vector<std::string> set;
  std::string text_file;
  std::string html_file;
  std::string lead;
  std::string language;
  int limit = 50;
};

std::string MethodOf(const char* method) { return std::string("embudo.automation.v1.MailTemplateService/") + method; }

absl::StatusOr<std::string> Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (path != "-" && !file) {
    return Error(absl::StatusCode::kNotFound, "FILE_NOT_READABLE", "can't read " + path).Meta("file", path);
  }
  std::stringstream text;
  text << (path == "-" ? std::cin.rdbuf() : file.rdbuf());
  return text.str();
}

/// Fields as arguments, and bodies from files.
absl::Status Fill(const Flags& flags, MailTemplate& made, google::protobuf::FieldMask* mask) {
  EMBUDO_RETURN_IF_ERROR(SetFields(made, flags.set, mask));
  if (!flags.text_file.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(*made.mutable_text_body(), Read(flags.text_file));
    if (mask != nullptr) mask->add_paths("text_body");
  }
  if (!flags.html_file.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(*made.mutable_html_body(), Read(flags.html_file));
    if (mask != nullptr) mask->add_paths("html_body");
  }
  return absl::OkStatus();
}

absl::StatusOr<int> Show(Context& context, const char* method, const google::protobuf::Message& request) {
  EMBUDO_ASSIGN_OR_RETURN(const MailTemplate shown, context.Call<MailTemplate>(MethodOf(method), request));
  context.output().Object(ToJson(shown));
  return 0;
}

absl::StatusOr<int> List(Context& context, const Flags& flags) {
  EMBUDO_ASSIGN_OR_RETURN(const auto rows,
                          ListPages<automation::v1::ListMailTemplatesResponse>(
                              context, MethodOf("ListMailTemplates"), automation::v1::ListMailTemplatesRequest(),
                              flags.limit, [](const auto& page) -> const auto& { return page.mail_templates(); }));
  context.output().Rows(
      rows, {{"NAME", "name"}, {"TITLE", "display_name"}, {"SUBJECT", "subject"}, {"LANGUAGE", "language"}});
  return 0;
}

absl::StatusOr<int> Get(Context& context, const Flags& flags) {
  automation::v1::GetMailTemplateRequest request;
  request.set_name(NameOf("mailTemplates", flags.name));
  return Show(context, "GetMailTemplate", request);
}

absl::StatusOr<int> Create(Context& context, const Flags& flags) {
  automation::v1::CreateMailTemplateRequest request;
  request.set_mail_template_id(flags.name);
  request.mutable_mail_template()->set_display_name(flags.name);
  EMBUDO_RETURN_IF_ERROR(Fill(flags, *request.mutable_mail_template(), nullptr));
  request.set_request_id(NewRequestId());
  return Show(context, "CreateMailTemplate", request);
}

absl::StatusOr<int> Update(Context& context, const Flags& flags) {
  automation::v1::UpdateMailTemplateRequest request;
  request.mutable_mail_template()->set_name(NameOf("mailTemplates", flags.name));
  EMBUDO_RETURN_IF_ERROR(Fill(flags, *request.mutable_mail_template(), request.mutable_update_mask()));
  request.set_request_id(NewRequestId());
  return Show(context, "UpdateMailTemplate", request);
}

absl::StatusOr<int> Preview(Context& context, const Flags& flags) {
  automation::v1::PreviewMailTemplateRequest request;
  request.set_name(NameOf("mailTemplates", flags.name));
  request.set_lead(NameOf("leads", flags.lead));
  request.set_language(flags.language);
  EMBUDO_ASSIGN_OR_RETURN(const auto preview, context.Call<automation::v1::PreviewMailTemplateResponse>(
                                                  MethodOf("PreviewMailTemplate"), request));
  context.output().Object(ToJson(preview));
  return 0;
}

using Action = absl::StatusOr<int> (*)(Context&, const Flags&);

}  // namespace

void AddTemplate(CLI::App& app, Context& context) {
  CLI::App& group = *app.add_subcommand("template", "Templates that mails are written from");
  group.require_subcommand(1);
  const auto flags = std::make_shared<Flags>();
  const auto add = [&](const char* name, const char* help, Action action) -> CLI::App& {
    CLI::App& command = *group.add_subcommand(name, help);
    command.callback(
        [&context, flags, action] { context.command = [&context, flags, action] { return action(context, *flags); }; });
    if (action != List) command.add_option("template", flags->name, "Its name or id")->required();
    return command;
  };
  add("list", "The templates", List)
      .add_option("--limit", flags->limit, "Most to show")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  add("get", "One template, with its texts", Get);
  for (const auto& [name, help, action] :
       {std::tuple<const char*, const char*, Action>{"create", "Makes a template", Create},
        {"update", "Changes one", Update}}) {
    CLI::App& command = add(name, help, action);
    command.add_option("fields", flags->set, "field=value, such as 'subject=About {{lead.display_name}}'");
    command.add_option("--text", flags->text_file, "File with the text; `-` for standard input");
    command.add_option("--html", flags->html_file, "File with the HTML");
  }
  CLI::App& preview = add("preview", "Shows the mail that a lead would get", Preview);
  preview.add_option("--lead", flags->lead, "The lead's name or id")->required();
  preview.add_option("--language", flags->language, "Which variant; without it that of the lead's language");
}

}  // namespace embudo::cli
