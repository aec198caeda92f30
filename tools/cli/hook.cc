#include <CLI/CLI.hpp>

#include "common/base/error.h"
#include "embudo/capture/v1/hook_service.pb.h"
#include "embudo/capture/v1/link_service.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/fields.h"
#include "tools/cli/mapping.h"
#include "tools/cli/pages.h"

namespace embudo::cli {
namespace {

using capture::v1::Hook;
using capture::v1::HookSignature;

constexpr char kService[] = "embudo.capture.v1.HookService/";

struct Flags {
  std::string name;
  std::string id;
  std::vector<std::string> set;
  std::vector<std::string> mappings;
  HookSignature::Format format = HookSignature::FORMAT_HEX;
  std::string header = "X-Signature-256";
  std::string prefix;
  std::string secret;
};

template <class Response>
absl::StatusOr<Response> CallFor(Context& context, const std::string& method,
                                 const google::protobuf::Message& request) {
  return context.Call<Response>(kService + method, request);
}

absl::StatusOr<int> List(Context& context, const Flags&) {
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<Json> rows,
                          ListPages<capture::v1::ListHooksResponse>(
                              context, kService + std::string("ListHooks"), capture::v1::ListHooksRequest(), 100000,
                              [](const capture::v1::ListHooksResponse& page) { return page.hooks(); }));
  context.output().Rows(rows, {{"NAME", "name"},
                               {"TITLE", "display_name"},
                               {"KEY", "key"},
                               {"SIGNED", "signature.format"},
                               {"SECRET SINCE", "secret_time"},
                               {"DISABLED", "disabled"}});
  return 0;
}

absl::StatusOr<int> Create(Context& context, const Flags& flags) {
  capture::v1::CreateHookRequest request;
  Hook& hook = *request.mutable_hook();
  EMBUDO_RETURN_IF_ERROR(SetFields(hook, flags.set, nullptr));
  EMBUDO_RETURN_IF_ERROR(AddMappings(flags.mappings, hook.mutable_fields()));
  hook.mutable_signature()->set_format(flags.format);
  if (flags.format != HookSignature::FORMAT_NONE) {
    hook.mutable_signature()->set_header(flags.header);
    hook.mutable_signature()->set_prefix(flags.prefix);
  }
  request.set_hook_id(flags.id);
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const Hook made, CallFor<Hook>(context, "CreateHook", request));
  context.output().Object(ToJson(made));
  return 0;
}

absl::StatusOr<int> Update(Context& context, const Flags& flags) {
  capture::v1::UpdateHookRequest request;
  request.mutable_hook()->set_name(NameOf("hooks", flags.name));
  EMBUDO_RETURN_IF_ERROR(SetFields(*request.mutable_hook(), flags.set, request.mutable_update_mask()));
  EMBUDO_RETURN_IF_ERROR(AddMappings(flags.mappings, request.mutable_hook()->mutable_fields()));
  if (!flags.mappings.empty()) request.mutable_update_mask()->add_paths("fields");
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const Hook hook, CallFor<Hook>(context, "UpdateHook", request));
  context.output().Object(ToJson(hook));
  return 0;
}

absl::StatusOr<int> RotateKey(Context& context, const Flags& flags) {
  capture::v1::RotateHookKeyRequest request;
  request.set_name(NameOf("hooks", flags.name));
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const Hook hook, CallFor<Hook>(context, "RotateHookKey", request));
  context.output().Object({{"name", hook.name()}, {"key", hook.key()}});
  return 0;
}

absl::StatusOr<int> RotateSecret(Context& context, const Flags& flags) {
  capture::v1::RotateHookSecretRequest request;
  request.set_name(NameOf("hooks", flags.name));
  request.set_secret(flags.secret);
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const auto rotated,
                          CallFor<capture::v1::RotateHookSecretResponse>(context, "RotateHookSecret", request));
  context.output().Object(ToJson(rotated));
  return 0;
}

absl::StatusOr<int> Delete(Context& context, const Flags& flags) {
  capture::v1::DeleteHookRequest request;
  request.set_name(NameOf("hooks", flags.name));
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const Hook hook, CallFor<Hook>(context, "DeleteHook", request));
  context.output().Object({{"name", hook.name()}, {"deleted", true}});
  return 0;
}

