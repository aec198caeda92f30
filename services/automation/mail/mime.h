#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace embudo::automation::mail {

struct Mailbox {
  std::string name;
  std::string address;
};

struct AttachedFile {
  std::string file_name;
  std::string content_type;
  std::string bytes;
};

/// A mail that goes out. All text is UTF-8.
struct Outgoing {
  Mailbox from;
  std::string reply_to;
  std::vector<std::string> to;
  std::vector<std::string> cc;
  std::string subject;
  std::string text;
  /// Empty: the mail has the text only.
  std::string html;
  /// Message-IDs, without angle brackets.
  std::string message_id;
  std::string in_reply_to;
  std::vector<std::string> references;
  Time date;
  /// By which the receiver may unsubscribe with one click (RFC 8058); empty: there is none.
  std::string unsubscribe_link;
  /// A rule wrote it: Auto-Submitted (RFC 3834), so that no vacation notice answers it.
  bool automatic = false;
  std::vector<AttachedFile> attachments;
};

/// The mail as it goes over the wire (RFC 5322, MIME): line ends are CR LF, no line is longer than 998 bytes, headers
/// in other than ASCII are encoded words. The same mail gives the same bytes but for its date, whatever boundary stands
/// between its parts. Header fields never hold what was meant to be another line.
std::string Compose(const Outgoing& mail);

}  // namespace embudo::automation::mail
