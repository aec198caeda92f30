#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/filter/filter.h"
#include "services/reporting/logic/quota.h"
#include "services/reporting/rpc/reading.h"

namespace embudo::reporting {

/// The targets of a tenant, as a caller's report is measured by them.
class QuotaSource {
 public:
  /// Of a report with a filter, only one by a single team or owner (`team = "teams/west"`) has a quota; and the report
  /// of a representative who sees the own leads has the user's.
  static absl::StatusOr<QuotaSource> Load(Reading& reading, const filter::Filter& filter);

  /// The quota of `whose`, a team or user; empty: of the whole report.
  std::optional<google::type::Money> Of(const std::string& whose, Day from, Day to) const;

 private:
  QuotaSource(logic::Quotas quotas, std::optional<std::string> whole)
      : quotas_(std::move(quotas)), whole_(std::move(whole)) {}

  logic::Quotas quotas_;
  /// Whose quota the whole report has; empty: the tenant's; nullopt: none.
  std::optional<std::string> whole_;
};

}  // namespace embudo::reporting
