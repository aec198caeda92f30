#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "embudo/capture/v1/duplicate.pb.h"
#include "embudo/type/v1/lead.pb.h"

namespace embudo::capture::logic {

/// Something that leads are found by.
struct MatchKey {
  /// EXTERNAL_ID, EMAIL, PHONE; NAMES, DOMAIN and BLOCK.
  std::string kind;
  std::string key;

  auto operator<=>(const MatchKey&) const = default;
};

/// What tells a lead from all others, the weightiest first: external ids, the mail address, the phone number. `region`
/// is the one that numbers without a country code belong to.
std::vector<MatchKey> ExactKeys(const type::v1::Lead& lead, std::string_view region);
/// The names of company and person as one key; for leads of which nothing else is known. Empty if a name is missing.
std::vector<MatchKey> NamesKey(const type::v1::Lead& lead);
/// All that a lead is found by: the exact keys, the company's domain, and the blocks that those with names like its own
/// share.
std::vector<MatchKey> SearchKeys(const type::v1::Lead& lead, std::string_view region);

/// How sure a reason alone makes it that two leads are one, 0–1; of names: where they are the same.
double ConfidenceOf(v1::Duplicate::Reason reason);
/// The reason that a key of a kind stands for.
v1::Duplicate::Reason ReasonOfKind(std::string_view kind);

/// Another lead, as it is known, and what it was found by.
struct Found {
  std::string lead_id;
  std::vector<std::string> kinds;
  std::string company_name;
  std::string contact_name;
  type::v1::Lead::State state = type::v1::Lead::STATE_UNSPECIFIED;
};
/// Of what was found, what may be the same as the lead: with reasons and confidence, the surest first.
std::vector<v1::Duplicate> Judge(const type::v1::Lead& lead, const std::vector<Found>& found);

/// What is suspicious about a lead, in words.
std::vector<std::string> WarningsOf(const type::v1::Lead& lead);

}  // namespace embudo::capture::logic
