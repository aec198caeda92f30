#include "services/scoring/logic/features.h"

#include <gmock/gmock.h>

namespace embudo::scoring::logic {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using type::v1::Lead;

Stage Make(const std::string& pipeline, const std::string& id, int sequence, bool is_won = false) {
  return {"pipelines/" + pipeline + "/stages/" + id, "pipelines/" + pipeline, id, sequence, is_won};
}

Stages TwoPipelines() {
  return Stages({Make("p", "won", 70, true), Make("p", "new", 1), Make("p", "talk", 5), Make("p", "also-talk", 5),
                 Make("q", "start", 3), Make("q", "done", 9, true)});
}

Lead LeadIn(const std::string& stage, Lead::State state) {
  Lead lead;
  lead.set_stage(stage);
  lead.set_state(state);
  return lead;
}

TEST(Stages, AreOrderedBySequenceThenName) {
  const Stages stages = TwoPipelines();
  EXPECT_EQ(stages.First("pipelines/p")->display_name, "new");
  EXPECT_EQ(stages.First("pipelines/q")->display_name, "start");
  EXPECT_EQ(stages.First("pipelines/none"), nullptr);
  EXPECT_THAT(stages.CountedFor("pipelines/p/stages/new", true),
              ElementsAre("pipelines/p/stages/new", "pipelines/p/stages/also-talk", "pipelines/p/stages/talk",
                          "pipelines/p/stages/won"));
}

TEST(Stages, ALostLeadCountsForThoseNotAboveItsOwn) {
  const Stages stages = TwoPipelines();
  EXPECT_THAT(stages.CountedFor("pipelines/p/stages/new", false), ElementsAre("pipelines/p/stages/new"));
  // Equal sequences count, too.
  EXPECT_THAT(stages.CountedFor("pipelines/p/stages/also-talk", false),
              ElementsAre("pipelines/p/stages/new", "pipelines/p/stages/also-talk", "pipelines/p/stages/talk"));
  EXPECT_THAT(stages.CountedFor("pipelines/p/stages/unknown", false), IsEmpty());
  EXPECT_THAT(stages.CountedFor("", false), IsEmpty());
}

TEST(CouplesOf, PassesOverWhatIsUnset) {
  Lead lead;
  lead.set_source("web");
  lead.set_channel(Lead::CHANNEL_WEB_FORM);
  lead.set_headcount(40);
  EXPECT_THAT(CouplesOf(lead, {"source", "country", "channel", "headcount", "no_such_field"}),
              ElementsAre(Couple{"source", "web"}, Couple{"channel", "WEB_FORM"}, Couple{"headcount", "40"}));
}

TEST(CouplesOf, AMissingMailAddressOrPhoneNumberIsAValue) {
  Lead lead;
  EXPECT_THAT(CouplesOf(lead, {"email_quality", "phone_quality"}),
              ElementsAre(Couple{"email_quality", ""}, Couple{"phone_quality", ""}));
  lead.set_email("ana@example.com");
  lead.set_phone("+34915550123");
  EXPECT_THAT(CouplesOf(lead, {"email_quality", "phone_quality"}),
              ElementsAre(Couple{"email_quality", "correct"}, Couple{"phone_quality", "correct"}));
  lead.set_email("ana at example");
  lead.set_phone("ask for Ana");
  EXPECT_THAT(CouplesOf(lead, {"email_quality", "phone_quality"}),
              ElementsAre(Couple{"email_quality", "incorrect"}, Couple{"phone_quality", "incorrect"}));
}

TEST(CouplesOf, EachTagAndProductIsOne) {
  Lead lead;
  lead.add_tags("tags/a");
  lead.add_tags("tags/b");
  lead.add_products("products/x");
  EXPECT_THAT(CouplesOf(lead, {"tag", "product"}),
              ElementsAre(Couple{"tag", "tags/a"}, Couple{"tag", "tags/b"}, Couple{"product", "products/x"}));
}

TEST(CouplesOf, ReadsCustomFields) {
  Lead lead;
  (*lead.mutable_custom_fields())["region"].set_string_value("north");
  (*lead.mutable_custom_fields())["seats"].set_number_value(12);
  (*lead.mutable_custom_fields())["partner"].set_bool_value(false);
  (*lead.mutable_custom_fields())["empty"].set_string_value("");
  EXPECT_THAT(CouplesOf(lead, {"custom_fields.region", "custom_fields.seats", "custom_fields.partner",
                               "custom_fields.empty", "custom_fields.none"}),
              ElementsAre(Couple{"custom_fields.region", "north"}, Couple{"custom_fields.seats", "12"},
                          Couple{"custom_fields.partner", "false"}));
}

TEST(ContributionOf, AWonLeadCountsForEveryStageOfItsPipeline) {
  Lead lead = LeadIn("pipelines/q/stages/done", Lead::STATE_WON);
  lead.set_team("teams/north");
  lead.set_source("web");
  EXPECT_EQ(
      ContributionOf(lead, TwoPipelines(), {.variables = {"source"}}),
      (Contribution{true,
                    "north",
                    {{"stage", "pipelines/q/stages/start"}, {"stage", "pipelines/q/stages/done"}, {"source", "web"}}}));
}

TEST(ContributionOf, ALostLeadWithoutStageCountsForNone) {
  Lead lead = LeadIn("", Lead::STATE_LOST);
  lead.set_source("web");
  EXPECT_EQ(ContributionOf(lead, TwoPipelines(), {.variables = {"source"}}),
            (Contribution{false, "", {{"source", "web"}}}));
}

TEST(ContributionOf, OpenDeletedAndOldLeadsCountForNothing) {
  const Stages stages = TwoPipelines();
  const ModelConfig config{.variables = {}, .start_date = std::chrono::year(2026) / 6 / 1};
  Lead lead = LeadIn("pipelines/p/stages/won", Lead::STATE_WON);
  *lead.mutable_create_time() = ToTimestamp(*config.start_date);
  EXPECT_TRUE(ContributionOf(lead, stages, config).has_value());
  *lead.mutable_create_time() = ToTimestamp(Time(*config.start_date) - std::chrono::seconds(1));
  EXPECT_FALSE(ContributionOf(lead, stages, config).has_value());
  EXPECT_TRUE(ContributionOf(lead, stages, {}).has_value());
  *lead.mutable_delete_time() = lead.create_time();
  EXPECT_FALSE(ContributionOf(lead, stages, {}).has_value());
  EXPECT_FALSE(ContributionOf(LeadIn("pipelines/p/stages/new", Lead::STATE_OPEN), stages, {}).has_value());
}

TEST(FeaturesOf, KnowsTheFirstStageOfTheLeadsPipeline) {
  Lead lead = LeadIn("pipelines/q/stages/done", Lead::STATE_WON);
  lead.set_team("teams/north");
  const Features features = FeaturesOf(lead, TwoPipelines(), {});
  EXPECT_EQ(features.first_stage, "pipelines/q/stages/start");
  EXPECT_EQ(features.team, "north");
  EXPECT_TRUE(features.stage_is_won);
}

}  // namespace
}  // namespace embudo::scoring::logic
