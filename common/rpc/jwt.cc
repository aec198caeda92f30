#include "common/rpc/authenticator.h"
#include "common/rpc/client.h"
namespace embudo::rpc {
absl::StatusOr<std::shared_ptr<Authenticator>> JwtAuthenticator(const JwtOptions&, const Clock&) {
  return absl::UnimplementedError("not yet");
}
absl::StatusOr<std::shared_ptr<Credentials>> SigningCredentials(const std::string&, const std::string&) {
  return absl::UnimplementedError("not yet");
}
}  // namespace embudo::rpc
