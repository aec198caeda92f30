#include "services/pipeline/logic/utm_rules.h"

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "common/base/error.h"

namespace embudo::pipeline::logic {
namespace {

using type::v1::Campaign;
using type::v1::Lead;
using type::v1::Touch;

TEST(UtmRulesTest, ACodeHasOneForm) {
  EXPECT_EQ(UtmCode("  Spring   SALE "), "spring sale");
  EXPECT_EQ(UtmCode("ÉTÉ"), "été");
  EXPECT_EQ(UtmCode(" "), "");
}

TEST(UtmRulesTest, ACampaignEndsAfterItBegan) {
  Campaign campaign;
  *campaign.mutable_start_date() = ToDate(Day(std::chrono::days(20000)));
  *campaign.mutable_end_date() = ToDate(Day(std::chrono::days(20000)));
  campaign.mutable_cost()->set_units(500);
  ASSERT_TRUE(PrepareCampaign("EUR", campaign).ok());
  EXPECT_EQ(campaign.cost().currency_code(), "EUR");
  *campaign.mutable_end_date() = ToDate(Day(std::chrono::days(19999)));
  EXPECT_EQ(MessageOf(PrepareCampaign("EUR", campaign)), "campaign.end_date: is before start_date");
  campaign.clear_end_date();
  campaign.mutable_cost()->set_units(-1);
  EXPECT_EQ(MessageOf(PrepareCampaign("EUR", campaign)), "campaign.cost: is negative");
}

TEST(UtmRulesTest, ALeadTakesItsFirstTouchWholeOrNotAtAll) {
  Touch touch;
  touch.set_source("Google");
  touch.set_campaign("Spring");
  *touch.mutable_create_time() = ToTimestamp(Time(std::chrono::seconds(7)));
  PrepareTouch(touch);
  EXPECT_EQ(touch.source(), "google");
  EXPECT_EQ(touch.channel(), Lead::CHANNEL_API);
  EXPECT_EQ(touch.touch_time().seconds(), 7);
  Lead lead;
  TakeFirstTouch(touch, lead);
  EXPECT_EQ(lead.source() + "/" + lead.medium() + "/" + lead.campaign(), "google//spring");
  Lead named;
  named.set_medium("email");
  TakeFirstTouch(touch, named);
  EXPECT_EQ(named.source() + "/" + named.medium() + "/" + named.campaign(), "/email/");
}

}  // namespace
}  // namespace embudo::pipeline::logic
