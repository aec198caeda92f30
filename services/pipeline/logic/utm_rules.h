#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "embudo/type/v1/campaign.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "embudo/type/v1/touch.pb.h"

namespace embudo::pipeline::logic {

/// The one form that a UTM code is stored and compared in: lower case, white space folded.
std::string UtmCode(std::string_view text);

/// A campaign's code and days in order, and money in the tenant's currency where it names none.
absl::Status PrepareCampaign(std::string_view tenant_currency, type::v1::Campaign& campaign);

/// Whether it names a source, a medium or a campaign.
template <class Named>
bool NamesUtm(const Named& named) {
  return !named.source().empty() || !named.medium().empty() || !named.campaign().empty();
}

/// A new touch in its normal form.
void PrepareTouch(type::v1::Touch& touch);
/// What a lead takes over from its first touch: all or nothing, and nothing if it names any of it itself.
void TakeFirstTouch(const type::v1::Touch& touch, type::v1::Lead& lead);

}  // namespace embudo::pipeline::logic
