#include "services/pipeline/events/pusher.h"

#include <curl/curl.h>
#include <netdb.h>
#include <prometheus/counter.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "common/base/sha256.h"
#include "common/event/cloud_event.h"
#include "common/log/log.h"
#include "services/pipeline/events/push_target.h"
#include "services/pipeline/events/session.h"
#include "services/pipeline/events/subscription.h"
#include "services/pipeline/storage/subscription_store.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::events {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using type::v1::Subscription;

constexpr milliseconds kRefresh{1000};
constexpr milliseconds kSync{200};
constexpr std::chrono::seconds kQuery{10};
/// What is kept of an answer that says no.
constexpr size_t kExcerpt = 500;
constexpr int kGone = 410;
/// A target that asks for a longer pause is tried again all the same.
constexpr std::chrono::seconds kLongestRetryAfter = std::chrono::hours(24);

size_t KeepExcerpt(char* data, size_t size, size_t count, void* out) {
  auto& text = *static_cast<std::string*>(out);
  text.append(data, std::min(size * count, kExcerpt - std::min(kExcerpt, text.size())));
  return size * count;
}

/// Refuses to connect where a name leads to an address that is not public.
curl_socket_t OpenPublic(void* /*unused*/, curlsocktype /*purpose*/, curl_sockaddr* address) {
  char host[NI_MAXHOST];
  const int failed = getnameinfo(&address->addr, address->addrlen, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
  if (failed != 0 || !IsPublicAddress(host)) return CURL_SOCKET_BAD;
  return socket(address->family, address->socktype, address->protocol);
}

std::string Sign(const std::string& secret, const std::string& text) {
  return "v1," + absl::Base64Escape(HmacSha256(secret, text));
}

/// What came of an attempt.
struct Outcome {
  int status = 0;
  std::string error;
  milliseconds duration{0};
  /// The target asks for this pause.
  std::optional<milliseconds> retry_after;
};

/// An attempt under way.
struct Attempt {
  Session::Delivery delivery;
  std::string body;
  std::string answer;
  char error[CURL_ERROR_SIZE] = "";
  curl_slist* headers = nullptr;
  CURL* easy = curl_easy_init();

  Attempt() = default;
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;
  ~Attempt() {
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
  }

  void AddHeader(const std::string& line) { headers = curl_slist_append(headers, line.c_str()); }

  Outcome Ended(CURLcode code) const {
    Outcome outcome;
    int64_t micros = 0;
    curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &micros);
    outcome.duration = milliseconds(micros / 1000);
    if (code != CURLE_OK) {
      outcome.error = error[0] != '\0' ? error : curl_easy_strerror(code);
      return outcome;
    }
    long status = 0;  // NOLINT(google-runtime-int): libcurl's type
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    outcome.status = static_cast<int>(status);
    if (outcome.status / 100 != 2) outcome.error = answer;
    curl_off_t seconds = 0;
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
    if (seconds > 0) outcome.retry_after = std::min(std::chrono::seconds(seconds), kLongestRetryAfter);
    return outcome;
  }
};

}  // namespace

/// One push subscription, as this process reads it. The hub feeds it; all else is the pusher's thread's.
class Pusher::Target final : public Hub::Subscriber {
 public:
  Target(const EventRoom& room, const Options& options, CURLM* multi, Reading reading, metrics::Registry& metrics)
      : room_(room),
        options_(options),
        metrics_(metrics),
        multi_(multi),
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
    if (!items.empty()) curl_multi_wakeup(multi_);
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
  bool Ended(CURL* easy, CURLcode code) {
    const auto found = attempts_.find(easy);
    if (found == attempts_.end()) return false;
    const std::unique_ptr<Attempt> attempt = std::move(found->second);
    attempts_.erase(found);
    const Outcome outcome = attempt->Ended(code);
    curl_multi_remove_handle(multi_, easy);
    Count(outcome);
    Settle(attempt->delivery, outcome);
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
    // Given up here, since the hub may be the last to let go of the target, and the handles are this thread's.
    for (const auto& [easy, attempt] : attempts_) curl_multi_remove_handle(multi_, easy);
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
    auto attempt = std::make_unique<Attempt>();
    attempt->delivery = std::move(delivery);
    const type::v1::Event& event = *attempt->delivery.event;
    attempt->body = event::ToCloudEvent(event).value_or("");
    const std::string time =
        std::to_string(std::chrono::floor<std::chrono::seconds>(room_.clock.Now()).time_since_epoch().count());
    std::string signature;
    for (const Secret& secret : secrets_) {
      if (secret.expire_time && *secret.expire_time <= room_.clock.Now()) continue;
      signature += (signature.empty() ? "" : " ") + Sign(secret.bytes, event.id() + "." + time + "." + attempt->body);
    }
    attempt->AddHeader("content-type: application/cloudevents+json");
    attempt->AddHeader("webhook-id: " + event.id());
    attempt->AddHeader("webhook-timestamp: " + time);
    attempt->AddHeader("webhook-signature: " + signature);
    attempt->AddHeader("expect:");
    CURL* easy = attempt->easy;
    curl_easy_setopt(easy, CURLOPT_URL, reading_.record.push_uri().c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "embudo");
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, attempt->body.c_str());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(attempt->body.size()));
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, attempt->headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, KeepExcerpt);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &attempt->answer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, attempt->error);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));  // NOLINT
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    // A proxy would hide where the name leads.
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    if (!options_.private_targets) curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, OpenPublic);
    curl_multi_add_handle(multi_, easy);
    attempts_.emplace(easy, std::move(attempt));
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
      errors.push_back(CleanText(one.outcome.error));
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

  /// What a stranger answered, as text that PostgreSQL takes.
  static std::string CleanText(const std::string& text) {
    std::string out;
    for (const char c : text) out += c >= ' ' && c <= '~' ? c : '?';
    return out;
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
  CURLM* const multi_;
  std::mutex mutex_;  ///< of reading_, against the hub's threads
  Reading reading_;
  Session session_;
  std::vector<Secret> secrets_;
  std::map<CURL*, std::unique_ptr<Attempt>> attempts_;
  std::vector<Logged> log_;
  Gone gone_ = Gone::kNo;
  steady_clock::time_point next_sync_{};
};

Pusher::Pusher(Options options, const EventRoom& room, metrics::Registry& metrics)
    : options_(options), room_(room), metrics_(metrics), multi_(curl_multi_init()) {}

Pusher::~Pusher() {
  Stop();
  targets_.clear();
  curl_multi_cleanup(multi_);
}

void Pusher::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Pusher::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  curl_multi_wakeup(multi_);
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
    curl_multi_poll(multi_, nullptr, 0, static_cast<int>((busy ? kSync / 4 : kSync).count()), nullptr);
  }
  for (const auto& [key, target] : targets_) {
    room_.hub.Remove(target.get());
    target->Leave();
  }
}

absl::Status Pusher::Refresh() {
  static const std::string sql = "SELECT t.tenant_id, " + storage::SubscriptionTable().SelectList("t") +
                                 " FROM pipeline.subscription t WHERE t.push_uri <> '' AND NOT t.paused"
                                 " AND t.delete_time IS NULL";
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
      auto target =
          std::make_shared<Target>(room_, options_, static_cast<CURLM*>(multi_), *std::move(reading), metrics_);
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
  int running = 0;
  curl_multi_perform(multi_, &running);
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* const easy = message->easy_handle;
    const CURLcode code = message->data.result;
    for (const auto& [key, target] : targets_) {
      if (target->Ended(easy, code)) break;
    }
  }
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
