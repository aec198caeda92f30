#include "services/pipeline/events/pusher.h"

#include <curl/curl.h>
#include <netdb.h>
#include <prometheus/counter.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "common/base/error.h"
#include "common/base/sha256.h"
#include "common/event/cloud_event.h"
#include "common/log/log.h"
#include "services/pipeline/events/push_target.h"
#include "services/pipeline/events/session.h"
#include "services/pipeline/events/subscription.h"
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
  Target(const EventRoom& room, const Options& options, CURLM* multi, Reading reading)
      : room_(room),
        options_(options),
        multi_(multi),
        reading_(std::move(reading)),
        session_(room.hub.pool(), room.clock,
                 {.key = reading_.key, .worker = Uuid::V7(Clock::System().Now()).ToString(), .lease = options.lease},
                 reading_.settings, [this](const type::v1::Event& event) { return Matches(event); }) {
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
  bool idle() const { return attempts_.empty(); }

  /// Starts attempts.
  void Push() {
    if (secrets_.empty() || gone_ != Gone::kNo) return;
    while (static_cast<int>(attempts_.size()) < options_.in_flight && session_.Next() != nullptr) {
      Begin(session_.Deliver());
    }
  }

  /// Whether the attempt was this target's.
  bool Ended(CURL* easy, CURLcode code) {
    const auto found = attempts_.find(easy);
    if (found == attempts_.end()) return false;
    const std::unique_ptr<Attempt> attempt = std::move(found->second);
    attempts_.erase(found);
    const Outcome outcome = attempt->Ended(code);
    curl_multi_remove_handle(multi_, easy);
    Settle(attempt->delivery, outcome);
    return true;
  }

  /// The database's part.
  absl::Status Sync() {
    if (steady_clock::now() < next_sync_) return absl::OkStatus();
    next_sync_ = steady_clock::now() + kSync;
    EMBUDO_RETURN_IF_ERROR(LoadSecrets());
    EMBUDO_RETURN_IF_ERROR(WriteLog());
    EMBUDO_RETURN_IF_ERROR(session_.Sync());
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

  bool Matches(const type::v1::Event& event) {
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
    return event.tenant() == call.tenant() && filter->Matches(event, room_.clock.Now()) && room_.may_see(call, event);
  }

  void Begin(Session::Delivery delivery) {
    auto attempt = std::make_unique<Attempt>();
    attempt->delivery = std::move(delivery);
    const type::v1::Event& event = *attempt->delivery.event;
    attempt->body = event::ToCloudEvent(event).value_or("");
    const std::string time =
        std::to_string(std::chrono::floor<std::chrono::seconds>(room_.clock.Now()).time_since_epoch().count());
    std::string signature;
    for (const std::string& secret : secrets_) {
      signature += (signature.empty() ? "" : " ") + Sign(secret, event.id() + "." + time + "." + attempt->body);
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

  absl::Status LoadSecrets() {
    EMBUDO_ASSIGN_OR_RETURN(
        const db::Result rows,
        db::Exec(room_.hub.pool(), "", db::After(kQuery),
                 "SELECT secret FROM pipeline.subscription_secret WHERE tenant_id = $1 AND subscription_id = $2"
                 " AND (expire_time IS NULL OR expire_time > $3) ORDER BY create_time DESC",
                 db::Params::Of(reading_.key.tenant, reading_.key.subscription, room_.clock.Now())));
    secrets_.clear();
    for (int i = 0; i < rows.size(); ++i) secrets_.push_back(rows[i].Bytes(0));
    return absl::OkStatus();
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
    EMBUDO_RETURN_IF_ERROR(
        db::Exec(room_.hub.pool(), "", db::After(kQuery),
                 "UPDATE pipeline.subscription SET paused = true, pause_reason = 'the target answered 410 Gone',"
                 " update_time = $3, revision = revision + 1, version = version + 1"
                 " WHERE tenant_id = $1 AND subscription_id = $2",
                 db::Params::Of(reading_.key.tenant, reading_.key.subscription, room_.clock.Now()))
            .status());
    gone_ = Gone::kTold;
    return absl::OkStatus();
  }

  const EventRoom& room_;
  const Options& options_;
  CURLM* const multi_;
  std::mutex mutex_;  ///< of reading_, against the hub's threads
  Reading reading_;
  Session session_;
  std::vector<std::string> secrets_;
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
    absl::StatusOr<Reading> reading = ReadingOf(room_, tenant, static_cast<const Subscription&>(*record.message));
    if (!reading.ok()) continue;  // its filter was checked when it was saved
    const std::pair key(tenant, reading->key.subscription);
    const auto known = targets_.find(key);
    if (known == targets_.end()) {
      auto target = std::make_shared<Target>(room_, options_, static_cast<CURLM*>(multi_), *std::move(reading));
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
    metrics_.Counter("embudo_push_attempts_total", "Attempts to push an event to a webhook").Increment();
  }
  bool busy = running > 0;
  for (const auto& [key, target] : targets_) {
    const absl::Status status = target->Sync();
    if (!status.ok()) log::Warning("pusher: waiting", {{"subscription", key.second}, {"why", MessageOf(status)}});
    target->Push();
    busy = busy || !target->idle();
  }
  return busy;
}

}  // namespace embudo::pipeline::events
