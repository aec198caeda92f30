#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace embudo::pipeline::logic {

/// The ids of the users that a text mentions, as `@ana` or `@{ana}`, each once, in the order of the text. An at sign
/// inside a word or a mail address is none of a mention; nor is what can't be a user's id.
std::vector<std::string> ParseMentions(std::string_view text);

}  // namespace embudo::pipeline::logic
