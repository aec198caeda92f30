#include "services/pipeline/events/pusher.h"

#include <prometheus/counter.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "common/db/served.h"
#include "common/event/cloud_event.h"
#include "common/log/log.h"
#include "services/pipeline/events/session.h"
#include "services/pipeline/events/subscription.h"
#include "services/pipeline/storage/subscription_store.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::events {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using type::v1::Subscription;
using Outcome = http::WebhookClient::Outcome;

constexpr milliseconds kRefresh{1000};
constexpr milliseconds kSync{200};
constexpr std::chrono::seconds kQuery{10};
constexpr int kGone = 410;

}  // namespace

/// One push subscription, as this process reads it. The hub feeds it; all else is the pusher's thread's.
class Pusher::Target final : public Hub::Subscriber {
 public:
  Target(const EventRoom& room, const Options& options, http::WebhookClient& client, Reading reading,
         metrics::Registry& metrics)
      : room_(room),
        options_(options),
        metrics_(metrics),
        client_(client),
        reading_(std::move(reading)),
        session_(room.hub.pool(), room.clock,
                 {.key = reading_.key, .worker = Uuid::V7(Clock::System().Now()).ToString(), .lease = options.lease},
                 reading_.settings, [this](const type::v1::Event& event) { return Judge(event); }) {
    Use(std::move(reading_));
  }

  ~Target() override = default;

  std::optional<Hub::Want> Wants() override { return session_.Wants(); }
  void Take(const std::vector<LogItem>& items, bool caught_up) override {
    session_.Take(items, caught_up);
    if (!items.empty()) client_.Wake();
  }
  void Tick() override {}

  void Use(Reading reading) {
    Session::Settings settings = reading.settings;
    // An attempt ends by itself, with an outcome.
    settings.ack_deadline = std::chrono::ceil<std::chrono::seconds>(options_.timeout * 4);
    session_.Configure(settings);
    gone_ = Gone::kNo;
    const std::lock_guard lock(mutex_);
    reading_ = std::move(reading);
  }

  const Subscription& record() const { return reading_.record; }
  int attempts() const { return static_cast<int>(attempts_.size()); }

  /// What it signs with, and until when.
  struct Secret {
    std::string bytes;
    std::optional<Time> expire_time;
  };
  void Use(std::vector<Secret> secrets) { secrets_ = std::move(secrets); }

  /// Starts attempts, `most` of them.
  void Push(int most) {
    if (secrets_.empty() || gone_ != Gone::kNo) return;
    const int end = attempts() + most;
    while (attempts() < std::min(options_.in_flight, end) && session_.Next() != nullptr) Begin(session_.Deliver());
  }

  /// Whether the attempt was this target's.
  bool Ended(const Outcome& outcome) {
    const auto found = attempts_.find(outcome.tag);
    if (found == attempts_.end()) return false;
    const Session::Delivery delivery = std::move(found->second);
    attempts_.erase(found);
    Count(outcome);
    Settle(delivery, outcome);
    return true;
  }

  /// The database's part. `due`: events in its lane are.
  absl::Status Sync(bool due) {
    if (!due && steady_clock::now() < next_sync_) return absl::OkStatus();
    next_sync_ = steady_clock::now() + kSync;
    EMBUDO_RETURN_IF_ERROR(WriteLog());
    EMBUDO_RETURN_IF_ERROR(session_.Sync(due));
    return gone_ == Gone::kSaid ? Pause() : absl::OkStatus();
  }

  void Leave() {
    for (const auto& [tag, delivery] : attempts_) client_.Cancel(tag);
    attempts_.clear();
    WriteLog().IgnoreError();
    session_.Leave().IgnoreError();  // else the leases run out
  }

 private:
  /// Whether the target has answered that it is no more, and whether the record tells it.
  enum class Gone { kNo, kSaid, kTold };

