#pragma once

#include <algorithm>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/error.h"
#include "common/base/ids.h"

namespace embudo::scoring {

/// Rows of a page: 50 unless told, at most 1,000 (AIP-158).
inline int PageSize(int wanted) { return wanted == 0 ? 50 : std::min(wanted, 1000); }

/// The token of lists by id is the last id. Empty: the first page.
inline absl::StatusOr<std::string> IdInToken(const std::string& token) {
  if (!token.empty() && !Uuid::Parse(token)) return InvalidField("page_token", "is no token that this service made");
  return token;
}

}  // namespace embudo::scoring
