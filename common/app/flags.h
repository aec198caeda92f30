#pragma once

#include <string>
#include <variant>
#include <vector>

#include "common/app/app.h"

namespace embudo::app {

/// Reads flags and environment. The alternative is the exit code of a process that has nothing more to do (--help, or a
/// wrong flag), after it has said so.
std::variant<Config, int> ParseFlags(const std::string& service, const std::vector<Option>& options, int argc,
                                     char** argv);

}  // namespace embudo::app
