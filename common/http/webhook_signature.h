#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"

namespace embudo::http {

/// Signatures of webhooks as Standard Webhooks has them (https://www.standardwebhooks.com): HMAC-SHA256 over id, time
/// and body.

/// How a secret is shown to people: `whsec_` and base64.
std::string ShowSecret(std::string_view secret);
/// 32 random bytes.
std::string NewSecret();

/// `webhook-timestamp`: seconds since 1970.
std::string WebhookTimestamp(Time time);
/// `webhook-signature`: one signature a secret.
std::string WebhookSignature(const std::vector<std::string>& secrets, std::string_view id, std::string_view timestamp,
                             std::string_view body);
/// UNAUTHENTICATED, reason SIGNATURE_MISSING, SIGNATURE_WRONG or TIMESTAMP_OUT_OF_RANGE (five minutes).
absl::Status VerifyWebhook(const std::string& secret, std::string_view id, std::string_view timestamp,
                           std::string_view signature, std::string_view body, Time now);

}  // namespace embudo::http
