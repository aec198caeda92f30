#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/base/background.h"
#include "common/http/webhook_client.h"
#include "common/metrics/metrics.h"
#include "services/pipeline/events/event_room.h"
#include "services/pipeline/events/subscription.h"

namespace embudo::pipeline::events {

/// Pushes the events of push subscriptions to their webhooks, signed as Standard Webhooks has it
/// (https://www.standardwebhooks.com): HMAC-SHA256 over id, time and body, by each secret that is valid. It reads a
/// subscription as a worker does (Session), so several processes share one.
class Pusher : public Background {
 public:
  struct Options {
    /// Whether targets in private networks are allowed.
    bool private_targets = false;
    std::chrono::milliseconds timeout{30000};  ///< of one attempt
    int in_flight = 8;                         ///< attempts at once, of one subscription
    int in_flight_in_all = 256;                ///< attempts at once, of all
    std::chrono::milliseconds lease{10000};    ///< see Session
  };

  Pusher(Options options, const EventRoom& room, metrics::Registry& metrics);
  ~Pusher() override;

  void Start() override;
  void Stop() override;

 private:
  class Target;

  void Run();
  /// Finds the subscriptions that are to be pushed now.
  absl::Status Refresh();
  /// What they sign with, of all in one question.
  absl::Status LoadSecrets();
  /// The reading of a record that can be pushed; switches off one that can't. nullopt: not now.
  std::optional<Reading> ReadingOf(const std::string& tenant, const resource::Record& record, bool known);
  /// Which of them have events in their lanes that are due.
  absl::Status FindDue();
  /// Whether attempts are under way.
  bool Work();

  const Options options_;
  const EventRoom& room_;
  metrics::Registry& metrics_;
  http::WebhookClient client_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<Target>> targets_;  ///< by tenant and id
  std::set<std::pair<std::string, std::string>> due_;
  std::chrono::steady_clock::time_point next_due_{};
  std::mutex mutex_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace embudo::pipeline::events
