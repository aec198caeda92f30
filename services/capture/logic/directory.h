#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

namespace embudo::capture::logic {

/// Kinds of records that a row may refer to, as a Directory keeps them apart.
inline constexpr char kUsers[] = "user";
inline constexpr char kTeams[] = "team";
inline constexpr char kCompanies[] = "company";
inline constexpr char kPeople[] = "contact";
inline constexpr char kProducts[] = "product";
inline constexpr char kTags[] = "tag";
inline constexpr char kLostReasons[] = "lost reason";

/// A stage of the import's pipeline.
struct StageEntry {
  std::string name;
  bool is_won = false;
  /// Another stage has the same display name.
  bool ambiguous = false;
};

/// The tenant's records by whatever may name them in a file: resource name, display name (case and white space do not
/// count), or id in another system.
class Directory {
 public:
  void AddRecord(const std::string& kind, const std::string& name, std::string_view display_name);
  void AddExternalId(const std::string& kind, const std::string& name, std::string_view system, std::string_view id);
  /// A further text that names the record: a mail address.
  void AddText(const std::string& kind, const std::string& name, std::string_view text);

  struct Found {
    /// Empty: there is none.
    std::string name;
    /// Several have this display name; `name` is the first that was added.
    bool ambiguous = false;
  };
  Found Find(const std::string& kind, std::string_view text, std::string_view system) const;
  /// The record that has this id in that system; empty if there is none.
  std::string FindExternalId(const std::string& kind, std::string_view system, std::string_view id) const;
  /// Whether a record of this name was added.
  bool Has(const std::string& name) const { return display_names_.contains(name); }
  /// A record's display name; empty if it is not there.
  std::string DisplayNameOf(const std::string& name) const;

  void AddMember(const std::string& user, const std::string& team) { team_of_.emplace(user, team); }
  /// The first team that the user is a member of; empty if there is none.
  std::string TeamOf(const std::string& user) const;

  /// A stage of the import's pipeline, by its id and by its display name.
  void AddStage(const std::string& id, std::string_view display_name, const StageEntry& stage);
  const StageEntry* FindStage(std::string_view text) const;

 private:
  std::unordered_map<std::string, Found> by_text_;
  std::unordered_map<std::string, std::string> by_external_id_;
  std::unordered_map<std::string, std::string> display_names_;
  std::unordered_map<std::string, std::string> team_of_;
  std::unordered_map<std::string, StageEntry> stages_;
};

/// How texts are compared that name the same: without regard to case and white space.
std::string NameKey(std::string_view text);

}  // namespace embudo::capture::logic
