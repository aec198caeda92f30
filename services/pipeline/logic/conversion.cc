#include "services/pipeline/logic/conversion.h"

#include <google/protobuf/util/message_differencer.h>

#include <array>
#include <string>

#include "common/base/error.h"
#include "common/base/money.h"
#include "common/text/dates.h"

namespace embudo::pipeline::logic {
namespace {

using google::protobuf::util::MessageDifferencer;
using google::type::Money;
using type::v1::Lead;

struct Amount {
  const char* field;
  bool (Lead::*has)() const;
  const Money& (Lead::*get)() const;
  bool (Lead::*has_converted)() const;
  Money* (Lead::*converted)();
  void (Lead::*clear_converted)();
  /// It is what the deal brought, and so converts when the deal closes.
  bool of_deal;
};
constexpr std::array<Amount, 3> kAmounts = {{
    {"lead.budget", &Lead::has_budget, &Lead::budget, &Lead::has_converted_budget, &Lead::mutable_converted_budget,
     &Lead::clear_converted_budget, false},
    {"lead.expected_revenue", &Lead::has_expected_revenue, &Lead::expected_revenue,
     &Lead::has_converted_expected_revenue, &Lead::mutable_converted_expected_revenue,
     &Lead::clear_converted_expected_revenue, true},
    {"lead.recurring_revenue", &Lead::has_recurring_revenue, &Lead::recurring_revenue,
     &Lead::has_converted_recurring_revenue, &Lead::mutable_converted_recurring_revenue,
     &Lead::clear_converted_recurring_revenue, true},
}};

Day RateDay(const Scene& scene, const Lead& lead) {
  const std::string& zone = scene.catalog.tenant.time_zone();
  if (lead.has_close_time()) return text::DayIn(FromTimestamp(lead.close_time()), zone);
  const bool imported = scene.origin == type::v1::ORIGIN_IMPORT && lead.has_open_time();
  return text::DayIn(imported ? FromTimestamp(lead.open_time()) : scene.now, zone);
}

absl::StatusOr<Money> Convert(const Catalog& catalog, const Money& amount, Day day, const std::string& field) {
  const std::string& currency = catalog.tenant.currency_code();
  if (amount.currency_code() == currency) return amount;
  const std::string* rate = catalog.RateOn(amount.currency_code(), day);
  if (rate == nullptr) {
    return InvalidField(field, "there is no exchange rate of " + amount.currency_code() + " to " + currency + " on " +
                                   FormatDate(ToDate(day)));
  }
  const absl::StatusOr<Money> converted = ConvertMoney(amount, *rate, currency);
  if (!converted.ok()) return InvalidField(field, "is out of range in " + currency);
  return converted;
}

}  // namespace

absl::Status ConvertAmounts(const Scene& scene, const Lead* before, Lead& lead) {
  const bool closes = lead.has_close_time() && before != nullptr &&
                      !MessageDifferencer::Equals(before->close_time(), lead.close_time());
  for (const Amount& amount : kAmounts) {
    if (!(lead.*amount.has)()) {
      (lead.*amount.clear_converted)();
      continue;
    }
    const Money& money = (lead.*amount.get)();
    const bool kept =
        before != nullptr && (before->*amount.has)() && MessageDifferencer::Equals((before->*amount.get)(), money);
    if (kept && (lead.*amount.has_converted)() && !(closes && amount.of_deal)) continue;
    absl::StatusOr<Money> converted = Convert(scene.catalog, money, RateDay(scene, lead), amount.field);
    // What was written when there was a rate, or before there were any, stands in nobody's way later.
    if (!converted.ok() && kept) continue;
    if (!converted.ok()) return converted.status();
    *(lead.*amount.converted)() = *std::move(converted);
  }
  return absl::OkStatus();
}

}  // namespace embudo::pipeline::logic
