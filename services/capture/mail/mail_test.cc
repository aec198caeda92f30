#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/markup/html.h"
#include "services/capture/mail/classify.h"
#include "services/capture/mail/encoded_words.h"
#include "services/capture/mail/fold.h"
#include "services/capture/mail/parse.h"
#include "services/capture/mail/token.h"

namespace embudo::capture::mail {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kLead[] = "0190a1b2-c3d4-7e5f-8a6b-1234567890ab";

std::string Repeat(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(EncodedWords, BesideEachOtherAreOneText) {
  EXPECT_EQ(DecodeWords("=?UTF-8?B?TXk=?=\r\n =?UTF-8?B?IHdvcmQ=?= end"), "My word end");
  // A character cut in two between words.
  EXPECT_EQ(DecodeWords("=?utf-8?Q?=C3?= =?utf-8?Q?=A9?="), "é");
  EXPECT_EQ(DecodeWords("=?iso-8859-1?Q?a=E9_b?="), "aé b");
  EXPECT_EQ(DecodeWords("=?nonsense"), "=?nonsense");
  EXPECT_EQ(DecodeWords("Fr\xf6sche"), "Frösche");
}

TEST(Parse, ReadsHeadersTextAndAttachments) {
  const Mail mail = Parse(
      "From: =?utf-8?Q?Ad=C3=A1?= <ada@example.com>\r\nTo: a@x.com, \"B, C\" <b@x.com>\r\nSubject: Hi\r\n"
      "Date: Thu, 26 Nov 2026 10:00:00 +0100\r\nMessage-ID: <1@x>\r\nReferences: <a@x> <b@x>\r\n"
      "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=X\r\n\r\n--X\r\n\r\nText\r\n--X\r\n"
      "Content-Type: image/png; name=\"..\\\\evil/a.png\"\r\nContent-Transfer-Encoding: "
      "base64\r\n\r\nAAEC\r\n--X--\r\n");
  EXPECT_THAT(mail.from, ElementsAre(Address{"Adá", "ada@example.com"}));
  EXPECT_THAT(mail.to, ElementsAre(Address{"", "a@x.com"}, Address{"B, C", "b@x.com"}));
  EXPECT_EQ(mail.to[1].ToString(), "\"B, C\" <b@x.com>");
  EXPECT_EQ(mail.message_id, "1@x");
  EXPECT_THAT(mail.references, ElementsAre("a@x", "b@x"));
  EXPECT_EQ(mail.date, Time(std::chrono::seconds(1795683600)));
  EXPECT_THAT(mail.text, HasSubstr("Text"));
  ASSERT_EQ(mail.attachments.size(), 1u);
  EXPECT_EQ(mail.attachments[0].file_name, "a.png");
  EXPECT_EQ(mail.attachments[0].bytes, std::string("\0\1\2", 3));
}

TEST(Parse, BombsAreReadAtABoundedCost) {
  std::string nested = "Subject: x\n";
  for (int i = 0; i < 3000; ++i) {
    const std::string b = std::to_string(i);
    nested += "Content-Type: multipart/mixed; boundary=\"b" + b + "\"\n\n--b" + b + "\n";
  }
  EXPECT_THAT(Parse(nested).defects, Contains("too many parts"));
  EXPECT_THAT(Parse("Content-Type: multipart/mixed; boundary=b\n\n" + Repeat("--b\n\n", 100000)).defects,
              Contains("too many parts"));
  EXPECT_THAT(Parse(Repeat("X: y\n", 100000) + "\nx").defects, Contains("too many headers"));
  EXPECT_THAT(Parse("To: " + Repeat("a:", 100000) + "\n\nx").defects, Contains("a header is too long"));
  EXPECT_THAT(Parse("Content-Type: text/html\n\n" + Repeat("<div>", 100000) + "end").text, Not(HasSubstr("<")));
  const Mail all = Parse("Subject: x\n\n" + Repeat("12345678\n", 100000));
  EXPECT_EQ(all.text.size(), 200000u);
}

TEST(Html, IsSanitisedAndReadable) {
  const markup::Html html = markup::ReadHtml(
      "<style>b{}</style><p onclick='x'>One<br>two &amp; <a href='javascript:x'>three</a> <a "
      "href='https://a.b/'>4</a></p>"
      "<img src='https://track.er/1.gif' alt='pic'><blockquote>old<p>older</blockquote><script>x</script>",
      10000);
  EXPECT_EQ(html.sanitised,
            "<p>One<br>two &amp; <a>three</a> <a href=\"https://a.b/\" rel=\"noopener noreferrer nofollow\">4</a></p>"
            "<img alt=\"pic\"><blockquote>old<p>older</p></blockquote>");
  EXPECT_EQ(html.text, "One\ntwo & three 4\n\npic\n> old\n>\n> older");
}

TEST(Fold, KeepsWhatIsNewInManyLanguages) {
  for (const char* head :
       {"On Thu, 26 Nov 2026 at 10:00, Ada <a@b.c> wrote:", "Am 26.11.2026 um 10:00 schrieb Ada <a@b.c>:",
        "Le jeu. 26 nov. 2026 à 10:00, Ada <a@b.c> a écrit :",
        "El jue, 26 nov 2026 a las 10:00, Ada (<a@b.c>) escribió:",
        "Il giorno gio 26 nov 2026 alle ore 10:00 Ada <a@b.c> ha scritto:",
        "Em qui., 26 de nov. de 2026 às 10:00, Ada "
        "<a@b.c> escreveu:",
        "Op do 26 nov. 2026 om 10:00 schreef Ada <a@b.c>:", "W dniu 26.11.2026 o 10:00, Ada pisze:",
        "чт, 26 нояб. 2026 г. в 10:00, Ada <a@b.c>:", "-----Original Message-----"}) {
    const Folded folded = Fold(std::string("New.\n\n") + head + "\n> Old.\n");
    EXPECT_EQ(folded.body, "New.") << head;
    EXPECT_THAT(folded.quoted, HasSubstr("> Old.")) << head;
  }
  EXPECT_EQ(Fold("> Asked?\nYes.\n> And?\nNo.").body, "> Asked?\nYes.\n> And?\nNo.");
  EXPECT_EQ(Fold("").body, "");
}

TEST(Classify, TellsMachinesFromPeople) {
  const auto traits = [](const std::string& headers) {
    Mail mail = Parse("From: a@example.com\nSubject: Hello\n" + headers + "\nText\n");
    return Classify(mail, {});
  };
  EXPECT_FALSE(traits("").automatic);
  EXPECT_FALSE(traits("Auto-Submitted: no\n").automatic);
  for (const char* header : {"Auto-Submitted: auto-replied; x=y\n", "X-Autoreply: yes\n", "Precedence: auto_reply\n"}) {
    EXPECT_TRUE(traits(header).automatic) << header;
    EXPECT_THAT(traits(header).list_by, IsEmpty()) << header;
  }
  for (const char* header :
       {"Precedence: bulk\n", "Precedence: List\n", "List-Id: <l.example.com>\n", "List-Post: <mailto:l@example.com>\n",
        "Feedback-ID: 1:2\nList-Unsubscribe: <mailto:u@example.com>\n"}) {
    EXPECT_FALSE(traits(header).automatic) << header;
    EXPECT_THAT(traits(header).list_by, Not(IsEmpty())) << header;
  }
  EXPECT_THAT(traits("List-Unsubscribe: <mailto:u@example.com>\n").list_by, IsEmpty());
  Mail away = Parse("From: a@example.com\nSubject: Abwesenheitsnotiz: Angebot\n\nText\n");
  EXPECT_TRUE(Classify(away, {}).automatic);
  EXPECT_TRUE(traits("X-Spam-Status: Yes, score=9\n").spam);
  EXPECT_THAT(traits("X-Embudo-Loop: 1\n").loop, Not(IsEmpty()));
}

TEST(Token, IsGoodOnlyUnderItsSecretInAnyCase) {
  const std::string token = LeadToken("secret", kLead);
  EXPECT_EQ(LeadOfToken("secret", token), kLead);
  std::string upper = token;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  EXPECT_EQ(LeadOfToken("secret", upper), kLead);
  EXPECT_EQ(LeadOfToken("other", token), std::nullopt);
  for (size_t i = 0; i < token.size() - 1; ++i) {
    std::string forged = token;
    forged[i] = forged[i] == 'a' ? 'b' : 'a';
    EXPECT_EQ(LeadOfToken("secret", forged), std::nullopt) << i;
  }
  EXPECT_EQ(LeadOfToken("secret", ""), std::nullopt);
  EXPECT_EQ(PlusPart("inbox+abc@x.com"), "abc");
  EXPECT_EQ(PlusPart("inbox@x+y.com"), "");
}

}  // namespace
}  // namespace embudo::capture::mail
