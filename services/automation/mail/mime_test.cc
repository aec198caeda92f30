#include "services/automation/mail/mime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace embudo::automation::mail {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Outgoing Mail() {
  Outgoing mail;
  mail.from = {"Ana Pérez", "sales@example.com"};
  mail.to = {"ada@example.org"};
  mail.subject = "Grüße, and a subject that is long enough to be folded into more than one line of the header";
  mail.text = "Hello\n.\nFrom here\n" + std::string(1200, 'x') + "\nñ\n";
  mail.message_id = "1@t.embudo";
  mail.date = Time(std::chrono::seconds(1800000000));
  return mail;
}

TEST(Mime, HeadersAreEncodedAndFolded) {
  const std::string bytes = Compose(Mail());
  EXPECT_THAT(bytes, HasSubstr("From: Ana =?"));
  EXPECT_THAT(bytes, HasSubstr("<sales@example.com>\r\n"));
  EXPECT_THAT(bytes, HasSubstr("Message-Id: <1@t.embudo>\r\n"));
  EXPECT_THAT(bytes, HasSubstr("Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n"));
  EXPECT_THAT(bytes, HasSubstr("MIME-Version: 1.0\r\n"));
  EXPECT_THAT(bytes, HasSubstr("X-Embudo-Loop: 1\r\n"));
  EXPECT_THAT(bytes, Not(HasSubstr("Auto-Submitted")));
  size_t begin = 0;
  for (size_t end = bytes.find('\n'); end != std::string::npos; begin = end + 1, end = bytes.find('\n', begin)) {
    ASSERT_GT(end, 0u);
    EXPECT_EQ(bytes[end - 1], '\r');
    EXPECT_LE(end - begin, 998u);
  }
  for (const char c : bytes) EXPECT_LT(static_cast<unsigned char>(c), 0x80);
}

TEST(Mime, AFieldIsNeverAnotherHeader) {
  Outgoing mail = Mail();
  mail.subject = "x\r\nBcc: everybody@example.com";
  mail.from.name = "a\nX-Evil: 1";
  mail.reply_to = "r@example.com\r\nX-Evil: 2";
  mail.in_reply_to = "a@b>\r\nX-Evil: 3";
  const std::string bytes = Compose(mail);
  EXPECT_THAT(bytes, Not(HasSubstr("\nBcc:")));
  EXPECT_THAT(bytes, Not(HasSubstr("\nX-Evil")));
}

TEST(Mime, PartsAndHeadersAreThereAndAlwaysTheSame) {
  Outgoing mail = Mail();
  mail.html = "<p>Hello</p>";
  mail.automatic = true;
  const std::string link = "https://example.com/u/" + std::string(300, 'x');
  mail.unsubscribe_link = link;
  mail.in_reply_to = "0@x";
  mail.references = {"a@x", "0@x"};
  mail.attachments = {{"Größe.pdf", "application/pdf", std::string("\0\1\2", 3)}};
  const std::string bytes = Compose(mail);
  EXPECT_THAT(bytes, HasSubstr("Content-Type: multipart/mixed;"));
  EXPECT_THAT(bytes, HasSubstr("Content-Type: multipart/alternative;"));
  EXPECT_THAT(bytes, HasSubstr("Content-Type: text/html; charset=utf-8"));
  EXPECT_THAT(bytes, HasSubstr("Content-Disposition: attachment;"));
  EXPECT_THAT(bytes, HasSubstr("AAEC"));
  EXPECT_THAT(bytes, HasSubstr("In-Reply-To: <0@x>\r\n"));
  EXPECT_THAT(bytes, HasSubstr("References: <a@x> <0@x>\r\n"));
  EXPECT_THAT(bytes, HasSubstr("List-Unsubscribe: <" + link + ">\r\n"));
  EXPECT_THAT(bytes, HasSubstr("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"));
  EXPECT_THAT(bytes, HasSubstr("Auto-Submitted: auto-generated\r\n"));
  EXPECT_EQ(bytes, Compose(mail));
}

}  // namespace
}  // namespace embudo::automation::mail
