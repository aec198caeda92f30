#include "services/pipeline/events/quote_expiry.h"

#include <utility>

#include "common/base/error.h"
#include "common/db/served.h"
#include "common/log/log.h"
#include "common/text/dates.h"
#include "embudo/pipeline/v1/quote_service.pb.h"
#include "embudo/type/v1/quote.pb.h"

namespace embudo::pipeline::events {
namespace {

using google::protobuf::Message;
using type::v1::Quote;

constexpr std::chrono::seconds kStatement{30};
constexpr std::chrono::seconds kInterval{60};
constexpr int kBatch = 1000;

// No zone is more than a day ahead of UTC; which quotes are due is told by their tenant's.
constexpr char kCandidates[] =
    "SELECT q.tenant_id, q.quote_id, q.expire_date - DATE '1970-01-01', t.time_zone"
    " FROM pipeline.quote q JOIN pipeline.tenant t USING (tenant_id)"
    " WHERE q.state = 'SENT' AND q.delete_time IS NULL AND q.expire_date <= $1::date" EMBUDO_SERVED(
        "q") " ORDER BY q.expire_date, q.quote_id LIMIT $2";

rpc::CallContext CallFor(std::string_view tenant) {
  rpc::CallContext call;
  call.identity = {.tenant = std::string(tenant),
                   .actor = "services/pipeline",
                   .roles = {type::v1::ROLE_SERVICE},
                   .origin = type::v1::ORIGIN_SYSTEM,
                   .cause = {}};
  call.method = "quote expiry";
  call.deadline = db::After(kStatement);
  return call;
}

}  // namespace

QuoteExpiry::QuoteExpiry(std::string postgres, resource::Resource& quotes, const Clock& clock)
    : Chore("quote expiry", kInterval, [this] { return RunOnce().status(); }),
      pool_(std::move(postgres), 1),
      quotes_(quotes),
      clock_(clock) {}

QuoteExpiry::~QuoteExpiry() { Stop(); }

absl::StatusOr<int> QuoteExpiry::RunOnce() {
  const Time now = clock_.Now();
  const std::string today = FormatDate(ToDate(std::chrono::floor<std::chrono::days>(now)));
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool_, "", db::After(kStatement), kCandidates, db::Params::Of(today, kBatch)));
  int expired = 0;
  for (int i = 0; i < rows.size(); ++i) {
    const Day last{std::chrono::days(rows[i].Int(2))};
    if (last >= text::DayIn(now, std::string(rows[i].Text(3)))) continue;
    Quote quote;
    const absl::Status status = quotes_.Modify(
        CallFor(rows[i].Text(0)), "quotes/" + std::string(rows[i].Text(1)), "", v1::GetQuoteRequest::default_instance(),
        type::v1::EVENT_TYPE_QUOTE_EXPIRED,
        [](Message& record, resource::Effects&) {
          auto& changed = static_cast<Quote&>(record);
          if (changed.state() != Quote::STATE_SENT) return absl::FailedPreconditionError("is no longer sent");
          changed.set_state(Quote::STATE_EXPIRED);
          return absl::OkStatus();
        },
        quote);
    if (status.ok()) ++expired;
    // One that can't be written now is no reason to keep the others waiting.
    if (!status.ok() && status.code() != absl::StatusCode::kFailedPrecondition)
      log::Warning("quote expiry", {{"quote", rows[i].Text(1)}, {"why", MessageOf(status)}});
  }
  return expired;
}

}  // namespace embudo::pipeline::events