  struct Logged {
    Session::Delivery delivery;
    Outcome outcome;
    Time time;
    std::optional<Time> next_time;
  };

  Session::Verdict Judge(const type::v1::Event& event) {
    rpc::CallContext call;
    std::shared_ptr<const filter::EventFilter> filter;
    {
      const std::lock_guard lock(mutex_);
      filter = reading_.filter;
      call.identity.tenant = reading_.key.tenant;
      call.identity.actor = reading_.record.creator();
      for (const int role : reading_.record.creator_roles()) {
        call.identity.roles.push_back(static_cast<type::v1::Role>(role));
      }
    }
    const absl::StatusOr<EventRoom::Verdict> verdict = room_.Judge(call, *filter, event);
    if (!verdict.ok()) return Session::Verdict::kStop;
    return *verdict == EventRoom::Verdict::kShown ? Session::Verdict::kDeliver : Session::Verdict::kSkip;
  }

  void Begin(Session::Delivery delivery) {
    const type::v1::Event& event = *delivery.event;
    std::vector<std::string> secrets;
    for (const Secret& secret : secrets_) {
      if (!secret.expire_time || *secret.expire_time > room_.clock.Now()) secrets.push_back(secret.bytes);
    }
    std::string tag = reading_.key.tenant + "/" + reading_.key.subscription + "/" + event.id();
    client_.Begin({.tag = tag,
                   .id = event.id(),
                   .uri = reading_.record.push_uri(),
                   .content_type = "application/cloudevents+json",
                   .body = event::ToCloudEvent(event).value_or(""),
                   .secrets = std::move(secrets)},
                  room_.clock.Now());
    attempts_.insert_or_assign(std::move(tag), std::move(delivery));
  }

  void Count(const Outcome& outcome) {
    const std::string what = outcome.status == 0         ? "unreachable"
                             : outcome.status / 100 == 2 ? "delivered"
                             : outcome.status == kGone   ? "gone"
                                                         : "refused";
    metrics_
        .Counter("embudo_push_attempts_total", "Attempts to push an event to a webhook, by outcome",
                 {{"outcome", what}})
        .Increment();
  }

  void Settle(const Session::Delivery& delivery, const Outcome& outcome) {
    const std::string& id = delivery.event->id();
    std::optional<Time> next;
    if (outcome.status / 100 == 2) {
      session_.Ack(id);
    } else if (outcome.status == kGone) {
      if (gone_ == Gone::kNo) gone_ = Gone::kSaid;
      next = session_.Retry(id, std::nullopt, "410 Gone");
    } else {
      const std::string why = outcome.status == 0 ? outcome.error : "HTTP " + std::to_string(outcome.status);
      next = session_.Retry(id, outcome.retry_after, why);
    }
    log_.push_back({delivery, outcome, room_.clock.Now(), next});
  }

  absl::Status WriteLog() {
    if (log_.empty()) return absl::OkStatus();
    std::vector<std::string> ids, events, partitions, positions, attempts, times, statuses, errors, durations;
    std::vector<std::optional<std::string>> nexts;
    for (const Logged& one : log_) {
      ids.push_back(Uuid::V7(one.time).ToString());
      events.push_back(one.delivery.event->id());
      partitions.push_back(std::to_string(one.delivery.event->partition()));
      positions.push_back(std::to_string(one.delivery.event->position()));
      attempts.push_back(std::to_string(one.delivery.attempt));
      times.push_back(FormatTime(one.time));
      statuses.push_back(std::to_string(one.outcome.status));
      errors.push_back(one.outcome.error);
      durations.push_back(std::to_string(one.outcome.duration.count()));
      nexts.push_back(one.next_time ? std::optional(FormatTime(*one.next_time)) : std::nullopt);
    }
    EMBUDO_RETURN_IF_ERROR(
        db::Exec(room_.hub.pool(), "", db::After(kQuery),
                 "INSERT INTO pipeline.push_delivery (tenant_id, subscription_id, delivery_id, event_id, partition,"
                 " position, attempt, time, status_code, error, duration_ms, next_time) SELECT $1, $2, * FROM unnest("
                 "$3::uuid[], $4::uuid[], $5::smallint[], $6::bigint[], $7::int[], $8::timestamptz[], $9::int[],"
                 " $10::text[], $11::int[], $12::timestamptz[]) ON CONFLICT DO NOTHING",
                 db::Params::Of(reading_.key.tenant, reading_.key.subscription, ids, events, partitions, positions,
                                attempts, times, statuses, errors, durations, nexts))
            .status());
    log_.clear();
    return absl::OkStatus();
  }

