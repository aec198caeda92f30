#include "common/rpc/base64url.h"

#include <gtest/gtest.h>

namespace embudo::rpc {
namespace {

TEST(Base64UrlTest, TheVectorsOfRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(ToBase64Url(bytes), text);
    EXPECT_EQ(FromBase64Url(text), bytes);
  }
}

TEST(Base64UrlTest, UsesTheUrlAlphabet) {
  EXPECT_EQ(ToBase64Url("\xfb\xff\xfe"), "-__-");
  EXPECT_EQ(FromBase64Url("-__-"), "\xfb\xff\xfe");
}

TEST(Base64UrlTest, RefusesWhatIsNone) {
  for (const char* text : {"Zg==", "Z", "Zm9v+", "Zm 8", "Zh"}) {
    EXPECT_FALSE(FromBase64Url(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace embudo::rpc
