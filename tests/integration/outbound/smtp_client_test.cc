// TLS and authentication towards a real mail server.

#include "services/automation/events/smtp_client.h"

#include <gmock/gmock.h>

#include "tests/integration/outbound/smtp_server.h"

namespace embudo::testing {
namespace {

using automation::events::SmtpAnswer;
using automation::events::SmtpClient;
using automation::events::SmtpOptions;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kMail[] = "Subject: x\r\nFrom: a@acme.test\r\n\r\n.a line with a dot\r\n";

class SmtpClientTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = std::make_unique<TempDir>();
    const auto made = RunProgram({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                                  "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
                                  File("key"), "-out", File("certificate")});
    ASSERT_TRUE(made.ok()) << made.status();
    std::ofstream(File("password")) << "s3cret\n";
  }
  static void TearDownTestSuite() { dir_.reset(); }
  static std::string File(const std::string& name) { return (dir_->path() / name).string(); }

  static SmtpAnswer Send(const SmtpOptions& options) {
    return SmtpClient(options).Send("a@acme.test", {"b@example.com"}, kMail);
  }

  static inline std::unique_ptr<TempDir> dir_;
};

TEST_F(SmtpClientTest, StartTlsWithAPasswordThatIsReadFromAFile) {
  SmtpServer server(
      {"--certificate", File("certificate"), "--key", File("key"), "--user", "us", "--password", "s3cret"});
  SmtpOptions options;
  options.url = server.url("smtp", "localhost");
  options.ca_file = File("certificate");
  options.username = "us";
  options.password_file = File("password");
  EXPECT_EQ(Send(options).kind, SmtpAnswer::Kind::kTaken) << Send(options).text;
  ASSERT_THAT(server.Mails(), Not(IsEmpty()));
  EXPECT_TRUE(server.Mails()[0].tls);
  EXPECT_EQ(server.Mails()[0].user, "us");
  EXPECT_THAT(server.Mails()[0].data, HasSubstr("\r\n.a line with a dot\r\n"));

  std::ofstream(File("wrong")) << "guess\n";
  options.password_file = File("wrong");
  const SmtpAnswer denied = Send(options);
  // Nothing is wrong with the mail: it waits until the operator has mended that.
  EXPECT_EQ(denied.kind, SmtpAnswer::Kind::kLater);
  EXPECT_EQ(denied.code, 535) << denied.text;
  EXPECT_THAT(denied.text, Not(HasSubstr("guess")));
}

TEST_F(SmtpClientTest, TlsFromTheFirstByte) {
  SmtpServer server({"--certificate", File("certificate"), "--key", File("key"), "--implicit"});
  SmtpOptions options;
  options.url = server.url("smtps", "localhost");
  options.ca_file = File("certificate");
  const SmtpAnswer answer = Send(options);
  EXPECT_EQ(answer.kind, SmtpAnswer::Kind::kTaken) << answer.text;
  ASSERT_THAT(server.Mails(), SizeIs(1));
  EXPECT_TRUE(server.Mails()[0].tls);
}

TEST_F(SmtpClientTest, NothingGoesToAServerThatCanNotProveWhoItIs) {
  SmtpServer server({"--certificate", File("certificate"), "--key", File("key")});
  SmtpOptions options;
  options.url = server.url("smtp", "localhost");
  const SmtpAnswer stranger = Send(options);
  EXPECT_EQ(stranger.kind, SmtpAnswer::Kind::kLater);
  EXPECT_EQ(stranger.code, 0);
  EXPECT_THAT(server.Mails(), IsEmpty());

  SmtpServer plain;
  options.url = plain.url();
  EXPECT_EQ(Send(options).kind, SmtpAnswer::Kind::kLater) << "TLS is required, and not offered";
  EXPECT_THAT(plain.Mails(), IsEmpty());
  options.tls = SmtpOptions::Tls::kIfOffered;
  EXPECT_EQ(Send(options).kind, SmtpAnswer::Kind::kTaken);
  EXPECT_THAT(plain.Mails(), SizeIs(1));
}

TEST_F(SmtpClientTest, AConnectionServesManyMailsAndComesBackWhenTheServerDoes) {
  SmtpServer server;
  SmtpOptions options;
  options.url = server.url();
  options.tls = SmtpOptions::Tls::kNone;
  SmtpClient client(options);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(client.Send("a@acme.test", {"b@example.com"}, kMail).kind, SmtpAnswer::Kind::kTaken);
  }
  server.Stop();
  EXPECT_EQ(client.Send("a@acme.test", {"b@example.com"}, kMail).kind, SmtpAnswer::Kind::kLater);
  server.Start();
  EXPECT_EQ(client.Send("a@acme.test", {"b@example.com"}, kMail).kind, SmtpAnswer::Kind::kTaken);
  EXPECT_EQ(client.Send("a@acme.test", {"refused.b@example.com"}, kMail).kind, SmtpAnswer::Kind::kRefused);
}

}  // namespace
}  // namespace embudo::testing
