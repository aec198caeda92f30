// The catalogues of a tenant, all by the same five commands: what a record holds is read from its descriptor.

#include <CLI/CLI.hpp>

#include "common/base/error.h"
#include "google/protobuf/field_mask.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/fields.h"
#include "tools/cli/method.h"

namespace embudo::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using MessagePtr = std::unique_ptr<Message>;

struct Catalogue {
  const char* command;     ///< `custom-fields`
  const char* help;        ///< what it holds
  const char* type;        ///< `CustomField`, as in GetCustomField
  const char* plural;      ///< `CustomFields`, as in ListCustomFields
  const char* body;        ///< `custom_field`, as in requests
  const char* collection;  ///< `customFields`, as in names
  std::vector<Column> columns;
};

const std::vector<Catalogue>& Catalogues() {
  static const auto* const catalogues = new std::vector<Catalogue>{
      {"tags", "Labels of leads", "Tag", "Tags", "tag", "tags", {{"NAME", "name"}, {"TITLE", "display_name"}}},
      {"lost-reasons",
       "Why deals are lost",
       "LostReason",
       "LostReasons",
       "lost_reason",
       "lostReasons",
       {{"NAME", "name"}, {"TITLE", "display_name"}}},
      {"products",
       "What is sold",
       "Product",
       "Products",
       "product",
       "products",
       {{"NAME", "name"}, {"TITLE", "display_name"}, {"SERIES", "series"}, {"PRICE", "price"}}},
      {"custom-fields",
       "Fields of the tenant's own, on leads and contacts",
       "CustomField",
       "CustomFields",
       "custom_field",
       "customFields",
       {{"NAME", "name"},
        {"TARGET", "target"},
        {"KEY", "key"},
        {"TYPE", "type"},
        {"REQUIRED", "required"},
        {"TITLE", "display_name"}}},
      {"exchange-rates",
       "What other currencies are worth in the tenant's own, by day",
       "ExchangeRate",
       "ExchangeRates",
       "exchange_rate",
       "exchangeRates",
       {{"NAME", "name"}, {"CURRENCY", "currency_code"}, {"FROM", "start_date"}, {"RATE", "rate"}}},
      {"targets",
       "Revenue that teams and users are to win in a month or quarter",
       "Target",
       "Targets",
       "target",
       "targets",
       {{"NAME", "name"},
        {"TEAM", "team"},
        {"USER", "user"},
        {"PERIOD", "period"},
        {"FROM", "start_date"},
        {"AMOUNT", "amount"}}},
      {"campaigns",
       "What brings leads, and what it costs",
       "Campaign",
       "Campaigns",
       "campaign",
       "campaigns",
       {{"NAME", "name"},
        {"CODE", "code"},
        {"COST", "cost"},
        {"FROM", "start_date"},
        {"TO", "end_date"},
        {"TITLE", "display_name"}}},
      {"utm-sources",
       "Where visits come from",
       "UtmSource",
       "UtmSources",
       "utm_source",
       "utmSources",
       {{"NAME", "name"}, {"CODE", "code"}, {"TITLE", "display_name"}}},
      {"utm-mediums",
       "Kinds of links that visits come by",
       "UtmMedium",
       "UtmMediums",
       "utm_medium",
       "utmMediums",
       {{"NAME", "name"}, {"CODE", "code"}, {"TITLE", "display_name"}}},
  };
  return *catalogues;
}

struct Flags {
  std::string name;
  std::string id;
  std::string filter;
  std::vector<std::string> set;
};

/// A call of CatalogService, by the name of its method.
class CatalogCall {
 public:
  static absl::StatusOr<CatalogCall> To(const std::string& method) {
    CatalogCall call;
    EMBUDO_ASSIGN_OR_RETURN(call.method_, FindMethod("CatalogService/" + method));
    call.request_ = New(call.method_->input_type());
    call.response_ = New(call.method_->output_type());
    return call;
  }

  Message& request() { return *request_; }
  /// The record in the request.
  Message& Part(const std::string& field) {
    return *request_->GetReflection()->MutableMessage(request_.get(),
                                                      request_->GetDescriptor()->FindFieldByName(field));
  }
  absl::StatusOr<const Message*> Make(Context& context) {
    const std::string name = method_->service()->full_name() + "/" + method_->name();
    EMBUDO_RETURN_IF_ERROR(context.ClientOf(name).Call(name, context.identity(), *request_, response_.get()));
    return response_.get();
  }

