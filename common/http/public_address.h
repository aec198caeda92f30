#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace embudo::http {

/// Whether something may be sent to that address: http or https, a host, and no address of a private network
/// (RFC 1918, 4193, 6598), of this machine or of the link, unless `private_allowed`. A host name is looked at again
/// when it is resolved. INVALID_ARGUMENT naming `field`.
absl::Status CheckTarget(const std::string& uri, bool private_allowed, std::string_view field);

/// Whether a numeric address is one that anybody on the internet could have. False for what is no address.
bool IsPublicAddress(std::string_view address);

/// Makes a transfer of libcurl (a CURL) connect to public addresses only, also where a name leads to others. It must
/// use no proxy, which would hide where it leads.
void ConnectPublicOnly(void* curl);

}  // namespace embudo::http