  absl::Status Pause() {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, room_.hub.pool().Acquire("", db::After(kQuery)));
    EMBUDO_RETURN_IF_ERROR(
        storage::PauseSubscription(*lease, reading_.key, "the target answered 410 Gone", room_.clock.Now()));
    gone_ = Gone::kTold;
    return absl::OkStatus();
  }

  const EventRoom& room_;
  const Options& options_;
  metrics::Registry& metrics_;
  http::WebhookClient& client_;
  std::mutex mutex_;  ///< of reading_, against the hub's threads
  Reading reading_;
  Session session_;
  std::vector<Secret> secrets_;
  std::map<std::string, Session::Delivery> attempts_;  ///< by the tag of the call
  std::vector<Logged> log_;
  Gone gone_ = Gone::kNo;
  steady_clock::time_point next_sync_{};
};

Pusher::Pusher(Options options, const EventRoom& room, metrics::Registry& metrics)
    : options_(options),
      room_(room),
      metrics_(metrics),
      client_({.private_targets = options.private_targets, .timeout = options.timeout}) {}

Pusher::~Pusher() {
  Stop();
  targets_.clear();
}

void Pusher::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Pusher::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  client_.Wake();
  if (thread_.joinable()) thread_.join();
}

void Pusher::Run() {
  auto next_refresh = steady_clock::time_point::min();
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) break;
    }
    if (steady_clock::now() >= next_refresh) {
      const absl::Status status = Refresh();
      if (!status.ok()) log::Warning("pusher: waiting", {{"why", MessageOf(status)}});
      next_refresh = steady_clock::now() + kRefresh;
    }
    const bool busy = Work();
    for (const Outcome& outcome : client_.Await(busy ? kSync / 4 : kSync)) {
      for (const auto& [key, target] : targets_) {
        if (target->Ended(outcome)) break;
      }
    }
  }
  for (const auto& [key, target] : targets_) {
    room_.hub.Remove(target.get());
    target->Leave();
  }
}

absl::Status Pusher::Refresh() {
  static const std::string sql = "SELECT t.tenant_id, " + storage::SubscriptionTable().SelectList("t") +
                                 " FROM pipeline.subscription t WHERE t.push_uri <> '' AND NOT t.paused"
                                 " AND t.delete_time IS NULL" EMBUDO_SERVED("t");
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(room_.hub.pool(), "", db::After(kQuery), sql, {}));
  std::map<std::pair<std::string, std::string>, std::shared_ptr<Target>> now;
  for (int i = 0; i < rows.size(); ++i) {
    const std::string tenant(rows[i].Text(0));
    const resource::Record record = storage::SubscriptionTable().Read(rows[i], 1);
    const auto known = targets_.find({tenant, IdOf(resource::NameOf(*record.message))});
    std::optional<Reading> reading = ReadingOf(tenant, record, known != targets_.end());
    if (!reading) continue;
    const std::pair key(tenant, reading->key.subscription);
    if (known == targets_.end()) {
      auto target = std::make_shared<Target>(room_, options_, client_, *std::move(reading), metrics_);
      room_.hub.Add(target);
      now.emplace(key, std::move(target));
    } else {
      if (known->second->record().etag() != reading->record.etag()) known->second->Use(*std::move(reading));
      now.emplace(key, known->second);
    }
  }
  for (const auto& [key, target] : targets_) {
    if (now.contains(key)) continue;
    room_.hub.Remove(target.get());
    target->Leave();
  }
  targets_ = std::move(now);
  return absl::OkStatus();
}

