#include <CLI/CLI.hpp>

#include "common/base/error.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "embudo/pipeline/v1/notification_service.pb.h"
#include "tools/cli/commands.h"

namespace embudo::cli {
namespace {

using type::v1::Message;

struct Flags {
  std::string lead;
  std::string text;
  std::string subject;
  std::string direction;
  int minutes = 0;
  std::string phone;
  std::vector<std::string> to;
  std::vector<std::string> cc;
  std::string in_reply_to;
  std::vector<std::string> attachments;
  std::string filter;
  int limit = 50;
  std::vector<std::string> names;
};

constexpr char kMessages[] = "embudo.pipeline.v1.MessageService/";
constexpr char kNotifications[] = "embudo.pipeline.v1.NotificationService/";
constexpr char kMe[] = "users/me";
constexpr int kMaxPageSize = 1000;

absl::StatusOr<int> ShowMessage(Context& context, const std::string& method, const google::protobuf::Message& request) {
  EMBUDO_ASSIGN_OR_RETURN(const Message message, context.Call<Message>(kMessages + method, request));
  context.output().Object(ToJson(message));
  return 0;
}

pipeline::v1::CreateMessageRequest NewMessage(const Flags& flags, Message::Type type) {
  pipeline::v1::CreateMessageRequest request;
  request.set_parent(NameOf("leads", flags.lead));
  request.mutable_message()->set_type(type);
  request.mutable_message()->set_subject(flags.subject);
  request.mutable_message()->set_body(flags.text);
  request.set_request_id(NewRequestId());
  return request;
}

absl::StatusOr<int> Note(Context& context, const Flags& flags) {
  return ShowMessage(context, "CreateMessage", NewMessage(flags, Message::TYPE_INTERNAL_NOTE));
}

absl::StatusOr<int> LogCall(Context& context, const Flags& flags) {
  auto request = NewMessage(flags, Message::TYPE_CALL);
  auto& call = *request.mutable_message()->mutable_call();
  call.set_direction(flags.direction == "in" ? type::v1::CallLog::DIRECTION_INBOUND
                                             : type::v1::CallLog::DIRECTION_OUTBOUND);
  if (flags.minutes > 0) call.mutable_duration()->set_seconds(int64_t{60} * flags.minutes);
  call.set_phone(flags.phone);
  return ShowMessage(context, "CreateMessage", request);
}

absl::StatusOr<int> Email(Context& context, const Flags& flags) {
  pipeline::v1::SendEmailRequest request;
  request.set_parent(NameOf("leads", flags.lead));
  request.mutable_to_addresses()->Assign(flags.to.begin(), flags.to.end());
  request.mutable_cc_addresses()->Assign(flags.cc.begin(), flags.cc.end());
  request.set_subject(flags.subject);
  request.set_body(flags.text);
  if (!flags.in_reply_to.empty()) request.set_in_reply_to(NameOf(request.parent() + "/messages", flags.in_reply_to));
  for (const std::string& attachment : flags.attachments) {
    request.add_attachments(NameOf(request.parent() + "/attachments", attachment));
  }
  request.set_request_id(NewRequestId());
  return ShowMessage(context, "SendEmail", request);
}

/// The records of all pages, up to the limit.
template <class Response, class Request, class Items>
absl::StatusOr<std::vector<Json>> AllPages(Context& context, const std::string& method, Request request, int limit,
                                           Items items) {
  std::vector<Json> rows;
  do {
    request.set_page_size(std::min(limit - static_cast<int>(rows.size()), kMaxPageSize));
    EMBUDO_ASSIGN_OR_RETURN(const auto page, context.Call<Response>(method, request));
    for (const auto& item : items(page)) rows.push_back(ToJson(item));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() && static_cast<int>(rows.size()) < limit);
  return rows;
}

absl::StatusOr<int> ListMessages(Context& context, const Flags& flags) {
  using Response = pipeline::v1::ListMessagesResponse;
  pipeline::v1::ListMessagesRequest request;
  request.set_parent(NameOf("leads", flags.lead));
  request.set_filter(flags.filter);
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<Json> rows,
                          AllPages<Response>(
                              context, std::string(kMessages) + "ListMessages", request, flags.limit,
                              [](const Response& page) -> const auto& { return page.messages(); }));
  context.output().Rows(rows, {{"TIME", "create_time"},
                               {"TYPE", "type"},
                               {"AUTHOR", "author"},
                               {"FROM", "from_address"},
                               {"DELIVERY", "delivery_state"},
                               {"SUBJECT", "subject"},
                               {"TEXT", "body"},
                               {"NAME", "name"}});
  return 0;
}

absl::StatusOr<int> ListNotifications(Context& context, const Flags& flags) {
  using Response = pipeline::v1::ListNotificationsResponse;
  pipeline::v1::ListNotificationsRequest request;
  request.set_parent(kMe);
  request.set_filter(flags.filter);
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<Json> rows,
                          AllPages<Response>(
                              context, std::string(kNotifications) + "ListNotifications", request, flags.limit,
                              [](const Response& page) -> const auto& { return page.notifications(); }));
  context.output().Rows(rows, {{"TIME", "create_time"},
                               {"KIND", "kind"},
                               {"BY", "actor"},
                               {"TEXT", "text"},
                               {"ABOUT", "subject"},
                               {"READ", "read_time"},
                               {"NAME", "name"}});
  return 0;
}

