// A tenant's mails to one domain go out one after the other, at the rate that is set; those to others don't wait.

#include "tests/integration/outbound/outbound_case.h"

namespace embudo::testing {
namespace {

using std::chrono::seconds;

class MailRateTest : public OutboundCase {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<SmtpServer>();
    StartSuite({{"smtp-url", server_->url()}, {"smtp-tls", "none"}, {"mail-domain-rate", "6"}});
  }
  static void TearDownTestSuite() { StopSuite(); }

  std::vector<Mail> SendTo(const std::string& domain, int count) {
    std::vector<Mail> mails;
    for (int i = 0; i < count; ++i) {
      mails.push_back(Send(MakeLead("a" + std::to_string(i) + "@" + domain).name(), "t"));
    }
    return mails;
  }
  /// How many of them are sent; each of the others waits for a moment that has not come.
  size_t Sent(const std::vector<Mail>& mails) {
    size_t sent = 0;
    EXPECT_TRUE(Eventually([&] {
      sent = 0;
      size_t waiting = 0;
      for (const Mail& mail : mails) {
        const Mail now = GetMail(mail.name());
        if (now.state() == Mail::STATE_SENT) ++sent;
        const bool later = FromTimestamp(now.next_attempt_time()) > suite_->clock().Now();
        if (now.state() == Mail::STATE_QUEUED && later) ++waiting;
      }
      return sent + waiting == mails.size();
    }));
    return sent;
  }
};

TEST_F(MailRateTest, SixAMinuteIsOneInTenSeconds) {
  MakeTemplate("t", "s", "text");
  const auto mails = SendTo("busy.test", 3);
  const auto other = SendTo("quiet.test", 1);
  EXPECT_EQ(Sent(mails), 1u);
  EXPECT_EQ(Sent(other), 1u);
  suite_->Advance(seconds(9));
  EXPECT_EQ(Sent(mails), 1u);
  suite_->Advance(seconds(2));
  EXPECT_EQ(Sent(mails), 2u);
  suite_->Advance(seconds(10));
  EXPECT_EQ(Sent(mails), 3u);
  // To wait for its turn is no attempt.
  for (const Mail& mail : mails) EXPECT_EQ(GetMail(mail.name()).attempts(), 1) << mail.name();
}

TEST_F(MailRateTest, AnotherTenantHasATurnOfItsOwn) {
  MakeTemplate("t", "s", "text");
  const auto mails = SendTo("busy.test", 1);
  EXPECT_EQ(Sent(mails), 1u);
}

}  // namespace
}  // namespace embudo::testing
