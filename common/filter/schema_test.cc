#include "common/filter/schema.h"

#include <gtest/gtest.h>

#include "embudo/type/v1/activity.pb.h"
#include "embudo/type/v1/event.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "embudo/type/v1/touch.pb.h"
#include "embudo/type/v1/user.pb.h"

namespace embudo::filter {
namespace {

using type::v1::Lead;

TEST(Schema, TakesTypesFromTheDescriptor) {
  const Schema leads = Schema::InMemory(Lead::descriptor());
  const std::pair<const char*, Type> cases[] = {
      {"name", Type::kReference},       {"display_name", Type::kText},    {"state", Type::kEnum},
      {"archived", Type::kBool},        {"stage", Type::kReference},      {"create_time", Type::kTime},
      {"decision_date", Type::kDate},   {"budget", Type::kMoney},         {"headcount", Type::kInt},
      {"recurring_months", Type::kInt}, {"probability", Type::kDouble},   {"tags", Type::kReferenceSet},
      {"checklist", Type::kTextSet},    {"custom_fields", Type::kCustom},
  };
  for (const auto& [path, type] : cases) {
    const auto field = leads.Find(path);
    ASSERT_NE(field, nullptr) << path;
    EXPECT_EQ(field->type, type) << path;
    EXPECT_EQ(field->path, path);
  }
  EXPECT_EQ(leads.Find("external_ids"), nullptr);
  EXPECT_EQ(leads.Find("stage.display_name"), nullptr);
  EXPECT_EQ(Schema::InMemory(type::v1::User::descriptor()).Find("roles")->type, Type::kEnumSet);
  // What is computed when a lead is read can't be filtered by.
  EXPECT_EQ(leads.Find("rotting"), nullptr);
  EXPECT_EQ(leads.fields().size(), static_cast<size_t>(Lead::descriptor()->field_count()) - 5);
}

TEST(Schema, KnowsWhatItCanRead) {
  EXPECT_TRUE(Schema::CanRead(*Lead::descriptor()->FindFieldByName("custom_fields")));
  EXPECT_FALSE(Schema::CanRead(*Lead::descriptor()->FindFieldByName("external_ids")));
  EXPECT_FALSE(Schema::CanRead(*type::v1::Touch::descriptor()->FindFieldByName("click_ids")));
}

TEST(Schema, KnowsReferences) {
  const Schema leads = Schema::InMemory(Lead::descriptor());
  EXPECT_EQ(leads.Find("stage")->resource_type, "embudo.dev/Stage");
  EXPECT_EQ(leads.Find("stage")->pattern->text(), "pipelines/{pipeline}/stages/{stage}");
  EXPECT_EQ(leads.Find("stage")->resource, type::v1::Stage::descriptor());
  EXPECT_EQ(leads.Find("name")->pattern->text(), "leads/{lead}");
  EXPECT_EQ(leads.Find("tags")->pattern->text(), "tags/{tag}");
}

TEST(Schema, KnowsWhatIsKeptInLowerCase) {
  const Schema leads = Schema::InMemory(Lead::descriptor());
  for (const char* path : {"email", "source", "medium", "campaign"}) {
    EXPECT_TRUE(leads.Find(path)->column.case_insensitive) << path;
  }
  EXPECT_FALSE(leads.Find("display_name")->column.case_insensitive);
  Schema chosen(Lead::descriptor());
  chosen.AddField("language", "l.language", {.case_insensitive = true}).AddField("email", "l.email");
  EXPECT_TRUE(chosen.Find("language")->column.case_insensitive);
  EXPECT_TRUE(chosen.Find("email")->column.case_insensitive);
}

TEST(Schema, KnowsColumns) {
  Schema leads(Lead::descriptor());
  leads.AddField("owner", "l.owner_id").AddReference("stage", {"l.pipeline_id", "l.stage_id"});
  EXPECT_EQ(leads.Find("owner")->sql, "l.owner_id");
  EXPECT_EQ(leads.Find("owner")->id_columns, (std::vector<std::string>{"l.owner_id"}));
  EXPECT_EQ(leads.Find("stage")->sql, "");
  EXPECT_EQ(leads.Find("stage")->id_columns, (std::vector<std::string>{"l.pipeline_id", "l.stage_id"}));
  leads.AddReference("team", {"l.team_id"}).AddField("owner", "x.owner_id");
  EXPECT_EQ(leads.Find("team")->sql, "l.team_id");
  EXPECT_EQ(leads.Find("owner")->sql, "x.owner_id");
}

TEST(Schema, ReachesIntoMessages) {
  Schema events(type::v1::Event::descriptor());
  events.AddInMemory("cause.depth");
  EXPECT_EQ(events.Find("cause.depth")->type, Type::kInt);
  EXPECT_EQ(events.Find("cause.depth")->chain.size(), 2U);
}

TEST(SchemaDeathTest, EndsTheProgramOnAMistake) {
  const auto leads = [] { return Schema(Lead::descriptor()); };
  EXPECT_DEATH(leads().AddField("ownr", "l.owner_id"), "no field ownr");
  EXPECT_DEATH(leads().AddField("owner.name", "l.owner_id"), "no field owner.name");
  EXPECT_DEATH(leads().AddField("tags.name", "l.tags"), "no field tags.name");
  EXPECT_DEATH(leads().AddField("", "l.tags"), "no field ");
  EXPECT_DEATH(leads().AddField("owner", ""), "no SQL for owner");
  EXPECT_DEATH(leads().AddField("external_ids", "l.external_ids"), "can't read the type of external_ids");
  EXPECT_DEATH(leads().AddField("stage", "l.stage_id"), "stage needs a column for each variable");
  EXPECT_DEATH(leads().AddReference("score", {"l.score"}), "score is no reference");
  EXPECT_DEATH(leads().AddField("score", "l.score").AddInMemory("owner"), "don't mix: owner");
}

TEST(Schema, ShortNamesOfEnumValues) {
  EXPECT_EQ(ShortName(*Lead::State_descriptor()->FindValueByName("STATE_WON")), "WON");
  EXPECT_EQ(ShortName(*Lead::Channel_descriptor()->FindValueByName("CHANNEL_WEB_FORM")), "WEB_FORM");
  EXPECT_EQ(ShortName(*Lead::State_descriptor()->value(0)), "UNSPECIFIED");
}

}  // namespace
}  // namespace embudo::filter
