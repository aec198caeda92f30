#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace embudo::automation::events {

/// A mail server that takes mails from us (RFC 5321).
struct SmtpOptions {
  /// `smtp://host:587`, or `smtps://host:465` for TLS from the first byte. Empty: none, and mails wait.
  std::string url;
  enum class Tls { kRequired, kIfOffered, kNone };
  /// STARTTLS, of smtp://.
  Tls tls = Tls::kRequired;
  /// Certificates that the server is checked against; empty: the system's.
  std::string ca_file;
  /// Empty: no authentication.
  std::string username;
  /// File that holds the password; read anew for each mail, so that it may change.
  std::string password_file;
  /// Until the connection stands, and of a whole mail.
  std::chrono::milliseconds connect_timeout{10000};
  std::chrono::milliseconds timeout{60000};
};

/// What a mail server said to a mail.
struct SmtpAnswer {
  enum class Kind {
    kTaken,
    /// Not now, or nobody knows: another attempt may go better.
    kLater,
    /// This mail never.
    kRefused,
  };
  Kind kind = Kind::kLater;
  /// Its last reply code; 0: it said nothing.
  int code = 0;
  /// What it said, or what went wrong, in a line. Never a password.
  std::string text;
  /// Of a mail that was taken: what it said to receivers that it did not take, one a line.
  std::string refused;
};

/// Hands mails to one server, over a connection that it keeps. One thread at a time.
class SmtpClient {
 public:
  explicit SmtpClient(SmtpOptions options);
  ~SmtpClient();

  /// `bytes` as Compose makes them.
  SmtpAnswer Send(const std::string& sender, const std::vector<std::string>& receivers, const std::string& bytes);

 private:
  struct Handle;
  const SmtpOptions options_;
  const std::unique_ptr<Handle> handle_;
};

}  // namespace embudo::automation::events