absl::StatusOr<int> MarkRead(Context& context, const Flags& flags) {
  pipeline::v1::MarkNotificationsReadRequest request;
  request.set_parent(kMe);
  for (const std::string& name : flags.names) {
    request.add_names(NameOf(std::string(kMe) + "/notifications", name));
  }
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const auto marked, context.Call<pipeline::v1::MarkNotificationsReadResponse>(
                                                 std::string(kNotifications) + "MarkNotificationsRead", request));
  context.output().Object(ToJson(marked));
  return 0;
}

using Action = absl::StatusOr<int> (*)(Context&, const Flags&);

CLI::App& Add(CLI::App& parent, Context& context, const std::shared_ptr<Flags>& flags, const std::string& name,
              const std::string& help, Action action) {
  CLI::App& command = *parent.add_subcommand(name, help);
  command.callback(
      [&context, flags, action] { context.command = [&context, flags, action] { return action(context, *flags); }; });
  return command;
}

}  // namespace

void AddMessage(CLI::App& app, Context& context) {
  CLI::App& message = *app.add_subcommand("message", "A lead's conversation");
  message.require_subcommand(1);
  const auto flags = std::make_shared<Flags>();
  const auto add = [&](const char* name, const char* help, Action action) -> CLI::App& {
    CLI::App& command = Add(message, context, flags, name, help, action);
    command.add_option("lead", flags->lead, "The lead's name or id")->required();
    return command;
  };
  CLI::App& note = add("note", "Adds a note; `@user` mentions one", Note);
  note.add_option("text", flags->text, "What it says")->required();
  note.add_option("--subject", flags->subject, "A title");
  CLI::App& call = add("call", "Logs a phone call", LogCall);
  call.add_option("text", flags->text, "What was said");
  call.add_option("--direction", flags->direction, "Who called")
      ->check(CLI::IsMember({"in", "out"}))
      ->default_val("out")
      ->force_callback();
  call.add_option("--minutes", flags->minutes, "How long")->check(CLI::NonNegativeNumber);
  call.add_option("--phone", flags->phone, "The other number");
  CLI::App& email = add("email", "Writes a mail to the customer, to be sent", Email);
  email.add_option("text", flags->text, "What it says")->required();
  email.add_option("--subject", flags->subject, "Subject")->required();
  email.add_option("--to", flags->to, "To whom, if not to the lead's address");
  email.add_option("--cc", flags->cc, "Who gets a copy");
  email.add_option("--in-reply-to", flags->in_reply_to, "The message that it answers");
  email.add_option("--attach", flags->attachments, "An attachment of the lead");
  CLI::App& list = add("list", "The conversation, newest first; `-` for all leads", ListMessages);
  list.add_option("--filter", flags->filter, "Which, in the filter language: `internal = false`, `type = CALL`");
  list.add_option("--limit", flags->limit, "Most to show")->check(CLI::PositiveNumber)->capture_default_str();
}

void AddNotifications(CLI::App& app, Context& context) {
  CLI::App& notifications = *app.add_subcommand("notifications", "What the caller is told");
  notifications.require_subcommand(1);
  const auto flags = std::make_shared<Flags>();
  CLI::App& list = Add(notifications, context, flags, "list", "Newest first", ListNotifications);
  list.add_option("--filter", flags->filter, "Which, in the filter language; unread: `NOT read_time:*`");
  list.add_option("--limit", flags->limit, "Most to show")->check(CLI::PositiveNumber)->capture_default_str();
  Add(notifications, context, flags, "read", "Marks notifications read", MarkRead)
      .add_option("names", flags->names, "Which, by name or id; none given: all");
}

}  // namespace embudo::cli
