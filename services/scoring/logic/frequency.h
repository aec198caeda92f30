#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace embudo::scoring::logic {

/// The variable that every model has, and the one whose rare values say nothing.
inline constexpr std::string_view kStage = "stage";
inline constexpr std::string_view kTag = "tag";
/// What a new row has in both columns before anything is counted, and the least that a count can be: a value that was
/// never seen to win must not rule out that it ever does.
inline constexpr double kSmoothing = 0.1;

/// A variable of a lead and its value, as text.
struct Couple {
  std::string variable;
  std::string value;

  auto operator<=>(const Couple&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14 minds <=>'s zero
};

/// What one closed lead adds to the frequencies: one to the won, or to the lost, count of each couple.
struct Contribution {
  bool won = false;
  /// Id of the team whose rows it goes to; empty: those of leads without team.
  std::string team;
  std::vector<Couple> couples;

  bool operator==(const Contribution&) const = default;
};

struct Counts {
  double won = kSmoothing;
  double lost = kSmoothing;

  bool operator==(const Counts&) const = default;
};

/// What a row counts.
struct RowKey {
  std::string team;
  Couple couple;

  auto operator<=>(const RowKey&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14 minds <=>'s zero
};

/// How often each value was seen on won and on lost leads, by team: the memory of the naive Bayes model. Counts have
/// one decimal. It may hold a part of a tenant's rows: those that a change needs.
class FrequencyTable {
 public:
  void Add(const Contribution& contribution);
  /// Takes away what was added. Never makes a row.
  void Subtract(const Contribution& contribution);
  /// The team is gone: what its leads have taught goes to the rows of leads without team.
  void DissolveTeam(const std::string& team);

  /// Puts in a row as it is stored.
  void Put(RowKey key, Counts counts) { rows_[std::move(key)] = counts; }
  const std::map<RowKey, Counts>& rows() const { return rows_; }
  /// Keys of the rows that were changed, added or (then they are not in rows()) removed.
  const std::set<RowKey>& changed() const { return changed_; }

 private:
  std::map<RowKey, Counts> rows_;
  std::set<RowKey> changed_;
};

}  // namespace embudo::scoring::logic
