#include "common/text/unicode.h"

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace embudo::text {
namespace {

TEST(UnicodeTest, TellsUtf8) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("plain"));
  EXPECT_TRUE(IsUtf8("Müller 日本 😀"));
  EXPECT_FALSE(IsUtf8("M\xfcller"));
  EXPECT_FALSE(IsUtf8("cut \xe6\x97"));
  EXPECT_FALSE(IsUtf8("\xed\xa0\x80"));  // a surrogate
  EXPECT_FALSE(IsUtf8("\xc0\x80"));      // overlong
}

TEST(UnicodeTest, ReadsWindows1252) {
  EXPECT_EQ(Windows1252ToUtf8("M\xfcller \x80 5 \x96 \x93x\x94"), "Müller € 5 – “x”");
  EXPECT_EQ(Windows1252ToUtf8(""), "");
}

TEST(UnicodeTest, FoldsWhiteSpace) {
  EXPECT_EQ(FoldWhitespace("  Moses \t\n Frase\u00a0 "), "Moses Frase");
  EXPECT_EQ(FoldWhitespace("e\u0301"), "é");
  EXPECT_EQ(FoldWhitespace(" \u3000 "), "");
}

TEST(UnicodeTest, MakesKeys) {
  EXPECT_EQ(MatchKey("Société Générale, S.A."), "societe generale s a");
  EXPECT_EQ(MatchKey("O'Brien & Söhne"), "obrien sohne");
  EXPECT_EQ(MatchKey("ＡＢＣ Straße"), "abc strasse");
  EXPECT_EQ(MatchKey("日本電気"), "日本電気");
  EXPECT_EQ(MatchKey("--"), "");
}

TEST(UnicodeTest, LowersByNoLanguage) { EXPECT_EQ(ToLower("ÄÖÜ ABC I"), "äöü abc i"); }

TEST(UnicodeTest, ConvertsPieceByPiece) {
  const std::string utf16 = {"M\0\xfc\0l\0=\xd8\0\xde", 10};  // "Mül😀" in little endian
  auto converter = ToUtf8::Make("utf-16le");
  ASSERT_TRUE(converter.ok());
  std::string out;
  for (const char byte : utf16) converter->Convert({&byte, 1}, false, &out);
  converter->Convert({}, true, &out);
  EXPECT_EQ(out, "Mül😀");
}

TEST(UnicodeTest, KeepsSurrogatePairsAcrossItsBuffer) {
  std::string utf16;
  std::string wanted;
  utf16 += std::string("x\0", 2);
  wanted += "x";
  for (int i = 0; i < 5000; ++i) {
    utf16 += std::string("=\xd8\0\xde", 4);
    wanted += "😀";
  }
  auto converter = ToUtf8::Make("utf-16le");
  std::string out;
  converter->Convert(utf16, true, &out);
  EXPECT_EQ(out, wanted);
}

TEST(UnicodeTest, KnowsNoSuchEncoding) {
  EXPECT_EQ(ReasonOf(ToUtf8::Make("klingon").status()), "UNKNOWN_ENCODING");
  EXPECT_EQ(ReasonOf(ToUtf8::Make("").status()), "UNKNOWN_ENCODING");
}

}  // namespace
}  // namespace embudo::text
