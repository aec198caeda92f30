#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/rpc/authenticator.h"
#include "common/rpc/call_context.h"

namespace embudo::rpc {

/// Metadata that tells what sets a call off: `x-embudo-origin` (the enum's name) and `x-embudo-cause` (the message's
/// bytes in base64url). Nothing for what is not set.
std::vector<std::pair<std::string, std::string>> OriginMetadata(const Identity& identity);
/// Takes it into the identity, if that is a service's; nobody else may say so of itself.
void ReadOrigin(const MetadataLookup& metadata, Identity* identity);

}  // namespace embudo::rpc
