#include <CLI/CLI.hpp>
#include <fstream>
#include <iterator>

#include "absl/strings/str_split.h"
#include "common/base/error.h"
#include "common/base/sha256.h"
#include "embudo/pipeline/v1/quote_service.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/fields.h"
#include "tools/cli/pages.h"

namespace embudo::cli {
namespace {

using type::v1::Order;
using type::v1::Quote;

struct Flags {
  std::string name;
  std::string lead;
  std::vector<std::string> set;
  std::vector<std::string> lines;
  std::string filter;
  std::string order_by;
  int limit = 50;
  std::string signer;
  std::string signer_email;
  std::string sha256;
  std::string document;
  std::string reason;
  std::string output;
};

constexpr char kService[] = "embudo.pipeline.v1.QuoteService/";

const std::vector<Column>& QuoteColumns() {
  static const auto* const columns =
      new std::vector<Column>{{"NAME", "name"},          {"NUMBER", "number"},          {"STATE", "state"},
                              {"LEAD", "lead"},          {"CUSTOMER", "customer_name"}, {"TOTAL", "total"},
                              {"EXPIRES", "expire_date"}};
  return *columns;
}
const std::vector<Column>& OrderColumns() {
  static const auto* const columns = new std::vector<Column>{{"NAME", "name"},
                                                             {"NUMBER", "number"},
                                                             {"STATE", "state"},
                                                             {"LEAD", "lead"},
                                                             {"CUSTOMER", "customer_name"},
                                                             {"TOTAL", "total"},
                                                             {"CONFIRMED", "confirm_time"}};
  return *columns;
}

/// Makes the call and shows the record that it returns.
template <class Record>
absl::StatusOr<int> Show(Context& context, const std::string& method, const google::protobuf::Message& request) {
  EMBUDO_ASSIGN_OR_RETURN(const Record record, context.Call<Record>(kService + method, request));
  context.output().Object(ToJson(record));
  return 0;
}

/// A request of a method that changes the quote, or order, of the command.
template <class Request>
Request RequestFor(const Flags& flags, const char* collection) {
  Request request;
  request.set_name(NameOf(collection, flags.name));
  request.set_request_id(NewRequestId());
  return request;
}

/// `description=Laptop;quantity=10;unit_price=120` as lines of the quote.
absl::Status SetLines(const std::vector<std::string>& lines, Quote* quote) {
  for (const std::string& line : lines) {
    const std::vector<std::string> arguments = absl::StrSplit(line, ';', absl::SkipWhitespace());
    EMBUDO_RETURN_IF_ERROR(SetFields(*quote->add_lines(), arguments, nullptr));
  }
  return absl::OkStatus();
}

absl::StatusOr<int> Create(Context& context, const Flags& flags) {
  pipeline::v1::CreateQuoteRequest request;
  request.mutable_quote()->set_lead(NameOf("leads", flags.lead));
  EMBUDO_RETURN_IF_ERROR(SetFields(*request.mutable_quote(), flags.set, nullptr));
  EMBUDO_RETURN_IF_ERROR(SetLines(flags.lines, request.mutable_quote()));
  request.set_request_id(NewRequestId());
  return Show<Quote>(context, "CreateQuote", request);
}

absl::StatusOr<int> Update(Context& context, const Flags& flags) {
  pipeline::v1::UpdateQuoteRequest request;
  request.mutable_quote()->set_name(NameOf("quotes", flags.name));
  EMBUDO_RETURN_IF_ERROR(SetFields(*request.mutable_quote(), flags.set, request.mutable_update_mask()));
  EMBUDO_RETURN_IF_ERROR(SetLines(flags.lines, request.mutable_quote()));
  if (!flags.lines.empty()) request.mutable_update_mask()->add_paths("lines");
  request.set_request_id(NewRequestId());
  return Show<Quote>(context, "UpdateQuote", request);
}

absl::StatusOr<int> Get(Context& context, const Flags& flags) {
  pipeline::v1::GetQuoteRequest request;
  request.set_name(NameOf("quotes", flags.name));
  return Show<Quote>(context, "GetQuote", request);
}

absl::StatusOr<int> Send(Context& context, const Flags& flags) {
  return Show<Quote>(context, "SendQuote", RequestFor<pipeline::v1::SendQuoteRequest>(flags, "quotes"));
}

absl::StatusOr<int> Revise(Context& context, const Flags& flags) {
  return Show<Quote>(context, "ReviseQuote", RequestFor<pipeline::v1::ReviseQuoteRequest>(flags, "quotes"));
}

absl::StatusOr<int> Cancel(Context& context, const Flags& flags) {
  return Show<Quote>(context, "CancelQuote", RequestFor<pipeline::v1::CancelQuoteRequest>(flags, "quotes"));
}

absl::StatusOr<int> Confirm(Context& context, const Flags& flags) {
  return Show<Order>(context, "ConfirmQuote", RequestFor<pipeline::v1::ConfirmQuoteRequest>(flags, "quotes"));
}

absl::StatusOr<int> Decline(Context& context, const Flags& flags) {
  auto request = RequestFor<pipeline::v1::DeclineQuoteRequest>(flags, "quotes");
  request.set_decline_reason(flags.reason);
  return Show<Quote>(context, "DeclineQuote", request);
}

absl::StatusOr<std::string> Sha256OfFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return InvalidField("--document", "can't read " + path);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  return Sha256Hex(bytes);
}

absl::StatusOr<int> Accept(Context& context, const Flags& flags) {
  auto request = RequestFor<pipeline::v1::AcceptQuoteRequest>(flags, "quotes");
  request.mutable_signature()->set_signer_name(flags.signer);
  request.mutable_signature()->set_signer_email(flags.signer_email);
  request.mutable_signature()->set_document_sha256(flags.sha256);
  if (!flags.document.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(*request.mutable_signature()->mutable_document_sha256(), Sha256OfFile(flags.document));
  }
  return Show<Quote>(context, "AcceptQuote", request);
}

absl::StatusOr<int> Document(Context& context, const Flags& flags) {
  pipeline::v1::GetQuoteDocumentRequest request;
  request.set_name(NameOf("quotes", flags.name));
  EMBUDO_ASSIGN_OR_RETURN(const auto document, context.Call<pipeline::v1::QuoteDocument>(
                                                   std::string(kService) + "GetQuoteDocument", request));
  const std::string path = flags.output.empty() ? document.file_name() : flags.output;
  std::ofstream file(path, std::ios::binary);
  file << document.content();
  if (!file.flush()) return InvalidField("--output", "can't write " + path);
  context.output().Object({{"file", path}, {"bytes", document.content().size()}, {"sha256", document.sha256()}});
  return 0;
}

absl::StatusOr<int> GetOrder(Context& context, const Flags& flags) {
  pipeline::v1::GetOrderRequest request;
  request.set_name(NameOf("orders", flags.name));
  return Show<Order>(context, "GetOrder", request);
}

absl::StatusOr<int> CancelOrder(Context& context, const Flags& flags) {
  auto request = RequestFor<pipeline::v1::CancelOrderRequest>(flags, "orders");
  request.set_cancel_reason(flags.reason);
  return Show<Order>(context, "CancelOrder", request);
}

/// All pages, up to the limit. `records` are those of one page.
template <class Response, class Request, class Records>
absl::StatusOr<int> List(Context& context, const Flags& flags, const std::string& method, const Records& records,
                         const std::vector<Column>& columns) {
  Request request;
  request.set_filter(flags.filter);
  request.set_order_by(flags.order_by);
  EMBUDO_ASSIGN_OR_RETURN(const auto rows,
                          ListPages<Response>(context, kService + method, request, flags.limit, records));
  context.output().Rows(rows, columns);
  return 0;
}

absl::StatusOr<int> ListQuotes(Context& context, const Flags& flags) {
  return List<pipeline::v1::ListQuotesResponse, pipeline::v1::ListQuotesRequest>(
      context, flags, "ListQuotes", [](const auto& page) -> const auto& { return page.quotes(); }, QuoteColumns());
}

absl::StatusOr<int> ListOrders(Context& context, const Flags& flags) {
  return List<pipeline::v1::ListOrdersResponse, pipeline::v1::ListOrdersRequest>(
      context, flags, "ListOrders", [](const auto& page) -> const auto& { return page.orders(); }, OrderColumns());
}

using Action = absl::StatusOr<int> (*)(Context&, const Flags&);

/// Adds commands below `quote` or `order`; they share the variables of their flags, since one of them runs.
class Commands {
 public:
  Commands(CLI::App& above, std::string noun, Context& context)
      : above_(above), noun_(std::move(noun)), context_(context) {}

