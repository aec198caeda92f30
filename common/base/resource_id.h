#pragma once

#include <string>
#include <string_view>

namespace embudo {

/// The last id of a resource name: `north` of `teams/north`.
inline std::string IdOf(std::string_view name) { return std::string(name.substr(name.rfind('/') + 1)); }

}  // namespace embudo