std::optional<Reading> Pusher::ReadingOf(const std::string& tenant, const resource::Record& record, bool known) {
  const auto& subscription = static_cast<const Subscription&>(*record.message);
  absl::StatusOr<Reading> reading = events::ReadingOf(room_, tenant, subscription);
  std::string why;
  if (!reading.ok()) {
    why = "its filter is none any more: " + MessageOf(reading.status());
  } else if (!known) {
    const absl::StatusOr<int64_t> expired = CountExpired(room_, reading->key);
    if (!expired.ok()) return std::nullopt;
    if (*expired > 0) {
      why = "events that it had still to push are no longer kept (" + std::to_string(*expired) +
            " places of the log): seek, then switch it on";
    }
  }
  if (why.empty()) return *std::move(reading);
  absl::StatusOr<db::Pool::Lease> lease = room_.hub.pool().Acquire("", db::After(kQuery));
  const absl::Status paused =
      lease.ok() ? storage::PauseSubscription(**lease, {tenant, IdOf(subscription.name())}, why, room_.clock.Now())
                 : lease.status();
  if (!paused.ok()) log::Warning("pusher: can't pause", {{"why", MessageOf(paused)}});
  return std::nullopt;
}

absl::Status Pusher::LoadSecrets() {
  if (targets_.empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(room_.hub.pool(), "", db::After(kQuery),
               "SELECT tenant_id, subscription_id, secret, expire_time FROM pipeline.subscription_secret"
               " WHERE expire_time IS NULL OR expire_time > $1 ORDER BY create_time DESC",
               db::Params::Of(room_.clock.Now())));
  std::map<std::pair<std::string, std::string>, std::vector<Target::Secret>> secrets;
  for (int i = 0; i < rows.size(); ++i) {
    secrets[{std::string(rows[i].Text(0)), std::string(rows[i].Text(1))}].push_back(
        {rows[i].Bytes(2), rows[i].IsNull(3) ? std::nullopt : std::optional(rows[i].TimeAt(3))});
  }
  for (const auto& [key, target] : targets_) target->Use(std::move(secrets[key]));
  return absl::OkStatus();
}

absl::Status Pusher::FindDue() {
  if (steady_clock::now() < next_due_) return absl::OkStatus();
  next_due_ = steady_clock::now() + kSync;
  due_.clear();
  if (targets_.empty()) return absl::OkStatus();
  EMBUDO_RETURN_IF_ERROR(LoadSecrets());
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(room_.hub.pool(), "", db::After(kQuery),
                                   "SELECT DISTINCT tenant_id, subscription_id FROM pipeline.subscription_lane"
                                   " WHERE park_time IS NULL AND next_time <= $1",
                                   db::Params::Of(room_.clock.Now())));
  for (int i = 0; i < rows.size(); ++i) due_.emplace(rows[i].Text(0), rows[i].Text(1));
  return absl::OkStatus();
}

bool Pusher::Work() {
  if (const absl::Status status = FindDue(); !status.ok()) {
    log::Warning("pusher: waiting", {{"why", MessageOf(status)}});
  }
  int under_way = 0;
  for (const auto& [key, target] : targets_) under_way += target->attempts();
  for (const auto& [key, target] : targets_) {
    const absl::Status status = target->Sync(due_.erase(key) > 0);
    if (!status.ok()) log::Warning("pusher: waiting", {{"subscription", key.second}, {"why", MessageOf(status)}});
    const int before = target->attempts();
    target->Push(options_.in_flight_in_all - under_way);
    under_way += target->attempts() - before;
  }
  return under_way > 0;
}

}  // namespace embudo::pipeline::events
