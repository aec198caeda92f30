#include "services/pipeline/rpc/quote_service.h"

#include "common/base/error.h"
#include "services/pipeline/logic/quote_rules.h"
#include "services/pipeline/rpc/services.h"
#include "services/pipeline/storage/quotes.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using type::v1::EventType;
using type::v1::Quote;

constexpr int kNumberAttempts = 10;

// The frame of the custom methods: `change` is a rule of logic/quote_rules.h with the request's arguments.
template <class Request, class Change>
absl::StatusOr<Quote> ChangeQuote(Records& records, const CallContext& call, const Request& request, EventType event,
                                  Change change) {
  Quote response;
  EMBUDO_RETURN_IF_ERROR(records.quotes().Modify(
      call, request.name(), request.etag(), request, event,
      [&](Message& record, resource::Effects&) {
        return records.WithScene(call,
                                 [&](const logic::Scene& scene) { return change(scene, static_cast<Quote&>(record)); });
      },
      response));
  return response;
}

absl::StatusOr<Quote> AcceptQuote(Records& records, const CallContext& call, const v1::AcceptQuoteRequest& request) {
  return ChangeQuote(
      records, call, request, type::v1::EVENT_TYPE_QUOTE_ACCEPTED,
      [&](const logic::Scene& scene, Quote& quote) { return logic::AcceptQuote(scene, request.signature(), quote); });
}

absl::StatusOr<Quote> DeclineQuote(Records& records, const CallContext& call, const v1::DeclineQuoteRequest& request) {
  return ChangeQuote(
      records, call, request, type::v1::EVENT_TYPE_QUOTE_DECLINED,
      [&](const logic::Scene&, Quote& quote) { return logic::DeclineQuote(request.decline_reason(), quote); });
}

absl::StatusOr<Quote> CancelQuote(Records& records, const CallContext& call, const v1::CancelQuoteRequest& request) {
  return ChangeQuote(records, call, request, type::v1::EVENT_TYPE_QUOTE_CANCELLED,
                     [](const logic::Scene&, Quote& quote) { return logic::CancelQuote(quote); });
}

/// The next revision of the quote, as a draft that is not written yet.
absl::StatusOr<std::unique_ptr<Quote>> NewRevision(Records& records, const CallContext& call, const std::string& name,
                                                   const std::string& etag) {
  EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, records.quotes().Load(call, name));
  const auto& quote = static_cast<const Quote&>(*record.message);
  if (!etag.empty() && etag != quote.etag()) return StaleEtag(name);
  auto revision = std::make_unique<Quote>();
  revision->set_name("quotes/" + Uuid::V7(records.clock().Now()).ToString());
  EMBUDO_RETURN_IF_ERROR(
      records.WithScene(call, [&](const logic::Scene& scene) { return logic::ReviseQuote(scene, quote, *revision); }));
  EMBUDO_ASSIGN_OR_RETURN(const int last, storage::LastRevision(records.pool(), call.tenant(), call.deadline, quote));
  revision->set_revision_number(last + 1);
  revision->set_number(logic::BaseNumber(quote) + "-" + std::to_string(last + 1));
  return revision;
}

absl::StatusOr<Quote> ReviseQuote(Records& records, const CallContext& call, const v1::ReviseQuoteRequest& request) {
  Quote response;
  absl::Status status;
  // Two at once would get one number; the later one takes the next.
  for (int attempt = 0; attempt < kNumberAttempts; ++attempt) {
    absl::StatusOr<std::unique_ptr<Quote>> revision = NewRevision(records, call, request.name(), request.etag());
    status = revision.ok() ? records.quotes().WriteNew(call, *std::move(revision), request, response)
                           : FirstAnswerOr(records, call, request, revision.status(), &response);
    if (status.code() != absl::StatusCode::kAlreadyExists) break;
  }
  if (!status.ok()) return status;
  return response;
}

}  // namespace

absl::Status FirstAnswerOr(Records& records, const CallContext& call, const Message& request,
                           const absl::Status& failure, Message* response) {
  resource::Change key;
  key.table = &records.quotes().table();
  records.quotes().FillRequest(call, request, &key);
  if (failure.ok() || key.request_id.empty() || failure.code() == absl::StatusCode::kUnavailable) return failure;
  EMBUDO_ASSIGN_OR_RETURN(const bool found, records.writer().FindAnswer(call.tenant(), key, response, call.deadline));
  return found ? absl::OkStatus() : failure;
}

std::unique_ptr<embudo::rpc::Service> MakeQuoteService(Records& records) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::GetQuoteRequest::descriptor()->file()->service(0));
  const auto custom = [&]<class Request, class Response>(
                          const char* method,
                          absl::StatusOr<Response> (*handler)(Records&, const CallContext&, const Request&)) {
    service->Unary<Request, Response>(method, [&records, handler](const CallContext& call, const Request& request) {
      return handler(records, call, request);
    });
  };
  custom("SendQuote", SendQuote);
  custom("ReviseQuote", ReviseQuote);
  custom("GetQuoteDocument", GetQuoteDocument);
  custom("AcceptQuote", AcceptQuote);
  custom("DeclineQuote", DeclineQuote);
  custom("CancelQuote", CancelQuote);
  custom("ConfirmQuote", ConfirmQuote);
  custom("CancelOrder", CancelOrder);
  records.quotes().Bind(*service);
  records.orders().Bind(*service);
  return service;
}

}  // namespace embudo::pipeline::rpc
