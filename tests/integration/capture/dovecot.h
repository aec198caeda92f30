#pragma once

#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "common/app/free_port.h"
#include "common/testing/eventually.h"
#include "common/testing/process.h"
#include "common/testing/temp_dir.h"
#include "services/capture/events/imap_client.h"

namespace embudo::testing {

/// A private IMAP server on the loopback interface, with its mail in a directory of its own. Everybody may log in with
/// the password `secret`, and is told at once that another is wrong.
class Dovecot {
 public:
  /// Returns once it lets somebody in.
  /// With `tls`, it has a certificate of its own for 127.0.0.1, serves imaps on a port of its own, and lets nobody log
  /// in on the other before STARTTLS.
  explicit Dovecot(bool tls = false) : tls_(tls) {
    namespace fs = std::filesystem;
    fs::permissions(root_, fs::perms(0755));
    for (const char* folder : {"run", "mail"}) fs::create_directories(root_ / folder);
    own_ = getuid() != 0 ? getpwuid(getuid()) : getpwnam("nobody");
    EXPECT_EQ(chown((root_ / "mail").c_str(), own_->pw_uid, own_->pw_gid), 0);
    if (tls_) MakeCertificate();
    std::ofstream(root_ / "dovecot.conf") << Configuration();
    auto started = Process::Start({.command = {"/usr/sbin/dovecot", "-F", "-c", (root_ / "dovecot.conf").string()},
                                   .output = root_ / "output",
                                   .death_signal = SIGTERM});
    EXPECT_TRUE(started.ok()) << started.status();
    if (!started.ok()) return;
    process_ = *std::move(started);
    EXPECT_TRUE(Eventually([this] { return LetsIn(); })) << Log();
  }
  ~Dovecot() {
    if (process_) process_->Terminate();
  }

  int port() const { return port_; }
  int tls_port() const { return tls_port_; }
  std::string certificate() const { return root_ / "certificate.pem"; }
  /// Delivers a mail as a mail server would, unseen.
  void Deliver(const std::string& user, const std::string& mail) {
    namespace fs = std::filesystem;
    const fs::path box = root_ / "mail" / user;
    for (const char* folder : {"", "new", "cur", "tmp"}) {
      fs::create_directories(box / folder);
      EXPECT_EQ(chown((box / folder).c_str(), own_->pw_uid, own_->pw_gid), 0);
    }
    const fs::path file = box / "new" / (std::to_string(1700000000 + count_) + ".M" + std::to_string(count_) + ".test");
    ++count_;
    std::ofstream(file, std::ios::binary) << mail;
    EXPECT_EQ(chown(file.c_str(), own_->pw_uid, own_->pw_gid), 0);
  }
  /// Mails of a folder (`` is INBOX, `.Done` one named so) that are marked as seen, or all.
  int Count(const std::string& user, const std::string& folder, bool seen_only) const {
    namespace fs = std::filesystem;
    int count = 0;
    for (const char* state : {"new", "cur"}) {
      const fs::path path = root_ / "mail" / user / folder / state;
      if (!fs::exists(path)) continue;
      for (const auto& entry : fs::directory_iterator(path)) {
        const std::string name = entry.path().filename();
        const size_t flags = name.find(":2,");
        count += !seen_only || (flags != std::string::npos && name.find('S', flags) != std::string::npos) ? 1 : 0;
      }
    }
    return count;
  }
  std::string Log() const { return process_ ? process_->Output() : ""; }

 private:
  bool LetsIn() const {
    capture::events::ImapOptions options;
    options.host = "127.0.0.1";
    options.port = tls_ ? tls_port_ : port_;
    options.tls = tls_ ? capture::events::ImapOptions::Tls::kImplicit : capture::events::ImapOptions::Tls::kNone;
    options.username = "nobody";
    options.password = "secret";
    options.ca_file = tls_ ? certificate() : "";
    return capture::events::ImapClient::Connect(options).ok();
  }
  void MakeCertificate() {
    const auto made = RunProgram({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                                  "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                                  (root_ / "key.pem").string(), "-out", certificate()});
    EXPECT_TRUE(made.ok()) << made.status();
  }
  std::string TlsConfiguration() const {
    if (!tls_) return "ssl = no\ndisable_plaintext_auth = no\n";
    return "ssl = required\ndisable_plaintext_auth = yes\nssl_cert = <" + certificate() + "\nssl_key = <" +
           (root_ / "key.pem").string() + "\n";
  }
  std::string Configuration() const {
    const std::string root = root_.string();
    const std::string user = own_->pw_name;
    const std::string group = getgrgid(own_->pw_gid)->gr_name;
    const std::string ids = "uid=" + std::to_string(own_->pw_uid) + " gid=" + std::to_string(own_->pw_gid);
    return "protocols = imap\nlisten = 127.0.0.1\nbase_dir = " + root + "/run\nstate_dir = " + root +
           "/run\nlog_path = /dev/stderr\nauth_mechanisms = plain login\nauth_failure_delay = 0\n" +
           TlsConfiguration() + "default_internal_user = " + user + "\ndefault_login_user = " + user +
           "\ndefault_internal_group = " + group +
           "\nfirst_valid_uid = 1\npassdb {\n  driver = static\n  args = password=secret\n}\nuserdb {\n  driver = "
           "static\n  args = " +
           ids + " home=" + root + "/mail/%u\n}\nmail_location = maildir:" + root +
           "/mail/%u\nservice imap-login {\n  chroot =\n  "
           "inet_listener imap {\n    port = " +
           std::to_string(port_) +
           "\n  }\n  inet_listener imaps {\n    port = " + std::to_string(tls_ ? tls_port_ : 0) +
           (tls_ ? "\n    ssl = yes" : "") +
           "\n  }\n}\nservice anvil {\n  chroot =\n  unix_listener anvil-auth-penalty {\n    mode = 0\n  }\n}\n";
  }

  const bool tls_;
  TempDir dir_;
  const std::filesystem::path root_ = dir_.path();
  const int port_ = std::stoi(app::WithFreePort("127.0.0.1:0").substr(10));
  const int tls_port_ = std::stoi(app::WithFreePort("127.0.0.1:0").substr(10));
  passwd* own_ = nullptr;
  int count_ = 0;
  std::unique_ptr<Process> process_;
};

}  // namespace embudo::testing
