#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/connection.h"
#include "common/filter/filter.h"
#include "services/automation/logic/rule.h"

namespace embudo::automation::storage {

/// The rules of tenants that are enabled, compiled, as the database has them: what is kept from an earlier call is used
/// only if none of the tenant's rules and names has changed since. So, in the transaction of a consumer, a rule that
/// was saved before an event was committed is there when the event is handled. One thread at a time.
class RuleCache {
 public:
  using Rules = std::shared_ptr<const logic::RuleSet>;

  /// By tenant; tenants without rules are left out. A rule that no longer compiles is logged and left out.
  absl::StatusOr<std::map<std::string, Rules>> Get(db::Connection& connection, const std::vector<std::string>& tenants);

 private:
  /// What the compiled rules came from: both only grow.
  struct Version {
    int64_t rules = 0;
    int64_t names = 0;
    bool operator==(const Version&) const = default;
  };
  struct Entry {
    Version version;
    Rules rules;
  };

  absl::StatusOr<std::map<std::string, Version>> LoadVersions(db::Connection& connection,
                                                              const std::vector<std::string>& tenants);
  absl::Status Load(db::Connection& connection, const std::string& tenant, const Version& version);

  std::map<std::string, Entry> entries_;
};

/// The tenant's rules that are not deleted.
absl::StatusOr<std::vector<v1::Rule>> LoadRules(db::Connection& connection, const std::string& tenant);

/// Those of the names that are there, as far as events have told, and webhooks.
absl::StatusOr<std::set<std::string>> KnownNames(db::Connection& connection, const std::string& tenant,
                                                 const std::vector<std::string>& names);

/// The templates that stages send on entry, by stage.
absl::StatusOr<std::map<std::string, std::string>> StageTemplates(db::Connection& connection,
                                                                  const std::string& tenant);

/// The tenant's time zone; UTC if none is known.
absl::StatusOr<std::string> TimeZoneOf(db::Connection& connection, const std::string& tenant);

/// Gives a tenant its default rules, unless it has, or had, rules of these names.
absl::Status SeedRules(db::Connection& connection, const std::string& tenant, Time now);

/// Finds names by display_name among what events have told, for conditions. INVALID_ARGUMENT for other fields. Valid as
/// long as the connection.
filter::Resolver ResolverOf(db::Connection& connection, const std::string& tenant);

}  // namespace embudo::automation::storage
