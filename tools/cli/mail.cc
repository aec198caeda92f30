#include "tools/cli/mail.h"

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>

#include "common/base/error.h"
#include "embudo/capture/v1/mail_service.pb.h"
#include "tools/cli/fields.h"
#include "tools/cli/pages.h"

namespace embudo::cli {
namespace {

using capture::v1::Mailbox;
using capture::v1::MailSettings;

struct Flags {
  std::string file;
  std::vector<std::string> recipients;
  std::string lead;
  std::string mailbox;
  std::vector<std::string> set;
  int limit = 50;
};

constexpr char kService[] = "embudo.capture.v1.MailService/";
constexpr size_t kChunkBytes = 512 << 10;

absl::StatusOr<capture::v1::ReceiveMailResponse> Send(Context& context, std::istream& mail,
                                                      const std::vector<std::string>& recipients) {
  const std::string method = std::string(kService) + "ReceiveMail";
  const auto stream = context.ClientOf(method).Stream(method, context.identity());
  capture::v1::ReceiveMailRequest request;
  request.mutable_recipients()->Assign(recipients.begin(), recipients.end());
  bool open = stream->Write(request);
  request.Clear();
  std::string chunk(kChunkBytes, '\0');
  while (open && mail) {
    mail.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    if (mail.gcount() == 0) break;
    request.set_content(chunk.data(), static_cast<size_t>(mail.gcount()));
    open = stream->Write(request);
  }
  if (open) stream->WritesDone();
  capture::v1::ReceiveMailResponse response;
  const bool answered = stream->Read(&response);
  EMBUDO_RETURN_IF_ERROR(stream->Finish());
  if (!answered) return absl::UnavailableError("the server did not answer");
  return response;
}

absl::StatusOr<int> Receive(Context& context, const Flags& flags) {
  std::ifstream file;
  if (flags.file != "-") {
    file.open(flags.file, std::ios::binary);
    if (!file) {
      return Error(absl::StatusCode::kNotFound, "FILE_NOT_READABLE", "can't read " + flags.file)
          .Meta("file", flags.file);
    }
  }
  EMBUDO_ASSIGN_OR_RETURN(const auto response, Send(context, flags.file == "-" ? std::cin : file, flags.recipients));
  context.output().Object(ToJson(response));
  return 0;
}

absl::StatusOr<int> Settings(Context& context, const Flags& flags) {
  constexpr char kName[] = "mailSettings/default";
  MailSettings settings;
  if (flags.set.empty()) {
    capture::v1::GetMailSettingsRequest request;
    request.set_name(kName);
    EMBUDO_ASSIGN_OR_RETURN(settings, context.Call<MailSettings>(std::string(kService) + "GetMailSettings", request));
  } else {
    capture::v1::UpdateMailSettingsRequest request;
    request.mutable_mail_settings()->set_name(kName);
    EMBUDO_RETURN_IF_ERROR(SetFields(*request.mutable_mail_settings(), flags.set, request.mutable_update_mask()));
    request.set_request_id(NewRequestId());
    EMBUDO_ASSIGN_OR_RETURN(settings,
                            context.Call<MailSettings>(std::string(kService) + "UpdateMailSettings", request));
  }
  context.output().Object(ToJson(settings));
  return 0;
}

absl::StatusOr<int> Address(Context& context, const Flags& flags) {
  capture::v1::GetReplyAddressRequest request;
  request.set_lead(NameOf("leads", flags.lead));
  EMBUDO_ASSIGN_OR_RETURN(const auto address,
                          context.Call<capture::v1::ReplyAddress>(std::string(kService) + "GetReplyAddress", request));
  context.output().Object(ToJson(address));
  return 0;
}

absl::StatusOr<int> List(Context& context, const Flags& flags) {
  capture::v1::ListMailboxesRequest request;
  EMBUDO_ASSIGN_OR_RETURN(const auto rows, ListPages<capture::v1::ListMailboxesResponse>(
                                               context, std::string(kService) + "ListMailboxes", request, flags.limit,
                                               [](const auto& page) -> const auto& { return page.mailboxes(); }));
  context.output().Rows(rows, {{"NAME", "name"},
                               {"HOST", "host"},
                               {"USER", "username"},
                               {"FOLDER", "folder"},
                               {"STATE", "state"},
                               {"RECEIVED", "received_count"},
                               {"LAST LOOK", "last_poll_time"},
                               {"ERROR", "last_error"}});
  return 0;
}

absl::StatusOr<int> Create(Context& context, const Flags& flags) {
  capture::v1::CreateMailboxRequest request;
  request.mutable_mailbox()->set_display_name(flags.mailbox);
  EMBUDO_RETURN_IF_ERROR(SetFields(*request.mutable_mailbox(), flags.set, nullptr));
  request.set_mailbox_id(flags.mailbox);
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const Mailbox mailbox,
                          context.Call<Mailbox>(std::string(kService) + "CreateMailbox", request));
  context.output().Object(ToJson(mailbox));
  return 0;
}

absl::StatusOr<int> Update(Context& context, const Flags& flags) {
  capture::v1::UpdateMailboxRequest request;
  request.mutable_mailbox()->set_name(NameOf("mailboxes", flags.mailbox));
  EMBUDO_RETURN_IF_ERROR(SetFields(*request.mutable_mailbox(), flags.set, request.mutable_update_mask()));
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const Mailbox mailbox,
                          context.Call<Mailbox>(std::string(kService) + "UpdateMailbox", request));
  context.output().Object(ToJson(mailbox));
  return 0;
}

