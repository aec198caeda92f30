// The document of a quote: made while it is a draft, kept once it is sent.

#include "common/base/error.h"
#include "common/base/sha256.h"
#include "common/text/dates.h"
#include "services/pipeline/document/quote_pdf.h"
#include "services/pipeline/logic/quote_rules.h"
#include "services/pipeline/rpc/quote_service.h"
#include "services/pipeline/storage/quotes.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using type::v1::Quote;

std::string MarkOf(const Quote& quote) {
  switch (quote.state()) {
    case Quote::STATE_DRAFT:
      return "DRAFT";
    case Quote::STATE_CANCELLED:
      return "CANCELLED";
    default:
      return "";
  }
}

absl::Status Render(const logic::Scene& scene, const Quote& quote, std::string* content) {
  const type::v1::Tenant& tenant = scene.catalog.tenant;
  const Time time = quote.has_send_time() ? FromTimestamp(quote.send_time()) : scene.now;
  EMBUDO_ASSIGN_OR_RETURN(*content, document::RenderQuote({.quote = quote,
                                                           .issuer = tenant.display_name(),
                                                           .date = ToDate(text::DayIn(time, tenant.time_zone())),
                                                           .mark = MarkOf(quote)}));
  return absl::OkStatus();
}

/// The quote that a revision takes the place of, as a change.
absl::Status Supersede(Records& records, const CallContext& call, const Quote& quote,
                       std::vector<resource::Change>* changes) {
  Quote older;
  EMBUDO_ASSIGN_OR_RETURN(std::vector<resource::Change> planned,
                          records.quotes().Plan(
                              call, quote.revised_from(), "", type::v1::EVENT_TYPE_QUOTE_REVISED,
                              [&](Message& record, resource::Effects&) {
                                return logic::SupersedeQuote(quote, static_cast<Quote&>(record));
                              },
                              older));
  for (resource::Change& change : planned) changes->push_back(std::move(change));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Quote> SendQuote(Records& records, const CallContext& call, const v1::SendQuoteRequest& request) {
  Quote response;
  const absl::Status status = records.quotes().Modify(
      call, request.name(), request.etag(), request, type::v1::EVENT_TYPE_QUOTE_SENT,
      [&](Message& record, resource::Effects& effects) -> absl::Status {
        auto& quote = static_cast<Quote&>(record);
        std::string content;
        const absl::Status sent = records.WithScene(call, [&](const logic::Scene& scene) -> absl::Status {
          EMBUDO_RETURN_IF_ERROR(logic::SendQuote(scene, quote));
          return Render(scene, quote, &content);
        });
        if (!sent.ok()) return sent;
        quote.set_document_sha256(Sha256Hex(content));
        if (!quote.revised_from().empty()) {
          EMBUDO_RETURN_IF_ERROR(Supersede(records, call, quote, &effects.also));
        }
        effects.statements = [tenant = call.tenant(), name = quote.name(),
                              content = std::move(content)](db::Connection& connection) {
          return storage::SaveDocument(connection, tenant, name, content);
        };
        return absl::OkStatus();
      },
      response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::QuoteDocument> GetQuoteDocument(Records& records, const CallContext& call,
                                                   const v1::GetQuoteDocumentRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, records.quotes().Load(call, request.name()));
  const auto& quote = static_cast<const Quote&>(*record.message);
  v1::QuoteDocument document;
  if (quote.document_sha256().empty()) {
    EMBUDO_RETURN_IF_ERROR(records.WithScene(
        call, [&](const logic::Scene& scene) { return Render(scene, quote, document.mutable_content()); }));
    document.set_sha256(Sha256Hex(document.content()));
    document.set_file_name(quote.number() + "-draft.pdf");
    return document;
  }
  EMBUDO_ASSIGN_OR_RETURN(*document.mutable_content(),
                          storage::LoadDocument(records.pool(), call.tenant(), call.deadline, quote.name()));
  document.set_sha256(quote.document_sha256());
  document.set_file_name(quote.number() + ".pdf");
  return document;
}

}  // namespace embudo::pipeline::rpc
