#pragma once

#include <string>
#include <string_view>

namespace embudo {

/// Appends `text` as a JSON string. NUL and broken UTF-8 never reach this: the RPC adapter refuses them.
void AppendJsonString(std::string& out, std::string_view text);

}  // namespace embudo
