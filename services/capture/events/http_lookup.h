#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace embudo::capture::events {

/// What is asked.
struct HttpLookup {
  std::string uri;
  /// `Name: value`; empty: none.
  std::string header;
  /// Whether addresses of private networks are allowed.
  bool private_targets = false;
  std::chrono::milliseconds timeout{5000};
};

/// GETs a document of at most 1 MiB, without following redirects; nullopt if there is none (404, 204). Blocks.
/// UNAVAILABLE if it can't be had, with a message that names neither the address nor the header.
absl::StatusOr<std::optional<std::string>> LookUp(const HttpLookup& lookup);

}  // namespace embudo::capture::events
