#include "services/pipeline/logic/utm_rules.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/money.h"
#include "common/text/unicode.h"

namespace embudo::pipeline::logic {

using type::v1::Campaign;
using type::v1::Lead;
using type::v1::Touch;

std::string UtmCode(std::string_view text) { return text::ToLower(text::FoldWhitespace(text)); }

absl::Status PrepareCampaign(std::string_view tenant_currency, Campaign& campaign) {
  if (campaign.has_cost()) {
    if (campaign.cost().units() < 0 || campaign.cost().nanos() < 0) {
      return InvalidField("campaign.cost", "is negative");
    }
    if (campaign.cost().currency_code().empty()) {
      campaign.mutable_cost()->set_currency_code(std::string(tenant_currency));
    }
  }
  const bool dated = campaign.has_start_date() && campaign.has_end_date();
  if (dated && FormatDate(campaign.end_date()) < FormatDate(campaign.start_date())) {
    return InvalidField("campaign.end_date", "is before start_date");
  }
  return absl::OkStatus();
}

void PrepareTouch(Touch& touch) {
  touch.set_source(UtmCode(touch.source()));
  touch.set_medium(UtmCode(touch.medium()));
  touch.set_campaign(UtmCode(touch.campaign()));
  if (touch.channel() == Lead::CHANNEL_UNSPECIFIED) touch.set_channel(Lead::CHANNEL_API);
  if (!touch.has_touch_time()) *touch.mutable_touch_time() = touch.create_time();
}

void TakeFirstTouch(const Touch& touch, Lead& lead) {
  if (NamesUtm(lead)) return;
  lead.set_source(touch.source());
  lead.set_medium(touch.medium());
  lead.set_campaign(touch.campaign());
}

}  // namespace embudo::pipeline::logic