absl::StatusOr<int> Delete(Context& context, const Flags& flags) {
  capture::v1::DeleteMailboxRequest request;
  request.set_name(NameOf("mailboxes", flags.mailbox));
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const Mailbox mailbox,
                          context.Call<Mailbox>(std::string(kService) + "DeleteMailbox", request));
  context.output().Object(ToJson(mailbox));
  return 0;
}

using Action = absl::StatusOr<int> (*)(Context&, const Flags&);

}  // namespace

void AddMail(CLI::App& app, Context& context) {
  CLI::App& mail = *app.add_subcommand("mail", "Mails: those that come in, and those that go out");
  mail.require_subcommand(1);
  const auto flags = std::make_shared<Flags>();
  const auto add = [&](CLI::App& parent, const char* name, const char* help, Action action) -> CLI::App& {
    CLI::App& command = *parent.add_subcommand(name, help);
    command.callback(
        [&context, flags, action] { context.command = [&context, flags, action] { return action(context, *flags); }; });
    return command;
  };
  AddMailOut(mail, context);
  CLI::App& receive = add(mail, "receive", "Takes a mail in, as a mail server would hand it over", Receive);
  receive.add_option("file", flags->file, "The mail (RFC 5322); `-` for standard input")->required();
  receive.add_option("--recipient,-r", flags->recipients, "An address of the envelope");
  CLI::App& settings = add(mail, "settings", "What inbound mail goes by; changes it if fields are given", Settings);
  settings.add_option("fields", flags->set, "field=value, such as catch_all=REJECT or mail_domain=example.com");
  CLI::App& address = add(mail, "reply-address", "The address that replies about a lead come back by", Address);
  address.add_option("lead", flags->lead, "The lead's name or id")->required();
  CLI::App& mailboxes = *mail.add_subcommand("mailboxes", "Mailboxes that mails are fetched from, by IMAP");
  mailboxes.require_subcommand(1);
  CLI::App& list = add(mailboxes, "list", "All of them, and how the last look went", List);
  list.add_option("--limit", flags->limit, "Most to show")->check(CLI::Range(1, 1000))->capture_default_str();
  for (const auto& [name, help, action] :
       {std::tuple<const char*, const char*, Action>{"create", "Begins to look into a mailbox", Create},
        {"update", "Changes one", Update},
        {"delete", "Stops looking into one", Delete}}) {
    CLI::App& command = add(mailboxes, name, help, action);
    command.add_option("mailbox", flags->mailbox, "Its name or id")->required();
    if (action == Delete) continue;
    command.add_option("fields", flags->set, "field=value, such as host=imap.example.com username=sales")->required();
  }
}

}  // namespace embudo::cli