  CLI::App& Add(const std::string& name, const std::string& help, Action action) {
    CLI::App& command = *above_.add_subcommand(name, help);
    command.callback([&context = context_, flags = flags_, action] {
      context.command = [&context, flags, action] { return action(context, *flags); };
    });
    return command;
  }
  CLI::App& AddForOne(const std::string& name, const std::string& help, Action action) {
    CLI::App& command = Add(name, help, action);
    command.add_option(noun_, flags_->name, "Its name or id")->required();
    return command;
  }
  void AddList(const std::string& help, Action action) {
    CLI::App& list = Add("list", help, action);
    list.add_option("--filter", flags_->filter, "Which, in the filter language");
    list.add_option("--order-by", flags_->order_by, "`create_time desc`");
    list.add_option("--limit", flags_->limit, "Most to show")->check(CLI::PositiveNumber)->capture_default_str();
  }
  Flags& flags() { return *flags_; }

 private:
  CLI::App& above_;
  const std::string noun_;
  Context& context_;
  const std::shared_ptr<Flags> flags_ = std::make_shared<Flags>();
};

void AddDrafting(Commands& commands) {
  Flags& flags = commands.flags();
  const char* line_help =
      "A position, `product=laptop;quantity=10;unit_price=120;discount_percent=5;tax_percent=19`; may be given several"
      " times";
  CLI::App& create = commands.Add("create", "Makes a draft from a lead", Create);
  create.add_option("--lead", flags.lead, "Name or id of the opportunity")->required();
  create.add_option("--set", flags.set, "field=value; may be given several times");
  create.add_option("--line", flags.lines, line_help);
  CLI::App& update = commands.AddForOne("update", "Changes fields of a draft", Update);
  update.add_option("--set", flags.set, "field=value; an empty value clears; may be given several times");
  update.add_option("--line", flags.lines, line_help);
  commands.AddForOne("revise", "Makes a draft of the next revision", Revise);
  commands.AddForOne("document", "Writes the PDF", Document)
      .add_option("--output", flags.output, "Where to; default: its number");
}

void AddDeciding(Commands& commands) {
  Flags& flags = commands.flags();
  commands.AddForOne("send", "Fixes a draft and its document", Send);
  CLI::App& accept = commands.AddForOne("accept", "Accepts a sent quote with a signature", Accept);
  accept.add_option("--signer", flags.signer, "Who signs")->required();
  accept.add_option("--email", flags.signer_email, "Mail address of the signer");
  CLI::App& what = *accept.add_option_group("what", "What is signed");
  what.add_option("--document", flags.document, "The PDF");
  what.add_option("--sha256", flags.sha256, "SHA-256 of the PDF");
  what.require_option(1);
  commands.AddForOne("decline", "Declines a sent quote", Decline).add_option("--reason", flags.reason, "Why");
  commands.AddForOne("confirm", "Makes a quote an order, by which its lead is won", Confirm);
  commands.AddForOne("cancel", "Withdraws a quote", Cancel);
}

}  // namespace

void AddQuote(CLI::App& app, Context& context) {
  CLI::App& quote = *app.add_subcommand("quote", "Quotes");
  quote.require_subcommand(1);
  Commands quotes(quote, "quote", context);
  quotes.AddList("Quotes that match", ListQuotes);
  quotes.AddForOne("get", "One quote", Get);
  AddDrafting(quotes);
  AddDeciding(quotes);

  CLI::App& order = *app.add_subcommand("order", "Orders");
  order.require_subcommand(1);
  Commands orders(order, "order", context);
  orders.AddList("Orders that match", ListOrders);
  orders.AddForOne("get", "One order", GetOrder);
  orders.AddForOne("cancel", "Cancels an order; its lead stays won", CancelOrder)
      .add_option("--reason", orders.flags().reason, "Why");
}

}  // namespace embudo::cli
