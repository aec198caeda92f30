#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace embudo::testing {

/// Where real data sets of others lie, which are not part of this repository.
inline std::filesystem::path SharedDataRoot() {
  const char* root = std::getenv("EMBUDO_SHARED_DATA");
  return root != nullptr ? root : "../shared/data";
}

/// The path of a file or folder of the real data, such as `maven_crm/accounts.csv`; nullopt where it is not there, and
/// then the test skips, saying so: GTEST_SKIP() << kNoSharedData.
inline std::optional<std::string> SharedData(const std::string& relative) {
  const std::filesystem::path path = SharedDataRoot() / relative;
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::nullopt;
  return path.string();
}

inline constexpr char kNoSharedData[] = "the real data is not here; EMBUDO_SHARED_DATA names its folder";

}  // namespace embudo::testing
