#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "embudo/capture/v1/duplicate.pb.h"

namespace embudo::capture::logic {

/// What is known of a submission where a rule is sought.
struct Circumstance {
  type::v1::Lead::Channel channel = type::v1::Lead::CHANNEL_UNSPECIFIED;
  /// UTM source, lower case.
  std::string source;
};

/// The rules that hold where none of the tenant's fits.
const std::vector<v1::DuplicateRule>& DefaultRules();
/// What is done about a lead that has something in common with the submission.
v1::DuplicateRule::Action Decide(const v1::CaptureSettings& settings, const Circumstance& circumstance,
                                 v1::Duplicate::Reason reason, double confidence);
/// The strongest of what is done for each of the reasons: MERGE, ATTACH, FLAG, CREATE.
v1::DuplicateRule::Action Decide(const v1::CaptureSettings& settings, const Circumstance& circumstance,
                                 const v1::Duplicate& duplicate);

using DuplicateRules = google::protobuf::RepeatedPtrField<v1::DuplicateRule>;
/// INVALID_ARGUMENT if a rule is none; `path` is theirs in the request.
absl::Status CheckRules(const DuplicateRules& rules, const std::string& path);
/// Puts the rules of a form or a hook before those of the tenant.
void PutFirst(const DuplicateRules& rules, v1::CaptureSettings& settings);

}  // namespace embudo::capture::logic