 private:
  static MessagePtr New(const google::protobuf::Descriptor* type) {
    return MessagePtr(google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  }

  const google::protobuf::MethodDescriptor* method_ = nullptr;
  MessagePtr request_;
  MessagePtr response_;
};

absl::StatusOr<int> Show(Context& context, CatalogCall& call) {
  EMBUDO_ASSIGN_OR_RETURN(const Message* record, call.Make(context));
  context.output().Object(ToJson(*record));
  return 0;
}

absl::StatusOr<int> List(Context& context, const Catalogue& catalogue, const Flags& flags) {
  EMBUDO_ASSIGN_OR_RETURN(CatalogCall call, CatalogCall::To(std::string("List") + catalogue.plural));
  EMBUDO_RETURN_IF_ERROR(SetField(call.request(), "page_size", "1000"));
  EMBUDO_RETURN_IF_ERROR(SetField(call.request(), "filter", flags.filter));
  std::vector<Json> rows;
  std::string token;
  do {
    EMBUDO_RETURN_IF_ERROR(SetField(call.request(), "page_token", token));
    EMBUDO_ASSIGN_OR_RETURN(const Message* page, call.Make(context));
    const FieldDescriptor* records = page->GetDescriptor()->field(0);
    for (int i = 0; i < page->GetReflection()->FieldSize(*page, records); ++i) {
      rows.push_back(ToJson(page->GetReflection()->GetRepeatedMessage(*page, records, i)));
    }
    token = page->GetReflection()->GetString(*page, page->GetDescriptor()->FindFieldByName("next_page_token"));
  } while (!token.empty());
  context.output().Rows(rows, catalogue.columns);
  return 0;
}

absl::StatusOr<int> Get(Context& context, const Catalogue& catalogue, const Flags& flags) {
  EMBUDO_ASSIGN_OR_RETURN(CatalogCall call, CatalogCall::To(std::string("Get") + catalogue.type));
  EMBUDO_RETURN_IF_ERROR(SetField(call.request(), "name", NameOf(catalogue.collection, flags.name)));
  return Show(context, call);
}

absl::StatusOr<int> Create(Context& context, const Catalogue& catalogue, const Flags& flags) {
  EMBUDO_ASSIGN_OR_RETURN(CatalogCall call, CatalogCall::To(std::string("Create") + catalogue.type));
  EMBUDO_RETURN_IF_ERROR(SetFields(call.Part(catalogue.body), flags.set, nullptr));
  EMBUDO_RETURN_IF_ERROR(SetField(call.request(), std::string(catalogue.body) + "_id", flags.id));
  EMBUDO_RETURN_IF_ERROR(SetField(call.request(), "request_id", NewRequestId()));
  return Show(context, call);
}

absl::StatusOr<int> Update(Context& context, const Catalogue& catalogue, const Flags& flags) {
  EMBUDO_ASSIGN_OR_RETURN(CatalogCall call, CatalogCall::To(std::string("Update") + catalogue.type));
  Message& record = call.Part(catalogue.body);
  EMBUDO_RETURN_IF_ERROR(
      SetFields(record, flags.set, static_cast<google::protobuf::FieldMask*>(&call.Part("update_mask"))));
  EMBUDO_RETURN_IF_ERROR(SetField(record, "name", NameOf(catalogue.collection, flags.name)));
  EMBUDO_RETURN_IF_ERROR(SetField(call.request(), "request_id", NewRequestId()));
  return Show(context, call);
}

absl::StatusOr<int> Delete(Context& context, const Catalogue& catalogue, const Flags& flags) {
  EMBUDO_ASSIGN_OR_RETURN(CatalogCall call, CatalogCall::To(std::string("Delete") + catalogue.type));
  EMBUDO_RETURN_IF_ERROR(SetField(call.request(), "name", NameOf(catalogue.collection, flags.name)));
  EMBUDO_RETURN_IF_ERROR(SetField(call.request(), "request_id", NewRequestId()));
  return Show(context, call);
}

using Action = absl::StatusOr<int> (*)(Context&, const Catalogue&, const Flags&);

void AddCommands(CLI::App& group, Context& context, const Catalogue& catalogue) {
  const auto flags = std::make_shared<Flags>();
  const auto add = [&](const char* name, const char* help, bool named, Action action) -> CLI::App& {
    CLI::App& command = *group.add_subcommand(name, help);
    if (named) command.add_option("name", flags->name, "Its name or id")->required();
    command.callback([&context, &catalogue, flags, action] {
      context.command = [&context, &catalogue, flags, action] { return action(context, catalogue, *flags); };
    });
    return command;
  };
  const char* set_help = "field=value; may be given several times";
  add("list", "All of them", false, List).add_option("--filter", flags->filter, "Which, in the filter language");
  add("get", "One of them", true, Get);
  CLI::App& create = add("create", "Makes one", false, Create);
  create.add_option("--set", flags->set, set_help)->required();
  create.add_option("--id", flags->id, "The id that it gets");
  add("update", "Changes fields of one", true, Update).add_option("--set", flags->set, set_help)->required();
  add("delete", "Deletes one", true, Delete);
}

}  // namespace

void AddCatalog(CLI::App& app, Context& context) {
  CLI::App& catalog = *app.add_subcommand("catalog", "Catalogues: custom fields, exchange rates, targets, tags …");
  catalog.require_subcommand(1);
  for (const Catalogue& catalogue : Catalogues()) {
    CLI::App& group = *catalog.add_subcommand(catalogue.command, catalogue.help);
    group.require_subcommand(1);
    AddCommands(group, context, catalogue);
  }
}

}  // namespace embudo::cli
