#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/db/connection.h"
#include "embudo/automation/v1/run.pb.h"

namespace embudo::automation::storage {

/// Puts a delivery to the webhook (`webhooks/{webhook}`) behind those of the same lead; one of that id that is there
/// stays. Returns why there is nothing to send to; empty: it is queued.
absl::StatusOr<std::string> QueueDelivery(db::Connection& connection, const std::string& tenant,
                                          const std::string& webhook, const Uuid& id, const v1::Run& run,
                                          const std::string& payload, Time now);

/// A webhook of a tenant.
struct WebhookKey {
  std::string tenant;
  std::string webhook_id;
  auto operator<=>(const WebhookKey&) const = default;
};

/// A delivery that is due, held by a sender.
struct HeldDelivery {
  WebhookKey key;
  std::string delivery_id;
  std::string lead;
  int attempts = 0;  ///< with this one
  Time create_time;
  std::string payload;
  std::string uri;
  std::vector<std::string> secrets;  ///< that are good, the newest first
  /// Since when the webhook fails; nullopt: it does not.
  std::optional<Time> failing_since;
};

/// Takes up to `limit` deliveries that are due, none of the webhooks in `busy`, none whose predecessor of the same lead
/// has not arrived, and one of a webhook that fails. Each counts an attempt, and is due again at `lease_end` should the
/// sender be lost.
absl::StatusOr<std::vector<HeldDelivery>> TakeDeliveries(db::Connection& connection, int limit,
                                                         const std::vector<WebhookKey>& busy, Time now, Time lease_end);

/// What came of an attempt.
struct DeliveryOutcome {
  bool arrived = false;
  /// Given up; else, if it did not arrive, it is due again at `next`.
  bool given_up = false;
  Time next;
  int status_code = 0;
  std::string error;
};
absl::Status SaveOutcome(db::Connection& connection, const HeldDelivery& held, const DeliveryOutcome& outcome,
                         Time now);

/// The webhook answers again.
absl::Status EndFailure(db::Connection& connection, const WebhookKey& key);
/// Counts a failure, before whose end nothing is tried: `pause_until` of that many. Returns how many there were on end.
absl::StatusOr<int> CountFailure(db::Connection& connection, const WebhookKey& key, Time now);
absl::Status PauseWebhook(db::Connection& connection, const WebhookKey& key, Time until);
/// Disables a webhook and gives up all that waits for it.
absl::Status DisableWebhook(db::Connection& connection, const WebhookKey& key, const std::string& why, Time now);

/// Gives the webhook a new secret; the one before is good until `previous_end`. Returns whether there was one.
absl::StatusOr<bool> PutWebhookSecret(db::Connection& connection, const WebhookKey& key, const std::string& secret,
                                      Time now, Time previous_end);
/// The secrets that a webhook has, those that still sign and those whose day is over.
absl::StatusOr<std::vector<std::string>> WebhookSecrets(db::Connection& connection, const WebhookKey& key);

}  // namespace embudo::automation::storage
