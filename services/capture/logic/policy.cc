#include "services/capture/logic/policy.h"

#include <string>

#include "common/base/error.h"
#include "common/text/unicode.h"

namespace embudo::capture::logic {
namespace {

using type::v1::Lead;
using v1::Duplicate;
using v1::DuplicateRule;

DuplicateRule Rule(Duplicate::Reason reason, DuplicateRule::Action action,
                   Lead::Channel channel = Lead::CHANNEL_UNSPECIFIED) {
  DuplicateRule rule;
  rule.set_reason(reason);
  rule.set_channel(channel);
  rule.set_action(action);
  return rule;
}

bool Fits(const DuplicateRule& rule, const Circumstance& circumstance, Duplicate::Reason reason, double confidence) {
  if (rule.reason() != Duplicate::REASON_UNSPECIFIED && rule.reason() != reason) return false;
  if (rule.channel() != Lead::CHANNEL_UNSPECIFIED && rule.channel() != circumstance.channel) return false;
  if (!rule.source().empty() && text::ToLower(rule.source()) != circumstance.source) return false;
  return confidence >= rule.min_confidence();
}

int Strength(DuplicateRule::Action action) {
  switch (action) {
    case DuplicateRule::ACTION_MERGE:
      return 3;
    case DuplicateRule::ACTION_ATTACH:
      return 2;
    case DuplicateRule::ACTION_FLAG:
      return 1;
    default:
      return 0;
  }
}

}  // namespace

const std::vector<DuplicateRule>& DefaultRules() {
  static const std::vector<DuplicateRule> rules = {
      Rule(Duplicate::REASON_EXTERNAL_ID, DuplicateRule::ACTION_ATTACH),
      Rule(Duplicate::REASON_EMAIL, DuplicateRule::ACTION_ATTACH),
      // Who calls says little but the number; who fills a form in may give the number of a switchboard.
      Rule(Duplicate::REASON_PHONE, DuplicateRule::ACTION_ATTACH, Lead::CHANNEL_PHONE_CALL),
      Rule(Duplicate::REASON_PHONE, DuplicateRule::ACTION_FLAG),
      Rule(Duplicate::REASON_COMPANY_AND_PERSON, DuplicateRule::ACTION_FLAG),
      // Several people of one company are several leads.
      Rule(Duplicate::REASON_COMPANY_DOMAIN, DuplicateRule::ACTION_CREATE),
  };
  return rules;
}

DuplicateRule::Action Decide(const v1::CaptureSettings& settings, const Circumstance& circumstance,
                             Duplicate::Reason reason, double confidence) {
  for (const DuplicateRule& rule : settings.duplicate_rules()) {
    if (Fits(rule, circumstance, reason, confidence)) return rule.action();
  }
  for (const DuplicateRule& rule : DefaultRules()) {
    if (Fits(rule, circumstance, reason, confidence)) return rule.action();
  }
  return DuplicateRule::ACTION_CREATE;
}

DuplicateRule::Action Decide(const v1::CaptureSettings& settings, const Circumstance& circumstance,
                             const Duplicate& duplicate) {
  DuplicateRule::Action strongest = DuplicateRule::ACTION_CREATE;
  for (const int reason : duplicate.reasons()) {
    const DuplicateRule::Action action =
        Decide(settings, circumstance, static_cast<Duplicate::Reason>(reason), duplicate.confidence());
    if (Strength(action) > Strength(strongest)) strongest = action;
  }
  return strongest;
}

absl::Status CheckRules(const DuplicateRules& rules, const std::string& path) {
  for (int i = 0; i < rules.size(); ++i) {
    if (rules[i].action() != DuplicateRule::ACTION_UNSPECIFIED) continue;
    return InvalidField(path + "[" + std::to_string(i) + "].action", "is required");
  }
  return absl::OkStatus();
}

void PutFirst(const DuplicateRules& rules, v1::CaptureSettings& settings) {
  if (rules.empty()) return;
  DuplicateRules all = rules;
  all.Add(settings.duplicate_rules().begin(), settings.duplicate_rules().end());
  settings.mutable_duplicate_rules()->Swap(&all);
}

}  // namespace embudo::capture::logic
