// Mails that go out.

#include <CLI/CLI.hpp>

#include "common/base/error.h"
#include "embudo/automation/v1/mail_service.pb.h"
#include "tools/cli/mail.h"
#include "tools/cli/pages.h"

namespace embudo::cli {
namespace {

using automation::v1::Mail;

struct Flags {
  std::string mail;
  std::string lead;
  std::string mail_template;
  std::string language;
  std::string filter;
  std::vector<std::string> to;
  std::vector<std::string> cc;
  int limit = 50;
};

std::string MethodOf(const char* method) { return std::string("embudo.automation.v1.MailService/") + method; }

absl::StatusOr<int> Show(Context& context, const char* method, const google::protobuf::Message& request) {
  EMBUDO_ASSIGN_OR_RETURN(const Mail mail, context.Call<Mail>(MethodOf(method), request));
  context.output().Object(ToJson(mail));
  return 0;
}

absl::StatusOr<int> List(Context& context, const Flags& flags) {
  automation::v1::ListMailsRequest request;
  request.set_filter(flags.filter);
  EMBUDO_ASSIGN_OR_RETURN(const auto rows, ListPages<automation::v1::ListMailsResponse>(
                                               context, MethodOf("ListMails"), request, flags.limit,
                                               [](const auto& page) -> const auto& { return page.mails(); }));
  context.output().Rows(rows, {{"NAME", "name"},
                               {"STATE", "state"},
                               {"LEAD", "lead"},
                               {"TEMPLATE", "template"},
                               {"ATTEMPTS", "attempts"},
                               {"NEXT", "next_attempt_time"},
                               {"ERROR", "error"}});
  return 0;
}

absl::StatusOr<int> Get(Context& context, const Flags& flags) {
  automation::v1::GetMailRequest request;
  request.set_name(NameOf("mails", flags.mail));
  return Show(context, "GetMail", request);
}

absl::StatusOr<int> Send(Context& context, const Flags& flags) {
  automation::v1::SendMailRequest request;
  request.set_lead(NameOf("leads", flags.lead));
  request.set_template_(NameOf("mailTemplates", flags.mail_template));
  request.set_language(flags.language);
  request.mutable_to_addresses()->Assign(flags.to.begin(), flags.to.end());
  request.mutable_cc_addresses()->Assign(flags.cc.begin(), flags.cc.end());
  request.set_request_id(NewRequestId());
  return Show(context, "SendMail", request);
}

absl::StatusOr<int> Retry(Context& context, const Flags& flags) {
  automation::v1::RetryMailRequest request;
  request.set_name(NameOf("mails", flags.mail));
  request.set_request_id(NewRequestId());
  return Show(context, "RetryMail", request);
}

absl::StatusOr<int> Cancel(Context& context, const Flags& flags) {
  automation::v1::CancelMailRequest request;
  request.set_name(NameOf("mails", flags.mail));
  request.set_request_id(NewRequestId());
  return Show(context, "CancelMail", request);
}

using Action = absl::StatusOr<int> (*)(Context&, const Flags&);

}  // namespace

void AddMailOut(CLI::App& mail, Context& context) {
  const auto flags = std::make_shared<Flags>();
  const auto add = [&](const char* name, const char* help, Action action) -> CLI::App& {
    CLI::App& command = *mail.add_subcommand(name, help);
    command.callback(
        [&context, flags, action] { context.command = [&context, flags, action] { return action(context, *flags); }; });
    return command;
  };
  CLI::App& list = add("list", "Mails that go out, the latest first", List);
  list.add_option("--filter", flags->filter, "Which, such as 'state = FAILED'");
  list.add_option("--limit", flags->limit, "Most to show")->check(CLI::Range(1, 1000))->capture_default_str();
  CLI::App& send = add("send", "Writes a mail to a lead from a template, and sends it", Send);
  send.add_option("lead", flags->lead, "The lead's name or id")->required();
  send.add_option("--template", flags->mail_template, "The template's name or id")->required();
  send.add_option("--language", flags->language, "Which variant; without it that of the lead's language");
  send.add_option("--to", flags->to, "A receiver; without one the lead's address");
  send.add_option("--cc", flags->cc, "Who gets a copy");
  for (const auto& [name, help, action] :
       {std::tuple<const char*, const char*, Action>{"get", "One mail, and how far it is", Get},
        {"retry", "Takes a mail up at once that waits or failed", Retry},
        {"cancel", "Calls a mail back that waits", Cancel}}) {
    add(name, help, action).add_option("mail", flags->mail, "Its name or id")->required();
  }
}

}  // namespace embudo::cli
