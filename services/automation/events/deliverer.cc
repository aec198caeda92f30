#include "services/automation/events/deliverer.h"

#include <prometheus/counter.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/log/log.h"
#include "embudo/pipeline/v1/notification_service.pb.h"
#include "services/automation/events/run_context.h"
#include "services/automation/logic/delivery.h"
#include "services/automation/storage/people.h"

namespace embudo::automation::events {
namespace {

using http::WebhookClient;
using storage::HeldDelivery;

constexpr std::chrono::seconds kStatementTimeout{10};
constexpr std::chrono::seconds kCallTimeout{5};
constexpr int kGone = 410;

bool Arrived(const WebhookClient::Outcome& outcome) { return outcome.status / 100 == 2; }

}  // namespace

Deliverer::Deliverer(Options options, db::Pool& pool, rpc::Client& pipeline, const Clock& clock,
                     metrics::Registry& metrics)
    : options_(options), pool_(pool), pipeline_(pipeline), clock_(clock), metrics_(metrics), client_(options.client) {}

Deliverer::~Deliverer() { Stop(); }

void Deliverer::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Deliverer::Stop() {
  stopping_ = true;
  client_.Wake();
  if (thread_.joinable()) thread_.join();
}

void Deliverer::Run() {
  auto next_look = std::chrono::steady_clock::time_point::min();
  while (!stopping_) {
    if (std::chrono::steady_clock::now() >= next_look) {
      const absl::StatusOr<bool> taken = Take();
      if (!taken.ok()) log::Warning("automation: can't look for deliveries", {{"why", MessageOf(taken.status())}});
      next_look =
          std::chrono::steady_clock::now() + (taken.value_or(false) ? std::chrono::milliseconds(0) : options_.poll);
    }
    const std::vector<WebhookClient::Outcome> ended = client_.Await(options_.poll);
    // Something ended, or was queued, or a poll is over.
    next_look = std::chrono::steady_clock::time_point::min();
    for (const WebhookClient::Outcome& outcome : ended) {
      const auto found = sending_.find(outcome.tag);
      if (found == sending_.end()) continue;
      const HeldDelivery held = std::move(found->second);
      sending_.erase(found);
      const absl::Status status = Settle(held, outcome);
      // It is sent again when its lease is over, under the same id.
      if (!status.ok()) log::Warning("automation: a delivery's end was not saved", {{"why", MessageOf(status)}});
    }
  }
}

std::vector<storage::WebhookKey> Deliverer::Busy() const {
  std::map<storage::WebhookKey, int> counts;
  std::vector<storage::WebhookKey> busy;
  for (const auto& [id, held] : sending_) {
    const int count = ++counts[held.key];
    if (count == options_.in_flight_of_one || (held.failing_since && count == 1)) busy.push_back(held.key);
  }
  return busy;
}

absl::StatusOr<bool> Deliverer::Take() {
  const int room = options_.in_flight - static_cast<int>(sending_.size());
  if (room <= 0) return false;
  std::vector<HeldDelivery> taken;
  {
    const Time now = clock_.Now();
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
    EMBUDO_ASSIGN_OR_RETURN(taken, storage::TakeDeliveries(*lease, std::min(room, options_.in_flight_of_one), Busy(),
                                                           now, now + options_.lease));
  }
  const bool any = !taken.empty();
  for (HeldDelivery& held : taken) Send(std::move(held));
  return any;
}

void Deliverer::Send(HeldDelivery held) {
  if (held.secrets.empty()) {
    const absl::Status status = Settle(held, {.error = "the webhook has no secret: RotateWebhookSecret makes one"});
    if (!status.ok()) log::Warning("automation: a delivery's end was not saved", {{"why", MessageOf(status)}});
    return;
  }
  client_.Begin({.tag = held.delivery_id,
                 .id = held.delivery_id,
                 .uri = held.uri,
                 .content_type = "application/cloudevents+json",
                 .body = held.payload,
                 .secrets = held.secrets},
                clock_.Now());
  std::string id = held.delivery_id;
  sending_.insert_or_assign(std::move(id), std::move(held));
}

absl::Status Deliverer::Settle(const HeldDelivery& held, const WebhookClient::Outcome& outcome) {
  const Time now = clock_.Now();
  const bool arrived = Arrived(outcome);
  metrics_
      .Counter("embudo_automation_webhook_attempts_total", "Attempts to send to webhooks, by how they ended",
               {{"outcome", arrived               ? "delivered"
                            : outcome.status == 0 ? "unreachable"
                                                  : "refused"}})
      .Increment();
  storage::DeliveryOutcome saved{.arrived = arrived, .status_code = outcome.status, .error = outcome.error};
  saved.given_up = !arrived && now - held.create_time >= logic::kDeliveryPatience;
  saved.next = now + logic::DeliveryBackOff(held.attempts);
  if (outcome.retry_after) saved.next = now + *outcome.retry_after;
  std::string disable;
  const absl::Status status =
      db::RunInTx(pool_, "", db::After(kStatementTimeout), [&](db::Connection& connection) -> absl::Status {
        EMBUDO_RETURN_IF_ERROR(storage::SaveOutcome(connection, held, saved, now));
        if (arrived) {
          return held.failing_since ? storage::EndFailure(connection, held.key) : absl::OkStatus();
        }
        EMBUDO_ASSIGN_OR_RETURN(disable, CountFailure(connection, held, outcome.status, now));
        return disable.empty() ? absl::OkStatus() : storage::DisableWebhook(connection, held.key, disable, now);
      });
  if (!status.ok()) return status;
  return disable.empty() ? absl::OkStatus() : TellAdministrators(held, disable);
}

absl::StatusOr<std::string> Deliverer::CountFailure(db::Connection& connection, const HeldDelivery& held, int status,
                                                    Time now) {
  if (status == kGone) return std::string("it answered 410 Gone");
  EMBUDO_ASSIGN_OR_RETURN(const int failures, storage::CountFailure(connection, held.key, now));
  EMBUDO_RETURN_IF_ERROR(storage::PauseWebhook(connection, held.key, now + logic::WebhookPause(failures)));
  if (!held.failing_since || now - *held.failing_since < logic::kDeliveryPatience) return std::string();
  return "it has failed since " + FormatTime(*held.failing_since);
}

absl::Status Deliverer::TellAdministrators(const HeldDelivery& held, const std::string& why) {
  log::Warning("automation: a webhook was disabled",
               {{"tenant", held.key.tenant}, {"webhook", held.key.webhook_id}, {"why", why}});
  pipeline::v1::NotifyUsersRequest request;
  {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
    EMBUDO_ASSIGN_OR_RETURN(const auto users, storage::FindUsersOfRole(*lease, held.key.tenant, type::v1::ROLE_ADMIN));
    request.mutable_users()->Assign(users.begin(), users.end());
  }
  if (request.users().empty()) return absl::OkStatus();
  request.set_lead(held.lead);
  request.set_text("webhooks/" + held.key.webhook_id + " was disabled: " + why);
  request.set_request_id(
      Uuid::V5(EmbudoUuidSpace(), "disabled " + held.key.tenant + " " + held.key.webhook_id + " " + held.delivery_id)
          .ToString());
  return pipeline_
      .Call<pipeline::v1::NotifyUsersResponse>("embudo.pipeline.v1.NotificationService/NotifyUsers",
                                               IdentityOf(held.key.tenant), request, kCallTimeout)
      .status();
}

}  // namespace embudo::automation::events
