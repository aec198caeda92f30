#include "common/rpc/roles.h"

#include <array>
#include <utility>

namespace embudo::rpc {
namespace {

constexpr std::array<std::pair<std::string_view, type::v1::Role>, 4> kRoles = {{
    {"rep", type::v1::ROLE_REP},
    {"manager", type::v1::ROLE_MANAGER},
    {"admin", type::v1::ROLE_ADMIN},
    {"service", type::v1::ROLE_SERVICE},
}};

}  // namespace

type::v1::Role ParseRole(std::string_view name) {
  for (const auto& [known, role] : kRoles) {
    if (name == known) return role;
  }
  return type::v1::ROLE_UNSPECIFIED;
}

std::vector<type::v1::Role> ParseRoles(std::string_view names) {
  std::vector<type::v1::Role> out;
  while (!names.empty()) {
    const size_t end = std::min(names.find_first_of(", "), names.size());
    const type::v1::Role role = ParseRole(names.substr(0, end));
    if (role != type::v1::ROLE_UNSPECIFIED) out.push_back(role);
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return out;
}

std::string RoleName(type::v1::Role role) {
  for (const auto& [name, known] : kRoles) {
    if (role == known) return std::string(name);
  }
  return "";
}

std::string FormatRoles(const std::vector<type::v1::Role>& roles, std::string_view separator) {
  std::string out;
  for (const auto role : roles) {
    const std::string name = RoleName(role);
    if (name.empty()) continue;
    if (!out.empty()) out += separator;
    out += name;
  }
  return out;
}

}  // namespace embudo::rpc
