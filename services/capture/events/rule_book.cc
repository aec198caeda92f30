#include "services/capture/events/rule_book.h"

#include "common/base/error.h"
#include "services/capture/storage/public_keys.h"

namespace embudo::capture::events {

absl::StatusOr<Settlement::Rules> RuleBook::OfTenant(const Bringer& who) {
  Settlement::Rules rules;
  EMBUDO_ASSIGN_OR_RETURN(rules.region, regions_.Of(who.identity));
  EMBUDO_ASSIGN_OR_RETURN(rules.settings, settings_.Get(who.tenant, who.deadline));
  return rules;
}

absl::Status RuleBook::AddSource(const Bringer& who, const v1::CaptureLeadRequest& request, Settlement::Rules* rules) {
  EMBUDO_ASSIGN_OR_RETURN(const auto own, storage::SourceRules(pool_, who.tenant, request.payload(), who.deadline));
  logic::PutFirst(own, rules->settings);
  return absl::OkStatus();
}

}  // namespace embudo::capture::events
