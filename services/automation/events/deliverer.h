#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "common/base/background.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/http/webhook_client.h"
#include "common/metrics/metrics.h"
#include "common/rpc/client.h"
#include "services/automation/storage/webhooks.h"

namespace embudo::automation::events {

/// Sends what rules send to webhooks. A delivery is a due row, so several processes share the work, and one whose
/// sender is lost is sent again under the same id. A webhook that fails takes up one attempt at a time, and no other's.
class Deliverer : public Background {
 public:
  struct Options {
    http::WebhookClient::Options client;
    /// Attempts at once, and of one webhook.
    int in_flight = 64;
    int in_flight_of_one = 8;
    /// How long a delivery is held before another process may send it: more than an attempt takes.
    std::chrono::milliseconds lease{120000};
    std::chrono::milliseconds poll{250};
  };

  /// `pool` is of the automation_worker role.
  Deliverer(Options options, db::Pool& pool, rpc::Client& pipeline, const Clock& clock, metrics::Registry& metrics);
  ~Deliverer() override;

  void Start() override;
  /// Ends at once; what is under way is sent again.
  void Stop() override;
  /// A delivery was queued.
  void Wake() { client_.Wake(); }

 private:
  void Run();
  /// Whether there was something to send.
  absl::StatusOr<bool> Take();
  void Send(storage::HeldDelivery held);
  absl::Status Settle(const storage::HeldDelivery& held, const http::WebhookClient::Outcome& outcome);
  /// What a failure means for the webhook; returns why it is to be disabled, empty if not.
  absl::StatusOr<std::string> CountFailure(db::Connection& connection, const storage::HeldDelivery& held, int status,
                                           Time now);
  /// Tells the administrators, about the lead that was to be sent.
  absl::Status TellAdministrators(const storage::HeldDelivery& held, const std::string& why);
  std::vector<storage::WebhookKey> Busy() const;

  const Options options_;
  db::Pool& pool_;
  rpc::Client& pipeline_;
  const Clock& clock_;
  metrics::Registry& metrics_;
  http::WebhookClient client_;
  std::map<std::string, storage::HeldDelivery> sending_;  ///< by the key that the client knows it by
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace embudo::automation::events
