#include "services/reporting/logic/forecast.h"

#include "common/base/error.h"
#include "common/base/money.h"
#include "services/reporting/logic/figures.h"

namespace embudo::reporting::logic {
namespace {

using google::type::Money;
using v1::ForecastMeasures;

absl::Status Add(const Money& amount, Money* to) {
  EMBUDO_ASSIGN_OR_RETURN(*to, AddMoney(*to, amount));
  return absl::OkStatus();
}

Money* AmountOf(const std::string& category, ForecastMeasures& measures) {
  if (category == "WON") return measures.mutable_won_revenue();
  if (category == "COMMITTED") return measures.mutable_committed_revenue();
  if (category == "BEST_CASE") return measures.mutable_best_case_revenue();
  if (category == "OMITTED") return measures.mutable_omitted_revenue();
  return measures.mutable_pipeline_revenue();
}

}  // namespace

ForecastMeasures NoForecast(const std::string& currency) {
  ForecastMeasures none;
  for (Money* amount : {none.mutable_won_revenue(), none.mutable_committed_revenue(), none.mutable_best_case_revenue(),
                        none.mutable_pipeline_revenue(), none.mutable_omitted_revenue(),
                        none.mutable_weighted_revenue(), none.mutable_expected_total()}) {
    amount->set_currency_code(currency);
  }
  return none;
}

absl::Status AddForecast(const std::string& category, int64_t count, int64_t other, const Money& revenue,
                         const Money& weighted, ForecastMeasures& to) {
  EMBUDO_RETURN_IF_ERROR(Add(revenue, AmountOf(category, to)));
  to.set_other_currency_count(to.other_currency_count() + other);
  if (category == "WON") {
    to.set_won_count(to.won_count() + count);
  } else if (category != "OMITTED") {
    to.set_open_count(to.open_count() + count);
    EMBUDO_RETURN_IF_ERROR(Add(weighted, to.mutable_weighted_revenue()));
  }
  return absl::OkStatus();
}

absl::Status AddForecast(const ForecastMeasures& from, ForecastMeasures& to) {
  EMBUDO_RETURN_IF_ERROR(Add(from.won_revenue(), to.mutable_won_revenue()));
  EMBUDO_RETURN_IF_ERROR(Add(from.committed_revenue(), to.mutable_committed_revenue()));
  EMBUDO_RETURN_IF_ERROR(Add(from.best_case_revenue(), to.mutable_best_case_revenue()));
  EMBUDO_RETURN_IF_ERROR(Add(from.pipeline_revenue(), to.mutable_pipeline_revenue()));
  EMBUDO_RETURN_IF_ERROR(Add(from.omitted_revenue(), to.mutable_omitted_revenue()));
  EMBUDO_RETURN_IF_ERROR(Add(from.weighted_revenue(), to.mutable_weighted_revenue()));
  to.set_open_count(to.open_count() + from.open_count());
  to.set_won_count(to.won_count() + from.won_count());
  to.set_other_currency_count(to.other_currency_count() + from.other_currency_count());
  return absl::OkStatus();
}

absl::Status FinishForecast(const std::optional<Money>& quota, ForecastMeasures& forecast) {
  EMBUDO_ASSIGN_OR_RETURN(*forecast.mutable_expected_total(),
                          AddMoney(forecast.won_revenue(), forecast.weighted_revenue()));
  if (!quota) return absl::OkStatus();
  *forecast.mutable_quota() = *quota;
  Money open = forecast.committed_revenue();
  EMBUDO_RETURN_IF_ERROR(Add(forecast.best_case_revenue(), &open));
  EMBUDO_RETURN_IF_ERROR(Add(forecast.pipeline_revenue(), &open));
  if (const auto rate = Percent(forecast.won_revenue(), *quota)) forecast.set_attainment(*rate);
  if (const auto times = Quotient(open, *quota)) forecast.set_coverage(*times);
  return absl::OkStatus();
}

}  // namespace embudo::reporting::logic
