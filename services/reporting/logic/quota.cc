#include "services/reporting/logic/quota.h"

#include <algorithm>
#include <set>

#include "common/base/money.h"
#include "services/reporting/logic/period.h"

namespace embudo::reporting::logic {
namespace {

using google::type::Money;
using type::v1::ExchangeRate;
using type::v1::Target;

__extension__ typedef __int128 Int128;  // NOLINT(modernize-use-using): __extension__ takes no alias
constexpr int64_t kNanosPerUnit = 1'000'000'000;

Int128 ToNanos(const Money& money) { return Int128{money.units()} * kNanosPerUnit + money.nanos(); }

/// From thirds of a billionth, to the nearest billionth.
Money FromThirds(Int128 thirds, const std::string& currency) {
  const Int128 nanos = (thirds + 1) / 3;
  Money money;
  money.set_currency_code(currency);
  money.set_units(static_cast<int64_t>(nanos / kNanosPerUnit));
  money.set_nanos(static_cast<int32_t>(nanos % kNanosPerUnit));
  return money;
}

}  // namespace

std::optional<Money> InCurrency(const Money& amount, const std::string& currency, Day day,
                                const std::vector<ExchangeRate>& rates) {
  if (amount.currency_code().empty() || amount.currency_code() == currency) return amount;
  const ExchangeRate* best = nullptr;
  for (const ExchangeRate& rate : rates) {
    if (rate.currency_code() != amount.currency_code() || FromDate(rate.start_date()) > day) continue;
    if (best == nullptr || FromDate(best->start_date()) < FromDate(rate.start_date())) best = &rate;
  }
  if (best == nullptr) return std::nullopt;
  const auto converted = ConvertMoney(amount, best->rate(), currency);
  return converted.ok() ? std::optional(*converted) : std::nullopt;
}

Quotas::Quotas(std::vector<Target> targets, const std::vector<ExchangeRate>& rates, const std::string& currency)
    : currency_(currency) {
  for (const Target& target : targets) {
    const Day start = FromDate(target.start_date());
    const auto amount = InCurrency(target.amount(), currency, start, rates);
    if (!amount) continue;
    entries_.push_back({.whose = target.team().empty() ? target.user() : target.team(),
                        .team = !target.team().empty(),
                        .quarter = target.period() == Target::PERIOD_QUARTER,
                        .start = start,
                        .amount = *amount});
  }
}

std::optional<Money> Quotas::Of(const std::string& whose, Day from, Day to) const {
  const bool teams = std::any_of(entries_.begin(), entries_.end(), [](const Entry& entry) { return entry.team; });
  Int128 thirds = 0;
  bool found = false;
  Day month = FirstOfMonth(from);
  if (month < from) month = AddMonths(month, 1);
  for (; month <= to; month = AddMonths(month, 1)) {
    // Those that have a target of this month need none of the quarter.
    std::set<std::string> told;
    for (const bool quarter : {false, true}) {
      for (const Entry& entry : entries_) {
        if (entry.quarter != quarter || (whose.empty() ? entry.team != teams : entry.whose != whose)) continue;
        const Day end = quarter ? AddMonths(entry.start, 3) : AddMonths(entry.start, 1);
        if (month < entry.start || month >= end || (quarter && told.contains(entry.whose))) continue;
        told.insert(entry.whose);
        found = true;
        thirds += ToNanos(entry.amount) * (quarter ? 1 : 3);
      }
    }
  }
  return found ? std::optional(FromThirds(thirds, currency_)) : std::nullopt;
}

}  // namespace embudo::reporting::logic
