#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/filter/filter.h"
#include "embudo/automation/v1/rule.pb.h"

namespace embudo::automation::logic {

inline constexpr int kMaxRules = 500;
inline constexpr int kMaxActions = 100;
inline constexpr int kMaxBranches = 5;

/// INVALID_ARGUMENT for a rule that could never run: fields by their path in the request (`rule.trigger`,
/// `rule.actions[0].assign.team`), conditions by position.
absl::Status Validate(const v1::Rule& rule, const filter::Resolver& resolver);

/// A record that a rule names, and where.
struct Reference {
  std::string path;
  std::string name;
  /// `embudo.dev/Stage`
  std::string type;
};
/// All of them: stages, users, teams, tags, webhooks, templates.
std::vector<Reference> ReferencesOf(const v1::Rule& rule);

}  // namespace embudo::automation::logic
