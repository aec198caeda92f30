#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace embudo::capture::rpc {

/// The number of records in a page: `wanted`, `otherwise` for 0, at most `most` (AIP-158).
int PageSize(int wanted, int otherwise, int most);

/// An opaque, URL-safe token that stands for `place`, and is good for requests with the same `query` only.
std::string PageToken(std::string_view place, std::string_view query);
/// The place in a token, empty for an empty one. INVALID_ARGUMENT if it is none, or another query's.
absl::StatusOr<std::string> PlaceIn(std::string_view token, std::string_view query);

/// The same of a place that is a number, `otherwise` for an empty token. Whoever knows how tokens are made can make one
/// of anything.
absl::StatusOr<int64_t> NumberIn(std::string_view token, std::string_view query, int64_t otherwise);

}  // namespace embudo::capture::rpc
