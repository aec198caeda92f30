#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "embudo/automation/v1/rule.pb.h"

namespace embudo::automation::storage {

/// A rule that another system may set off, and whose it is.
struct HookedRule {
  std::string tenant;
  v1::Rule rule;
  std::string secret;
};

/// Whether a text can be the key of an address at all.
bool IsHookKey(std::string_view text);
/// A new one: 128 random bits.
std::string NewHookKey();

/// The enabled rule of that key; nullopt if there is none. `pool` is of the worker role: the tenant is not known yet.
absl::StatusOr<std::optional<HookedRule>> FindHookedRule(db::Pool& pool, const std::string& key, db::Deadline deadline);

/// The key of a rule's address, and the secret that calls are signed with.
struct RuleHook {
  std::string key;
  std::string secret;
};
/// Gives the rule another key and secret.
absl::Status PutRuleHook(db::Connection& connection, const std::string& tenant, const std::string& rule_id,
                         const RuleHook& hook, Time now);
/// Those that the rule has; nullopt if none were made.
absl::StatusOr<std::optional<RuleHook>> FindRuleHook(db::Connection& connection, const std::string& tenant,
                                                     const std::string& rule_id);

}  // namespace embudo::automation::storage
