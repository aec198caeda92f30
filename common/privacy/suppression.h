#pragma once

#include <string>

namespace embudo::privacy {

/// How the address of an erased person is kept, so that it is known again and can't be read: HMAC-SHA-256 of the
/// normalised address under the tenant's id.
std::string HashAddress(const std::string& tenant, const std::string& address);

}  // namespace embudo::privacy
