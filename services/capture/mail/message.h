#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"

namespace embudo::capture::mail {

/// The largest mail that is taken.
inline constexpr size_t kMaxMailBytes = size_t{25} << 20;

/// What is read of a mail at most; the rest of it is passed over, and said to be.
struct Limits {
  size_t bytes = kMaxMailBytes;
  /// Multiparts and forwarded mails in one another.
  int depth = 30;
  /// Parts, delimiters that end one included.
  int parts = 2000;
  /// Lines of headers, those of parts included.
  int header_lines = 20000;
  /// Characters of a text, and bytes of an HTML body.
  size_t text_characters = 200000;
  size_t html_bytes = 1000000;
  int attachments = 50;
  int addresses = 100;
};

/// A mailbox as a header names it.
struct Address {
  std::string name;
  /// As written, maybe no good address.
  std::string address;

  /// `Name <address>`, or the address alone.
  std::string ToString() const;
  bool operator==(const Address&) const = default;
};

struct Attachment {
  /// Without a path; made up where the mail has none.
  std::string file_name;
  /// What the sender says.
  std::string content_type;
  /// Of a picture in the HTML body, without angle brackets.
  std::string content_id;
  std::string bytes;
};

/// What a delivery report (RFC 3464), or a mail that looks like one, says of one recipient.
struct DeliveryReport {
  std::string recipient;
  /// `failed`, `delayed`, `delivered`, `relayed` or `expanded`.
  std::string action;
  /// RFC 3463: `5.1.1`.
  std::string status;
  /// What the other server said.
  std::string diagnostic;
};

/// One header, decoded and unfolded.
struct Header {
  /// In lower case.
  std::string name;
  std::string value;
};

/// A mail, read. All text is well-formed UTF-8 without NUL. Message ids are without angle brackets.
struct Mail {
  std::string message_id;
  std::vector<std::string> in_reply_to;
  /// The oldest first.
  std::vector<std::string> references;
  std::vector<Address> from;
  std::vector<Address> reply_to;
  std::vector<Address> to;
  std::vector<Address> cc;
  std::string subject;
  std::optional<Time> date;
  /// What was written, as plain text: of the plain parts, else made from the HTML.
  std::string text;
  /// Sanitised; empty if there is no HTML.
  std::string html;
  std::vector<Attachment> attachments;
  /// Those of the mail itself, in order.
  std::vector<Header> headers;
  /// A delivery report, by its type.
  bool is_report = false;
  std::vector<DeliveryReport> reports;
  /// Of the mail that a report is about.
  std::string original_message_id;
  /// What could not be read, in words.
  std::vector<std::string> defects;

  /// The first header of that name (in lower case); empty if there is none.
  std::string_view HeaderValue(std::string_view name) const;
  /// All of that name.
  std::vector<std::string_view> HeaderValues(std::string_view name) const;
  /// Who wrote it: the first From, else what stands in for it; nullptr if nobody.
  const Address* Sender() const;
};

}  // namespace embudo::capture::mail
