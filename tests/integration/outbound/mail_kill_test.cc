// kill -9 of the automation service at the worst moment: the mail server has the mail, and we have not heard of it.

#include "common/app/free_port.h"
#include "tests/integration/outbound/outbound_case.h"

namespace embudo::testing {
namespace {

using ::testing::SizeIs;

class MailKillTest : public OutboundCase {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<SmtpServer>();
    // Sends nothing itself: that is for the process that dies.
    StartSuite({});
  }
  static void TearDownTestSuite() { StopSuite(); }

  std::unique_ptr<Process> StartReplica() {
    const TempDir& logs = *secrets_;
    auto started = Process::Start({.command = {std::string(EMBUDO_BIN_DIR) + "/embudo-automation",
                                               "--dev-identity",
                                               "--listen",
                                               app::WithFreePort("127.0.0.1:0"),
                                               "--metrics-listen",
                                               "",
                                               "--hook-http-listen",
                                               "",
                                               "--postgres",
                                               suite_->database().conninfo(),
                                               "--redis",
                                               suite_->redis().address(),
                                               "--pipeline",
                                               suite_->target("pipeline"),
                                               "--capture",
                                               suite_->target("capture"),
                                               "--smtp-url",
                                               server_->url(),
                                               "--smtp-tls",
                                               "none",
                                               "--mail-lease-ms",
                                               "1500"},
                                   .environment = {},
                                   .output = logs.path() / "replica"});
    EXPECT_TRUE(started.ok()) << started.status();
    return started.ok() ? *std::move(started) : nullptr;
  }
};

TEST_F(MailKillTest, TheMailGoesOutAgainUnderItsOneMessageId) {
  MakeTemplate("t", "s", "text");
  auto replica = StartReplica();
  ASSERT_NE(replica, nullptr);
  const Mail mail = Send(MakeLead("held.a@crash.test").name(), "t");
  ASSERT_TRUE(Eventually([&] { return server_->MailsTo("held.a@crash.test").size() == 1; })) << replica->Output();
  replica->Kill();
  EXPECT_EQ(GetMail(mail.name()).state(), Mail::STATE_SENDING);
  server_->Go();
  replica = StartReplica();
  ASSERT_TRUE(Eventually([&] { return GetMail(mail.name()).state() == Mail::STATE_SENT; })) << replica->Output();
  const auto taken = server_->MailsTo("held.a@crash.test");
  ASSERT_THAT(taken, SizeIs(2));
  EXPECT_EQ(taken[0].Header("Message-Id"), taken[1].Header("Message-Id"));
  EXPECT_EQ(taken[0].data, taken[1].data);
  EXPECT_THAT(Messages(mail.lead()), SizeIs(1));
  ASSERT_TRUE(Eventually([&] { return GetMessage(mail.message()).delivery_state() == Message::DELIVERY_STATE_SENT; }));
  EXPECT_EQ(replica->Terminate(), 0);
}

}  // namespace
}  // namespace embudo::testing
