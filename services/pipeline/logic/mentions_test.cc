#include "services/pipeline/logic/mentions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace embudo::pipeline::logic {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(MentionsTest, AreFoundWhereverAWordMayBegin) {
  EXPECT_THAT(ParseMentions("@ana"), ElementsAre("ana"));
  EXPECT_THAT(ParseMentions("ask @ana, then @bob-2."), ElementsAre("ana", "bob-2"));
  EXPECT_THAT(ParseMentions("(@ana)\n@bob: \"@7\""), ElementsAre("ana", "bob", "7"));
  EXPECT_THAT(ParseMentions("“@ana” — @bob?"), ElementsAre("ana", "bob"));
  EXPECT_THAT(ParseMentions("done @ana. Next"), ElementsAre("ana"));
  EXPECT_THAT(ParseMentions("done @ana."), ElementsAre("ana"));
}

TEST(MentionsTest, MayStandInBraces) {
  EXPECT_THAT(ParseMentions("@{ana}s idea, @{bob}"), ElementsAre("ana", "bob"));
  EXPECT_THAT(ParseMentions("@{ana @{} @{Ana} @{an a} x@{bob}"), IsEmpty());
}

TEST(MentionsTest, CountOnceInTheOrderOfTheText) {
  EXPECT_THAT(ParseMentions("@bob @ana @{bob} @ana"), ElementsAre("bob", "ana"));
}

TEST(MentionsTest, AreNotInsideWordsAndAddresses) {
  EXPECT_THAT(ParseMentions("ana@bob"), IsEmpty());
  EXPECT_THAT(ParseMentions("ana.b@bob.example, x+y@bob, zoë@bob, a_@bob, a-@bob"), IsEmpty());
  EXPECT_THAT(ParseMentions("https://example.com/@ana"), IsEmpty());
  EXPECT_THAT(ParseMentions("@example.com @ana_b @anaÉ @ana@bob @@ana"), IsEmpty());
}

TEST(MentionsTest, AreWhatCanBeAUsersId) {
  const std::string longest(63, 'a');
  EXPECT_THAT(ParseMentions("@" + longest), ElementsAre(longest));
  EXPECT_THAT(ParseMentions("@" + longest + "a"), IsEmpty());
  EXPECT_THAT(ParseMentions("@Ana @-ana @ @- @é"), IsEmpty());
  EXPECT_THAT(ParseMentions("@ana-- and @bob-"), ElementsAre("ana", "bob"));
  EXPECT_THAT(ParseMentions(""), IsEmpty());
  EXPECT_THAT(ParseMentions("@"), IsEmpty());
}

TEST(MentionsTest, TextThatIsCutInsideACharacterIsNoTrouble) {
  EXPECT_THAT(ParseMentions("\xC3@ana @bob\xC3"), ElementsAre("ana", "bob"));
  EXPECT_THAT(ParseMentions("\x80@ana \xFF"), ElementsAre("ana"));
}

}  // namespace
}  // namespace embudo::pipeline::logic
