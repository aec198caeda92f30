#include <CLI/CLI.hpp>

#include "common/base/error.h"
#include "embudo/pipeline/v1/contact_service.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/fields.h"

namespace embudo::cli {
namespace {

using type::v1::Contact;

struct Flags {
  std::string name;
  std::string filter;
  std::string order_by;
  int limit = 50;
  std::vector<std::string> set;
  std::string id;
  std::string query;
  std::vector<std::string> names;
  std::string survivor;
};

constexpr int kMaxPageSize = 1000;

const std::vector<Column>& Columns() {
  static const auto* const columns =
      new std::vector<Column>{{"NAME", "name"},       {"KIND", "kind"},   {"TITLE", "display_name"},
                              {"COMPANY", "company"}, {"EMAIL", "email"}, {"PHONE", "phone"}};
  return *columns;
}

template <class Response>
absl::StatusOr<Response> CallFor(Context& context, const std::string& method,
                                 const google::protobuf::Message& request) {
  return context.Call<Response>("embudo.pipeline.v1.ContactService/" + method, request);
}

absl::StatusOr<int> List(Context& context, const Flags& flags) {
  pipeline::v1::ListContactsRequest request;
  request.set_filter(flags.filter);
  request.set_order_by(flags.order_by);
  std::vector<Json> rows;
  do {
    const int left = flags.limit - static_cast<int>(rows.size());
    request.set_page_size(std::min(left, kMaxPageSize));
    EMBUDO_ASSIGN_OR_RETURN(const auto page,
                            CallFor<pipeline::v1::ListContactsResponse>(context, "ListContacts", request));
    for (const Contact& contact : page.contacts()) rows.push_back(ToJson(contact));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() && static_cast<int>(rows.size()) < flags.limit);
  context.output().Rows(rows, Columns());
  return 0;
}

absl::StatusOr<int> Create(Context& context, const Flags& flags) {
  pipeline::v1::CreateContactRequest request;
  EMBUDO_RETURN_IF_ERROR(SetFields(*request.mutable_contact(), flags.set, nullptr));
  request.set_contact_id(flags.id);
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const auto contact, CallFor<Contact>(context, "CreateContact", request));
  context.output().Object(ToJson(contact));
  return 0;
}

absl::StatusOr<int> Search(Context& context, const Flags& flags) {
  pipeline::v1::SearchContactsRequest request;
  request.set_query(flags.query);
  request.set_page_size(flags.limit);
  EMBUDO_ASSIGN_OR_RETURN(const auto found,
                          CallFor<pipeline::v1::SearchContactsResponse>(context, "SearchContacts", request));
  std::vector<Json> rows;
  for (const Contact& contact : found.contacts()) rows.push_back(ToJson(contact));
  context.output().Rows(rows, Columns());
  return 0;
}

absl::StatusOr<int> Duplicates(Context& context, const Flags& flags) {
  pipeline::v1::FindDuplicateContactsRequest request;
  request.set_name(NameOf("contacts", flags.name));
  EMBUDO_ASSIGN_OR_RETURN(const auto found, CallFor<pipeline::v1::FindDuplicateContactsResponse>(
                                                context, "FindDuplicateContacts", request));
  std::vector<Json> rows;
  for (const auto& duplicate : found.duplicates()) rows.push_back(ToJson(duplicate));
  context.output().Rows(rows, {{"NAME", "contact.name"},
                               {"TITLE", "contact.display_name"},
                               {"EMAIL", "contact.email"},
                               {"PHONE", "contact.phone"},
                               {"REASONS", "reasons"}});
  return 0;
}

absl::StatusOr<int> Merge(Context& context, const Flags& flags) {
  pipeline::v1::MergeContactsRequest request;
  for (const std::string& name : flags.names) request.add_names(NameOf("contacts", name));
  if (!flags.survivor.empty()) request.set_survivor(NameOf("contacts", flags.survivor));
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const auto contact, CallFor<Contact>(context, "MergeContacts", request));
  context.output().Object(ToJson(contact));
  return 0;
}

using Action = absl::StatusOr<int> (*)(Context&, const Flags&);

}  // namespace

void AddContact(CLI::App& app, Context& context) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& group = *app.add_subcommand("contact", "People and companies");
  group.require_subcommand(1);
  // The commands share the variables of their flags, since one of them runs.
  const auto add = [&](const std::string& name, const std::string& help, Action action) -> CLI::App& {
    CLI::App& command = *group.add_subcommand(name, help);
    command.callback(
        [&context, flags, action] { context.command = [&context, flags, action] { return action(context, *flags); }; });
    return command;
  };
  CLI::App& list = add("list", "Contacts that match", List);
  list.add_option("--filter", flags->filter, "Which, in the filter language");
  list.add_option("--order-by", flags->order_by, "`display_name, create_time desc`");
  list.add_option("--limit", flags->limit, "Most contacts to show")->check(CLI::PositiveNumber)->capture_default_str();
  CLI::App& create = add("create", "Creates a contact", Create);
  create.add_option("--set", flags->set, "field=value; may be given several times")->required();
  create.add_option("--id", flags->id, "The id that it gets, a UUID");
  CLI::App& search = add("search", "Finds contacts by a few characters", Search);
  search.add_option("query", flags->query, "Of a word of the name, a mail address, its domain or a phone number")
      ->required();
  search.add_option("--limit", flags->limit, "Most contacts to show")->check(CLI::PositiveNumber);
  add("duplicates", "Contacts that may be the same as one", Duplicates)
      .add_option("contact", flags->name, "Its name or id")
      ->required();
  CLI::App& merge = add("merge", "Merges contacts into one", Merge);
  merge.add_option("contacts", flags->names, "Their names or ids")->required()->expected(2, 100);
  merge.add_option("--survivor", flags->survivor, "The one that stays; the oldest if not given");
}

}  // namespace embudo::cli
