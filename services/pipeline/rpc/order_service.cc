// Orders: what a quote becomes when it is confirmed.

#include <iterator>

#include "common/base/error.h"
#include "services/pipeline/logic/quote_rules.h"
#include "services/pipeline/rpc/quote_service.h"
#include "services/pipeline/storage/quotes.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using resource::Change;
using type::v1::Lead;
using type::v1::Order;
using type::v1::Quote;

constexpr int kAttempts = 20;

/// All that the confirmation of one quote changes, in one transaction: the quote first, its order, the lead, and the
/// lead's other quotes.
class Confirmation {
 public:
  Confirmation(Records& records, const CallContext& call, const v1::ConfirmQuoteRequest& request)
      : records_(records), call_(call), request_(request) {}

  absl::StatusOr<Order> Run() {
    absl::Status status;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      status = Try();
      if (ReasonOf(status) != "VERSION_CHANGED") break;
    }
    EMBUDO_RETURN_IF_ERROR(FirstAnswerOr(records_, call_, request_, status, &order_));
    return order_;
  }

 private:
  absl::Status Try() {
    order_.Clear();
    order_.set_name("orders/" + Uuid::V7(records_.clock().Now()).ToString());
    changes_.clear();
    EMBUDO_RETURN_IF_ERROR(PlanQuote());
    EMBUDO_RETURN_IF_ERROR(PlanOtherQuotes());
    EMBUDO_RETURN_IF_ERROR(PlanOrder());
    EMBUDO_RETURN_IF_ERROR(PlanLead());
    if (request_.validate_only()) return absl::OkStatus();
    records_.quotes().FillRequest(call_, request_, &changes_[0]);
    changes_[0].answer = std::make_shared<Order>(order_);
    return records_.writer().WriteTogether(call_.tenant(), changes_, call_.deadline, {}, &order_);
  }

  void Append(std::vector<Change> changes) {
    changes_.insert(changes_.end(), std::make_move_iterator(changes.begin()), std::make_move_iterator(changes.end()));
  }

  absl::Status PlanQuote() {
    EMBUDO_ASSIGN_OR_RETURN(std::vector<Change> changes,
                            records_.quotes().Plan(
                                call_, request_.name(), request_.etag(), type::v1::EVENT_TYPE_QUOTE_CONFIRMED,
                                [&](Message& record, resource::Effects&) {
                                  return records_.WithScene(call_, [&](const logic::Scene& scene) {
                                    return logic::ConfirmQuote(scene, order_, static_cast<Quote&>(record));
                                  });
                                },
                                quote_));
    Append(std::move(changes));
    return absl::OkStatus();
  }

  absl::Status PlanOtherQuotes() {
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> others,
                            storage::OtherOpenQuotes(records_.pool(), call_.tenant(), call_.deadline, quote_));
    for (const std::string& other : others) {
      Quote unused;
      absl::StatusOr<std::vector<Change>> changes = records_.quotes().Plan(
          call_, other, "", type::v1::EVENT_TYPE_QUOTE_CANCELLED,
          [](Message& record, resource::Effects&) {
            auto& quote = static_cast<Quote&>(record);
            return logic::IsOpen(quote) ? logic::CancelQuote(quote) : absl::FailedPreconditionError("is closed");
          },
          unused);
      const absl::StatusCode code = changes.status().code();
      if (code == absl::StatusCode::kNotFound || code == absl::StatusCode::kFailedPrecondition) continue;  // meanwhile
      if (!changes.ok()) return changes.status();
      Append(*std::move(changes));
    }
    return absl::OkStatus();
  }

  absl::Status PlanOrder() {
    if (number_.empty() && !request_.validate_only()) {
      EMBUDO_ASSIGN_OR_RETURN(const int64_t number,
                              storage::NextNumber(records_.pool(), call_.tenant(), call_.deadline, "order"));
      number_ = logic::DocumentNumber('S', number);
    }
    order_.set_number(number_);
    EMBUDO_ASSIGN_OR_RETURN(Change change, records_.orders().NewChange(call_, std::make_unique<Order>(order_),
                                                                       v1::GetOrderRequest::default_instance()));
    order_.CopyFrom(*change.after.message);
    changes_.push_back(std::move(change));
    return absl::OkStatus();
  }

  absl::Status PlanLead() {
    Lead unused;
    EMBUDO_ASSIGN_OR_RETURN(std::vector<Change> changes,
                            records_.leads().Plan(
                                call_, quote_.lead(), "", type::v1::EVENT_TYPE_LEAD_WON,
                                [&](Message& record, resource::Effects&) {
                                  auto& lead = static_cast<Lead&>(record);
                                  return records_.WithSceneOf(call_, lead, nullptr, [&](const logic::Scene& scene) {
                                    return logic::WinByOrder(scene, &quote_.net_total(), records_.leads().schema(),
                                                             lead);
                                  });
                                },
                                unused));
    Append(std::move(changes));
    return absl::OkStatus();
  }

  Records& records_;
  const CallContext& call_;
  const v1::ConfirmQuoteRequest& request_;
  Quote quote_;
  Order order_;
  /// Taken once, however often the transaction is tried.
  std::string number_;
  std::vector<Change> changes_;
};

}  // namespace

absl::StatusOr<Order> ConfirmQuote(Records& records, const CallContext& call, const v1::ConfirmQuoteRequest& request) {
  return Confirmation(records, call, request).Run();
}

absl::StatusOr<Order> CancelOrder(Records& records, const CallContext& call, const v1::CancelOrderRequest& request) {
  Order response;
  EMBUDO_RETURN_IF_ERROR(records.orders().Modify(
      call, request.name(), request.etag(), request, type::v1::EVENT_TYPE_ORDER_CANCELLED,
      [&](Message& record, resource::Effects&) {
        return logic::CancelOrder(request.cancel_reason(), static_cast<Order&>(record));
      },
      response));
  return response;
}

}  // namespace embudo::pipeline::rpc
