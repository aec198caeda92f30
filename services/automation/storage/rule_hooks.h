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

/// Gives the rule another key and secret.
absl::Status PutRuleHook(db::Pool& pool, const std::string& tenant, const std::string& rule_id, const std::string& key,
                         const std::string& secret, Time now, db::Deadline deadline);

}  // namespace embudo::automation::storage
