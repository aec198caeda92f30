#include "common/privacy/suppression.h"

#include "common/base/sha256.h"

namespace embudo::privacy {

std::string HashAddress(const std::string& tenant, const std::string& address) { return HmacSha256(tenant, address); }

}  // namespace embudo::privacy
