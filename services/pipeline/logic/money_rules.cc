#include "services/pipeline/logic/money_rules.h"

#include <string>

#include "common/base/clock.h"
#include "common/base/error.h"

namespace embudo::pipeline::logic {

using type::v1::ExchangeRate;
using type::v1::Target;

absl::Status CheckExchangeRate(const Catalog& catalog, const ExchangeRate* before, const ExchangeRate& rate) {
  const std::string& currency = rate.currency_code();
  if (currency == catalog.tenant.currency_code()) {
    return InvalidField("exchange_rate.currency_code", currency + " is the tenant's own currency and needs no rate");
  }
  if (rate.rate().find_first_not_of("0.") == std::string::npos) return InvalidField("exchange_rate.rate", "is zero");
  if (before != nullptr) return absl::OkStatus();
  const auto rates = catalog.exchange_rates.find(currency);
  if (rates == catalog.exchange_rates.end() || !rates->second.contains(FromDate(rate.start_date()))) {
    return absl::OkStatus();
  }
  const std::string text = currency + " has a rate from " + FormatDate(rate.start_date()) + " already";
  return Error(absl::StatusCode::kAlreadyExists, "RESOURCE_EXISTS", text)
      .Meta("currency_code", currency)
      .Meta("start_date", FormatDate(rate.start_date()));
}

absl::Status PrepareTarget(const Catalog& catalog, Target& target) {
  if (target.team().empty() == target.user().empty()) {
    return InvalidField("target.team", "a target is of either a team or a user");
  }
  const int months = target.period() == Target::PERIOD_QUARTER ? 3 : 1;
  if (target.start_date().day() != 1 || (target.start_date().month() - 1) % months != 0) {
    return InvalidField("target.start_date",
                        std::string("is not the first day of a ") + (months == 3 ? "quarter" : "month"));
  }
  google::type::Money& amount = *target.mutable_amount();
  if (amount.units() < 0 || amount.nanos() < 0 || (amount.units() == 0 && amount.nanos() == 0)) {
    return InvalidField("target.amount", "is not above zero");
  }
  const std::string& currency = catalog.tenant.currency_code();
  if (amount.currency_code().empty()) amount.set_currency_code(currency);
  if (amount.currency_code() == currency) return absl::OkStatus();
  return InvalidField("target.amount", "is in " + amount.currency_code() + ", targets are in " + currency);
}

}  // namespace embudo::pipeline::logic
