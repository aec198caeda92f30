#pragma once

#include "absl/status/status.h"
#include "embudo/type/v1/exchange_rate.pb.h"
#include "embudo/type/v1/target.pb.h"
#include "services/pipeline/logic/catalog.h"

namespace embudo::pipeline::logic {

/// Checks a rate as it is saved; `before` is nullptr for a new one. The tenant's own currency has none, any other one a
/// day.
absl::Status CheckExchangeRate(const Catalog& catalog, const type::v1::ExchangeRate* before,
                               const type::v1::ExchangeRate& rate);

/// Fills the currency of a target and checks it: a team or a user, a whole month or quarter, and something to win.
absl::Status PrepareTarget(const Catalog& catalog, type::v1::Target& target);

}  // namespace embudo::pipeline::logic