absl::StatusOr<int> QuoteLink(Context& context, const Flags& flags) {
  capture::v1::CreateQuoteLinkRequest request;
  request.set_quote(NameOf("quotes", flags.name));
  EMBUDO_ASSIGN_OR_RETURN(
      const auto link, context.Call<capture::v1::PublicLink>("embudo.capture.v1.LinkService/CreateQuoteLink", request));
  context.output().Object(ToJson(link));
  return 0;
}

absl::StatusOr<int> UnsubscribeLink(Context& context, const Flags& flags) {
  capture::v1::CreateUnsubscribeLinkRequest request;
  request.set_contact(NameOf("contacts", flags.name));
  EMBUDO_ASSIGN_OR_RETURN(const auto link, context.Call<capture::v1::PublicLink>(
                                               "embudo.capture.v1.LinkService/CreateUnsubscribeLink", request));
  context.output().Object(ToJson(link));
  return 0;
}

using Action = absl::StatusOr<int> (*)(Context&, const Flags&);

/// Adds commands below a group; they share the variables of their flags, since one of them runs.
class Group {
 public:
  Group(CLI::App& group, Context& context) : group_(group), context_(context) { group.require_subcommand(1); }

  CLI::App& Add(const std::string& name, const std::string& help, Action action) {
    CLI::App& command = *group_.add_subcommand(name, help);
    command.callback([&context = context_, flags = flags_, action] {
      context.command = [&context, flags, action] { return action(context, *flags); };
    });
    return command;
  }
  CLI::App& AddFor(const std::string& what, const std::string& name, const std::string& help, Action action) {
    CLI::App& command = Add(name, help, action);
    command.add_option(what, flags_->name, "Its name or id")->required();
    return command;
  }
  Flags& flags() { return *flags_; }

 private:
  CLI::App& group_;
  Context& context_;
  const std::shared_ptr<Flags> flags_ = std::make_shared<Flags>();
};

}  // namespace

void AddHook(CLI::App& app, Context& context) {
  Group group(*app.add_subcommand("hook", "Webhooks that other systems call"), context);
  const auto add_fields = [&](CLI::App& command) {
    command.add_option("--set", group.flags().set, "field=value; may be given several times");
    command.add_option("--map", group.flags().mappings, kMappingHelp);
  };
  group.Add("list", "The hooks", List);
  CLI::App& create = group.Add("create", "Creates a hook", Create);
  create.add_option("id", group.flags().id, "The id that it gets: a-z, 0-9 and '-'");
  add_fields(create);
  const std::map<std::string, HookSignature::Format> formats = {{"none", HookSignature::FORMAT_NONE},
                                                                {"hex", HookSignature::FORMAT_HEX},
                                                                {"base64", HookSignature::FORMAT_BASE64},
                                                                {"timestamped", HookSignature::FORMAT_TIMESTAMPED}};
  create.add_option("--signature", group.flags().format, "none, hex, base64 or timestamped; hex if not given")
      ->transform(CLI::CheckedTransformer(formats).description("{none,hex,base64,timestamped}"));
  create.add_option("--header", group.flags().header, "The header that holds the signature")->capture_default_str();
  create.add_option("--prefix", group.flags().prefix, "What stands before it there, such as sha256=");
  add_fields(group.AddFor("hook", "update", "Changes a hook", Update));
  group.AddFor("hook", "rotate-key", "Gives it another address", RotateKey);
  group.AddFor("hook", "rotate-secret", "Gives it a new secret, and shows it once", RotateSecret)
      .add_option("--secret", group.flags().secret, "The one that the other system has chosen")
      ->envname("EMBUDO_HOOK_SECRET");
  group.AddFor("hook", "delete", "Deletes a hook", Delete);

  Group links(*app.add_subcommand("link", "Signed links for customers"), context);
  links.AddFor("quote", "quote", "To see, sign or decline a quote that was sent", QuoteLink);
  links.AddFor("contact", "unsubscribe", "To get no more mails", UnsubscribeLink);
}

}  // namespace embudo::cli
