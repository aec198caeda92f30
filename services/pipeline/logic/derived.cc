#include "services/pipeline/logic/derived.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "common/base/money.h"
#include "common/text/dates.h"

namespace embudo::pipeline::logic {
namespace {

using type::v1::Lead;

// Whole numbers of 128 bits hold every amount in billionths times a percentage exactly.
__extension__ typedef __int128 Int128;  // NOLINT(modernize-use-using): `using` warns of the extension

constexpr int64_t kNanosPerUnit = 1'000'000'000;
constexpr int64_t kHundredthsOfPercent = 10'000;

Int128 DivideRounded(Int128 value, Int128 by) {
  const Int128 half = by / 2;
  return (value < 0 ? value - half : value + half) / by;
}

Lead::ActivityState ActivityStateOf(const Scene& scene, const Lead& lead) {
  if (!lead.has_next_activity_date()) return Lead::ACTIVITY_STATE_UNSPECIFIED;
  const auto user = scene.catalog.users.find(scene.actor);
  const bool own = user != scene.catalog.users.end() && !user->second.time_zone().empty();
  const Day today = text::DayIn(scene.now, own ? user->second.time_zone() : scene.catalog.tenant.time_zone());
  const Day due = FromDate(lead.next_activity_date());
  if (due < today) return Lead::ACTIVITY_STATE_OVERDUE;
  return due == today ? Lead::ACTIVITY_STATE_TODAY : Lead::ACTIVITY_STATE_PLANNED;
}

}  // namespace

google::type::Money Weighted(const google::type::Money& amount, double percent) {
  const Int128 nanos = Int128{amount.units()} * kNanosPerUnit + amount.nanos();
  int64_t unit = kNanosPerUnit;
  for (int i = CurrencyDecimals(amount.currency_code()); i > 0; --i) unit /= 10;
  const Int128 units = DivideRounded(nanos * std::llround(percent * 100), Int128{kHundredthsOfPercent} * unit) * unit;
  google::type::Money weighted;
  weighted.set_currency_code(amount.currency_code());
  weighted.set_units(static_cast<int64_t>(units / kNanosPerUnit));
  weighted.set_nanos(static_cast<int32_t>(units % kNanosPerUnit));
  return weighted;
}

void Derive(const Scene& scene, Lead& lead) {
  lead.clear_days_in_stage();
  lead.clear_rotting();
  lead.clear_weighted_revenue();
  if (lead.has_stage_enter_time()) {
    const auto stay = scene.now - FromTimestamp(lead.stage_enter_time());
    lead.set_days_in_stage(
        static_cast<int32_t>(std::max<int64_t>(0, std::chrono::floor<std::chrono::days>(stay).count())));
    const type::v1::Stage* stage = scene.catalog.FindStage(lead.stage());
    lead.set_rotting(lead.state() == Lead::STATE_OPEN && stage != nullptr && stage->max_days() > 0 &&
                     stay > std::chrono::days(stage->max_days()));
  }
  if (lead.has_converted_expected_revenue()) {
    *lead.mutable_weighted_revenue() = Weighted(lead.converted_expected_revenue(), lead.probability());
  }
  lead.set_activity_state(ActivityStateOf(scene, lead));
}

}  // namespace embudo::pipeline::logic
