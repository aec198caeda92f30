#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace embudo::tidy {

/// What is wrong with a file of the repository, each as `path:line: why`: an #include against the layering, a library
/// that is included outside its folder, a word that is banned, a line or a file that is too long.
/// `path` is relative to the repository's root.
std::vector<std::string> Check(std::string_view path, std::string_view text);

/// The files of the repository that Check is for, relative to `root`.
std::vector<std::string> FilesOf(const std::string& root);

}  // namespace embudo::tidy
