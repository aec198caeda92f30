#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace embudo::capture::events {

struct ImapOptions {
  std::string host;
  int port = 993;
  enum class Tls { kImplicit, kStartTls, kNone };
  Tls tls = Tls::kImplicit;
  std::string username;
  std::string password;
  /// Of the server's certificate; empty: the system's.
  std::string ca_file;
  /// Of one command.
  std::chrono::seconds timeout{30};
};

/// One connection to an IMAP server (RFC 3501), logged in. libcurl opens it, with TLS and the authentication that the
/// server knows; the commands are sent over it here, since curl's own fetch marks mails as seen before anybody has
/// stored them. One thread at a time. Errors are UNAVAILABLE, with a reason of the form IMAP_…, and never name the
/// password.
class ImapClient {
 public:
  /// UNAVAILABLE, reason IMAP_LOGIN, if the server does not let the user in; IMAP_CONNECT if it is not there.
  static absl::StatusOr<std::unique_ptr<ImapClient>> Connect(const ImapOptions& options);
  ~ImapClient();
  ImapClient(const ImapClient&) = delete;
  ImapClient& operator=(const ImapClient&) = delete;

  /// Opens a folder for reading and marking.
  absl::Status Select(const std::string& folder);
  /// The mails that are not marked as seen, by their UIDs.
  absl::StatusOr<std::vector<uint32_t>> Unseen();
  /// A mail, its first `most` bytes, without marking it. Empty if it is gone.
  absl::StatusOr<std::string> Fetch(uint32_t uid, size_t most);
  absl::Status MarkSeen(uint32_t uid);
  /// Moves a mail to another folder, which is made if it is not there.
  absl::Status Move(uint32_t uid, const std::string& folder);

 private:
  struct Connection;

  explicit ImapClient(std::unique_ptr<Connection> connection);
  /// Sends a command and reads its answer to the end: the untagged lines, each with the literal that it ends in.
  struct Line {
    std::string text;
    std::string literal;
  };
  absl::StatusOr<std::vector<Line>> Run(const std::string& command);

  const std::unique_ptr<Connection> connection_;
  int tag_ = 0;
  bool can_move_ = true;
};

}  // namespace embudo::capture::events
