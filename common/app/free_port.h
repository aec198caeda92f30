#pragma once

#include <string>

namespace embudo::app {

/// Replaces port 0 of an IPv4 address (`127.0.0.1:0`) by one that is free at this moment; other addresses are returned
/// as they are.
std::string WithFreePort(const std::string& listen);

}  // namespace embudo::app
