#include "services/reporting/logic/key_figures.h"

#include <optional>
#include <string>

#include "common/base/error.h"
#include "services/reporting/rpc/quotas.h"
#include "services/reporting/rpc/reading.h"
#include "services/reporting/rpc/reports.h"

namespace embudo::reporting {
namespace {

using logic::Days;
using rpc::CallContext;

storage::Bounds BoundsOf(const std::optional<Days>& days, const std::string& time) {
  if (!days) return {};
  return {time, days->from, days->to};
}

/// Makes the figures of one period; of all time without one.
class Figures {
 public:
  Figures(Reading& reading, const storage::Query& query) : reading_(reading), query_(query) {}

  absl::StatusOr<logic::FigureInput> Make(const std::optional<Days>& days) {
    logic::FigureInput input;
    EMBUDO_ASSIGN_OR_RETURN(input.created, Total(days, "create", "OPPORTUNITY"));
    EMBUDO_ASSIGN_OR_RETURN(input.leads, Total(days, "create", ""));
    EMBUDO_ASSIGN_OR_RETURN(input.closed, days ? Total(days, "close", "OPPORTUNITY") : input.created);
    EMBUDO_ASSIGN_OR_RETURN(input.expected, days ? Total(days, "expected_close", "OPPORTUNITY") : input.created);
    EMBUDO_ASSIGN_OR_RETURN(input.won_activities, WonActivities(days));
    return input;
  }
  absl::StatusOr<logic::Measures> Total(const std::optional<Days>& days, const std::string& time,
                                        const std::string& kind) {
    storage::Query query = query_;
    query.kind = kind;
    query.bounds = BoundsOf(days, time);
    EMBUDO_ASSIGN_OR_RETURN(const storage::Report report, reading_.Run(query));
    return report.total;
  }

 private:
  absl::StatusOr<int64_t> WonActivities(const std::optional<Days>& days) {
    storage::Query query = query_;
    query.cube = storage::Cube::kActivity;
    query.bounds = BoundsOf(days, "close");
    query.condition = "t.state = 'WON' AND t.activity_state = 'DONE'";
    query.condition_columns = {"activity_state"};
    EMBUDO_ASSIGN_OR_RETURN(const storage::Cells cells, reading_.Run(query, {{"sum(t.c1)"}}));
    return cells.total[0].empty() ? 0 : std::stoll(cells.total[0]);
  }

  Reading& reading_;
  const storage::Query& query_;
};

}  // namespace

absl::StatusOr<v1::GetKeyFiguresResponse> MakeReport(const Room& room, const CallContext& call,
                                                     const v1::GetKeyFiguresRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(Reading reading, Reading::Begin(room, call, request.min_positions()));
  EMBUDO_ASSIGN_OR_RETURN(const storage::Query query, reading.MakeQuery({}, request.filter()));
  if (!request.period().time().empty()) {
    return InvalidField("period.time", "is not to be given: each figure has a time of its own");
  }
  EMBUDO_ASSIGN_OR_RETURN(const Days days, logic::ReadPeriod(request.period(), "close", logic::Subject::kLeads));
  const std::optional<Days> period = days.time.empty() ? std::nullopt : std::optional(days);

  Figures figures(reading, query);
  EMBUDO_ASSIGN_OR_RETURN(logic::FigureInput now, figures.Make(period));
  const logic::Measures open = now.expected;
  // Without a period, coverage is that of the current quarter.
  const Day quarter = logic::FirstOfQuarter(reading.Today());
  const Days covered =
      period && days.from && days.to
          ? days
          : Days{.time = "close", .from = quarter, .to = logic::AddMonths(quarter, 3) - std::chrono::days(1)};
  EMBUDO_ASSIGN_OR_RETURN(const QuotaSource quotas, QuotaSource::Load(reading, query.filter));
  now.quota = quotas.Of({}, *covered.from, *covered.to);
  EMBUDO_ASSIGN_OR_RETURN(now.expected, figures.Total(covered, "expected_close", "OPPORTUNITY"));
  const auto before_days = period ? logic::Before(*period) : std::nullopt;
  std::optional<logic::FigureInput> before;
  if (before_days) {
    EMBUDO_ASSIGN_OR_RETURN(before, figures.Make(before_days));
  }
  v1::GetKeyFiguresResponse response =
      logic::ToKeyFigures(now, before ? &*before : nullptr, reading.settings().currency_code);
  if (!period) {
    response.set_open(open.open_count);
    *response.mutable_open_revenue() = open.open_revenue;
    *response.mutable_weighted_open_revenue() = open.weighted_open_revenue;
    response.set_other_currency_count(open.other_currency_count);
  }
  *response.mutable_freshness() = reading.freshness();
  return response;
}

}  // namespace embudo::reporting
