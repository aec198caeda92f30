#include "services/capture/logic/directory.h"

#include "common/base/ids.h"
#include "common/text/unicode.h"

namespace embudo::capture::logic {
namespace {

// No name or id has a line feed that the file's reader and FoldWhitespace left in.
std::string Join(std::string_view a, std::string_view b, std::string_view c) {
  std::string out(a);
  out += '\n';
  out += b;
  out += '\n';
  out += c;
  return out;
}

}  // namespace

std::string NameKey(std::string_view text) { return text::ToLower(text::FoldWhitespace(text)); }

void Directory::AddRecord(const std::string& kind, const std::string& name, std::string_view display_name) {
  if (!display_names_.emplace(name, display_name).second) return;
  const auto [at, added] = by_text_.try_emplace(Join(kind, NameKey(display_name), ""), Found{name, false});
  if (!added) at->second.ambiguous = true;
}

void Directory::AddExternalId(const std::string& kind, const std::string& name, std::string_view system,
                              std::string_view id) {
  by_external_id_.emplace(Join(kind, system, id), name);
}

void Directory::AddText(const std::string& kind, const std::string& name, std::string_view text) {
  by_text_.try_emplace(Join(kind, NameKey(text), ""), Found{name, false});
}

Directory::Found Directory::Find(const std::string& kind, std::string_view text, std::string_view system) const {
  if (text.find('/') != std::string_view::npos && Has(std::string(text))) return {std::string(text), false};
  if (const std::string name = FindExternalId(kind, system, text); !name.empty()) return {name, false};
  const auto named = by_text_.find(Join(kind, NameKey(text), ""));
  if (named != by_text_.end()) return named->second;
  // The names of users, teams and products are made of what the other system calls them.
  const bool made = kind == kUsers || kind == kTeams || kind == kProducts;
  std::string name = made ? kind + "s/" + SlugOf(text) : "";
  return made && Has(name) ? Found{std::move(name), false} : Found();
}

std::string Directory::FindExternalId(const std::string& kind, std::string_view system, std::string_view id) const {
  const auto found = by_external_id_.find(Join(kind, system, id));
  return found == by_external_id_.end() ? "" : found->second;
}

std::string Directory::DisplayNameOf(const std::string& name) const {
  const auto found = display_names_.find(name);
  return found == display_names_.end() ? "" : found->second;
}

std::string Directory::TeamOf(const std::string& user) const {
  const auto found = team_of_.find(user);
  return found == team_of_.end() ? "" : found->second;
}

void Directory::AddStage(const std::string& id, std::string_view display_name, const StageEntry& stage) {
  stages_[NameKey(id)] = stage;
  const auto [at, added] = stages_.emplace(NameKey(display_name), stage);
  if (!added && at->second.name != stage.name) at->second.ambiguous = true;
}

const StageEntry* Directory::FindStage(std::string_view text) const {
  const auto found = stages_.find(NameKey(text));
  return found == stages_.end() ? nullptr : &found->second;
}

}  // namespace embudo::capture::logic
