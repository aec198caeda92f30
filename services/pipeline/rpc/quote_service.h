#pragma once

#include "absl/status/statusor.h"
#include "embudo/pipeline/v1/quote_service.pb.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {

/// Handlers of QuoteService that have a file of their own.
absl::StatusOr<type::v1::Quote> SendQuote(Records& records, const embudo::rpc::CallContext& call,
                                          const v1::SendQuoteRequest& request);
absl::StatusOr<v1::QuoteDocument> GetQuoteDocument(Records& records, const embudo::rpc::CallContext& call,
                                                   const v1::GetQuoteDocumentRequest& request);
absl::StatusOr<type::v1::Order> ConfirmQuote(Records& records, const embudo::rpc::CallContext& call,
                                             const v1::ConfirmQuoteRequest& request);
absl::StatusOr<type::v1::Order> CancelOrder(Records& records, const embudo::rpc::CallContext& call,
                                            const v1::CancelOrderRequest& request);

/// What a call gets that has failed: the first answer into `response`, if it repeats one, or else its failure.
absl::Status FirstAnswerOr(Records& records, const embudo::rpc::CallContext& call,
                           const google::protobuf::Message& request, const absl::Status& failure,
                           google::protobuf::Message* response);

}  // namespace embudo::pipeline::rpc
