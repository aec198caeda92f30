#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "embudo/type/v1/options.pb.h"

namespace embudo::rpc {

/// `rep`, `manager`, `admin`, `service`; ROLE_UNSPECIFIED for anything else.
type::v1::Role ParseRole(std::string_view name);
/// Names separated by commas or spaces; unknown ones are passed over, since other systems have roles of their own.
std::vector<type::v1::Role> ParseRoles(std::string_view names);
std::string RoleName(type::v1::Role role);
std::string FormatRoles(const std::vector<type::v1::Role>& roles, std::string_view separator);

}  // namespace embudo::rpc
