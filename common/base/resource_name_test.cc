#include "common/base/resource_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"

namespace embudo {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;

const ResourcePattern& StagePattern() {
  static const ResourcePattern pattern("pipelines/{pipeline}/stages/{stage}");
  return pattern;
}

TEST(ResourceNameTest, MatchesTheIdsInOrder) {
  EXPECT_THAT(StagePattern().Match("pipelines/default/stages/new"), Optional(ElementsAre("default", "new")));
  EXPECT_EQ(StagePattern().variables(), 2u);
}

TEST(ResourceNameTest, RefusesWhatIsNotOfThePattern) {
  for (const char* name :
       {"", "pipelines", "pipelines/default", "pipelines/default/stages", "pipelines/default/stages/",
        "pipelines//stages/new", "/pipelines/default/stages/new", "pipelines/a/stages/b/", "pipelines/a/stages/b/c",
        "pipelines/a/stage/b", "Pipelines/a/stages/b", "pipelines/a b/stages/c", "pipelines/a/stages/\xc3\xa9",
        "pipelines/a/stages/b//"}) {
    EXPECT_EQ(StagePattern().Match(name), std::nullopt) << name;
  }
}

TEST(ResourceNameTest, IdsHaveALimitedAlphabetAndLength) {
  EXPECT_TRUE(IsResourceId("0190b2c1-6d0f-7e3a-9c4b-8f1d2e3a4b5c"));
  EXPECT_TRUE(IsResourceId("A.b_c~d-9"));
  EXPECT_TRUE(IsResourceId(std::string(63, 'x')));
  EXPECT_FALSE(IsResourceId(std::string(64, 'x')));
  EXPECT_FALSE(IsResourceId(""));
  EXPECT_FALSE(IsResourceId("a/b"));
  EXPECT_FALSE(IsResourceId("a:b"));
}

TEST(ResourceNameTest, BuildIsTheInverseOfMatch) {
  const std::string name = StagePattern().Build({"default", "new"});
  EXPECT_EQ(name, "pipelines/default/stages/new");
  EXPECT_THAT(StagePattern().Match(name), Optional(ElementsAre("default", "new")));
}

TEST(ResourceNameTest, APatternWithoutVariablesMatchesItself) {
  const ResourcePattern pattern("settings/mail");
  EXPECT_THAT(pattern.Match("settings/mail"), Optional(ElementsAre()));
  EXPECT_EQ(pattern.Match("settings/web"), std::nullopt);
  EXPECT_EQ(pattern.Build({}), "settings/mail");
}

TEST(ResourceNameTest, ParseNameNamesTheField) {
  const auto ids = ParseName(StagePattern(), "pipelines/default/stages/new", "stage");
  ASSERT_TRUE(ids.ok());
  EXPECT_THAT(*ids, ElementsAre("default", "new"));

  const absl::Status wrong = ParseName(StagePattern(), "stages/new", "lead.stage").status();
  EXPECT_EQ(wrong.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(wrong), "INVALID_FIELD");
  EXPECT_EQ(MessageOf(wrong), "lead.stage: is not of the form pipelines/{pipeline}/stages/{stage}");

  EXPECT_EQ(MessageOf(ParseName(StagePattern(), "", "name").status()),
            "name: is required, of the form pipelines/{pipeline}/stages/{stage}");
}

TEST(ResourceNameDeathTest, MisuseAborts) {
  EXPECT_DEATH(ResourcePattern(""), "empty");
  EXPECT_DEATH(ResourcePattern("a/{}"), "malformed");
  EXPECT_DEATH(ResourcePattern("a//b"), "malformed");
  EXPECT_DEATH(StagePattern().Build({"one"}), "wrong number of ids");
}

}  // namespace
}  // namespace embudo
