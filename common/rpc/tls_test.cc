#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "common/base/error.h"
#include "common/rpc/test_server.h"
#include "common/rpc/tls_files.h"
#include "common/testing/process.h"
#include "common/testing/temp_dir.h"

namespace embudo::rpc {
namespace {

/// A root and certificates of it, made by openssl.
class Authority {
 public:
  explicit Authority(const std::string& name) : name_(name) {
    Openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
             "/CN=" + name, "-keyout", Path("ca.key"), "-out", ca()});
  }
  std::string ca() const { return Path("ca.pem"); }

  TlsFiles Issue(const std::string& host) {
    const std::string request = Path(host + ".csr"), extensions = Path(host + ".ext");
    std::ofstream(extensions) << "subjectAltName=" << (host[0] == '1' ? "IP:" : "DNS:") << host << "\n";
    TlsFiles files{Path(host + ".pem"), Path(host + ".key"), ca()};
    Openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + host, "-keyout",
             files.key, "-out", request});
    Openssl({"x509", "-req", "-in", request, "-CA", ca(), "-CAkey", Path("ca.key"), "-CAcreateserial", "-days", "2",
             "-extfile", extensions, "-out", files.certificate});
    return files;
  }

 private:
  static void Openssl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    const auto made = testing::RunProgram(std::move(arguments));
    ASSERT_TRUE(made.ok()) << made.status();
  }
  std::string Path(const std::string& file) const { return dir_.path() / (name_ + "." + file); }

  testing::TempDir dir_;
  const std::string name_;
};

type::v1::Tag Hot(const CallContext&, const pipeline::v1::GetTagRequest& request) {
  type::v1::Tag tag;
  tag.set_name(request.name());
  return tag;
}

// The process has one identity, so each case is a process of its own.
int CallWith(const TlsFiles& server_files, const TlsFiles& client_files) {
  if (!UseTls(server_files).ok()) return 10;
  TestServer server(Hot);
  if (!UseTls(client_files).ok()) return 11;
  Client client({.target = server.address(), .credentials = DevCredentials()});
  pipeline::v1::GetTagRequest request;
  request.set_name("tags/hot");
  const auto tag =
      client.Call<type::v1::Tag>(TestServer::kGetTag, server.admin, request, std::chrono::milliseconds(5000));
  if (tag.ok()) return tag->name() == "tags/hot" ? 0 : 12;
  return absl::IsUnavailable(tag.status()) || absl::IsDeadlineExceeded(tag.status()) ? 1 : 13;
}

#define EXPECT_CALL_EXIT(server, client, code) \
  EXPECT_EXIT(std::_Exit(CallWith(server, client)), ::testing::ExitedWithCode(code), "")

class TlsTest : public ::testing::Test {
 protected:
  void SetUp() override { ::testing::FLAGS_gtest_death_test_style = "threadsafe"; }
  Authority ours_{"ours"};
  Authority others_{"others"};
};

TEST_F(TlsTest, BothSidesOfOneRootUnderstandEachOther) {
  const TlsFiles files = ours_.Issue("127.0.0.1");
  EXPECT_CALL_EXIT(files, files, 0);
}

TEST_F(TlsTest, ACallerWithoutACertificateIsNotLetIn) {
  EXPECT_CALL_EXIT(ours_.Issue("127.0.0.1"), (TlsFiles{"", "", ours_.ca()}), 1);
}

TEST_F(TlsTest, ACallerOfAnotherRootIsNotLetIn) {
  TlsFiles stranger = others_.Issue("127.0.0.1");
  stranger.ca = ours_.ca();
  EXPECT_CALL_EXIT(ours_.Issue("127.0.0.1"), stranger, 1);
}

TEST_F(TlsTest, AServerUnderAnotherNameIsNotBelieved) {
  EXPECT_CALL_EXIT(ours_.Issue("pipeline.example"), ours_.Issue("127.0.0.1"), 1);
}

TEST_F(TlsTest, FilesThatCannotBeReadAreRefused) {
  EXPECT_EQ(ReasonOf(UseTls({"/nowhere/a.pem", "/nowhere/a.key", ours_.ca()})), "INVALID_TLS_FILE");
  EXPECT_EQ(ReasonOf(UseTls({"", "/nowhere/a.key", ours_.ca()})), "INVALID_TLS_FILE");
  EXPECT_EQ(ReasonOf(UseTls({"/nowhere/a.pem", "/nowhere/a.key", ""})), "INVALID_TLS_FILE");
}

}  // namespace
}  // namespace embudo::rpc
