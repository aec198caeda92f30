#include "services/capture/events/secrets.h"

#include <fstream>
#include <iterator>

#include "common/base/error.h"

namespace embudo::capture::events {

absl::StatusOr<std::string> ReadSecret(const std::string& directory, const std::string& tenant,
                                       const std::string& name) {
  const absl::Status missing =
      Error(absl::StatusCode::kFailedPrecondition, "SECRET_MISSING", "there is no secret named " + name);
  // No way out of the tenant's own directory.
  if (directory.empty() || name.empty() || name.find('/') != std::string::npos || name.starts_with('.')) return missing;
  std::ifstream file(directory + "/" + tenant + "/" + name, std::ios::binary);
  if (!file.good()) return missing;
  std::string secret((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  secret.erase(secret.find_last_not_of("\r\n") + 1);
  return secret;
}

}  // namespace embudo::capture::events
