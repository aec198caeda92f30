#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace embudo::capture::logic {

/// What a link lets its holder do.
enum class LinkKind : char { kQuote = 'q', kUnsubscribe = 'u' };

/// A link to one record, good for whoever holds it.
struct Link {
  LinkKind kind = LinkKind::kQuote;
  std::string tenant;
  /// The record's resource name.
  std::string name;
  Time expire_time;
};

/// Makes links into tokens that nobody else can make. Thread-safe.
class LinkSigner {
 public:
  /// The first secret signs; the others, of before a change, are good for reading. None: links are off.
  explicit LinkSigner(std::vector<std::string> secrets) : secrets_(std::move(secrets)) {}
  /// Of a text with one secret a line, each of 32 characters at least. INVALID_ARGUMENT for shorter ones, or none.
  static absl::StatusOr<LinkSigner> Parse(const std::string& text);

  bool enabled() const { return !secrets_.empty(); }
  /// Characters that a path may hold.
  std::string Sign(const Link& link) const;
  /// nullopt for what was not signed, or has expired.
  std::optional<Link> Read(std::string_view token, Time now) const;

 private:
  std::vector<std::string> secrets_;
};

}  // namespace embudo::capture::logic
