#include <prometheus/counter.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/filter/event_filter.h"
#include "services/pipeline/events/event_service.h"
#include "services/pipeline/events/session.h"
#include "services/pipeline/events/stream_frame.h"
#include "services/pipeline/events/subscription.h"

namespace embudo::pipeline::events {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using v1::ConsumeRequest;
using v1::ConsumeResponse;
using v1::Nack;

/// How often it looks whether the subscription has changed.
constexpr milliseconds kRefresh{1000};
/// How often it looks whether its events are still kept.
constexpr std::chrono::seconds kCheck{30};
/// The longest that acknowledgements wait to be written.
constexpr milliseconds kSync{100};
/// No event is kept for longer.
constexpr std::chrono::days kLongestPause{400};

/// Whether an error passes by itself.
bool IsOfTheDatabase(const absl::Status& status) {
  return !absl::IsNotFound(status) && !absl::IsFailedPrecondition(status) && !absl::IsOutOfRange(status) &&
         !absl::IsInvalidArgument(status);
}

/// One worker's stream of a durable subscription.
class Consume final : public StreamFrame<ConsumeRequest, ConsumeResponse>,
                      public std::enable_shared_from_this<Consume> {
 public:
  Consume(const EventRoom& room, std::shared_ptr<rpc::BidiStream> stream) : StreamFrame(room, std::move(stream)) {}

  void OnDone() override {
    Done();
    room_.hub.Remove(this);
    room_.hub.Post([self = shared_from_this()] {
      if (self->session_ != nullptr) self->session_->Leave().IgnoreError();  // else the leases run out
    });
  }

  std::optional<Hub::Want> Wants() override {
    const std::lock_guard lock(mutex_);
    if (!CanSend() || paused_) return std::nullopt;
    Fill();
    return session_->Wants();
  }

  void Take(const std::vector<LogItem>& items, bool caught_up) override {
    session_->Take(items, caught_up);
    const std::lock_guard lock(mutex_);
    Fill();
  }

 protected:
  absl::Status Begin(const ConsumeRequest& request) override {
    name_ = request.start().subscription();
    room_.hub.Post([self = shared_from_this()] { self->Open(); });
    room_.hub.Add(shared_from_this());
    return absl::OkStatus();
  }

  void Handle(const ConsumeRequest& request) override {
    if (session_ == nullptr) return;
    for (const std::string& id : request.acks()) session_->Ack(id);
    for (const std::string& id : request.extensions()) session_->Extend(id);
    for (const Nack& nack : request.nacks()) Refuse(nack);
    Count("acknowledged", request.acks_size());
    if (session_->dirty()) SyncSoon();
  }

  void FillHeartbeat(ConsumeResponse::Heartbeat& heartbeat) override {
    heartbeat.set_backlog(session_->Backlog(room_.hub));
    heartbeat.set_outstanding(session_->outstanding());
    heartbeat.set_paused(paused_);
  }

  void OnTick() override {
    if (hidden_) {
      return End(Error(absl::StatusCode::kPermissionDenied, "EVENT_NOT_VISIBLE",
                       name_ + " has events that the caller may not see; they wait for a worker that may")
                     .Resource("embudo.dev/Subscription", name_));
    }
    session_->Expire();
    if (session_->dirty() || steady_clock::now() >= next_sync_) SyncSoon();
  }

 private:
  void Count(const std::string& outcome, int count) {
    if (count == 0) return;
    room_.metrics
        .Counter("embudo_consume_deliveries_total", "Deliveries to workers, and what these said of them",
                 {{"outcome", outcome}})
        .Increment(count);
  }

  void Refuse(const Nack& nack) {
    const bool parks = nack.action() == Nack::ACTION_PARK;
    const bool skips = nack.action() == Nack::ACTION_SKIP;
    Count(parks ? "parked" : skips ? "skipped" : "retried", 1);
    switch (nack.action()) {
      case Nack::ACTION_PARK:
        return session_->Park(nack.event_id(), nack.reason());
      case Nack::ACTION_SKIP:
        return session_->Skip(nack.event_id());
      default: {
        std::optional<milliseconds> after;
        if (nack.has_retry_after()) {
          const auto longest = std::chrono::seconds(kLongestPause).count();
          after = std::max(milliseconds(0),
                           std::chrono::seconds(std::clamp<int64_t>(nack.retry_after().seconds(), 0, longest)) +
                               milliseconds(nack.retry_after().nanos() / 1000000));
        }
        session_->Retry(nack.event_id(), after, nack.reason());
      }
    }
  }

  /// The subscription as it is now; FAILED_PRECONDITION if workers don't read it.
  absl::StatusOr<Reading> Read(const rpc::CallContext& call) {
    absl::StatusOr<Reading> reading = ReadSubscription(room_, call, name_);
    if (!reading.ok() || reading->record.push_uri().empty()) return reading;
    return Error(absl::StatusCode::kFailedPrecondition, "PUSH_SUBSCRIPTION", name_ + " is pushed to a webhook")
        .Violation("SUBSCRIPTION", name_, "is pushed to a webhook")
        .ToStatus();
  }

  /// Reads the subscription and takes the first partitions; on the hub's thread for the database.
  void Open() {
    const rpc::CallContext call = Caller();
    const absl::StatusOr<Reading> reading = Read(call);
    absl::Status status = reading.ok() ? CheckKept(room_, reading->key) : reading.status();
    std::unique_ptr<Session> session;
    if (status.ok()) {
      session = std::make_unique<Session>(
          room_.hub.pool(), room_.clock,
          Session::Options{.key = reading->key, .worker = Uuid::V7(Clock::System().Now()).ToString()},
          reading->settings, [this](const type::v1::Event& event) { return Judge(event); });
      Use(*session, *reading, call);
      status = session->Sync();
    }
    const std::lock_guard lock(mutex_);
    session_ = std::move(session);
    if (finished_) return;
    if (!status.ok()) return End(status);
    paused_ = reading->record.paused();
    positioned_ = true;
    next_sync_ = steady_clock::now() + kSync;
    ConsumeResponse response;
    response.mutable_started();
    Send(response);
  }

  Session::Verdict Judge(const type::v1::Event& event) {
    rpc::CallContext call;
    std::shared_ptr<const filter::EventFilter> filter;
    {
      const std::lock_guard lock(reading_mutex_);
      filter = filter_;
      call = caller_;
    }
    const absl::StatusOr<EventRoom::Verdict> verdict = room_.Judge(call, *filter, event);
    if (verdict.ok() && *verdict != EventRoom::Verdict::kHidden) {
      return *verdict == EventRoom::Verdict::kShown ? Session::Verdict::kDeliver : Session::Verdict::kSkip;
    }
    // An event that this worker may not see waits for one that may; it takes none away from others.
    if (verdict.ok()) hidden_ = true;
    return Session::Verdict::kStop;
  }

  void Use(Session& session, const Reading& reading, const rpc::CallContext& call) {
    session.Configure(reading.settings);
    const std::lock_guard lock(reading_mutex_);
    filter_ = reading.filter;
    caller_ = call;
  }

  /// Sends what may be sent.
  void Fill() {
    if (!CanSend() || session_ == nullptr || paused_) return;
    ConsumeResponse response;
    size_t bytes = 0;
    while (HasCredit()) {
      const Hub::EventPtr next = session_->Next();
      if (next == nullptr) break;
      const size_t size = next->ByteSizeLong();
      if (!Fits(response.deliveries_size(), bytes, size)) break;
      const Session::Delivery delivery = session_->Deliver();
      *response.add_deliveries()->mutable_event() = *delivery.event;
      response.mutable_deliveries(response.deliveries_size() - 1)->set_attempt(delivery.attempt);
      bytes += size;
    }
    const bool caught_up = session_->caught_up();
    if (caught_up && !caught_up_) response.mutable_caught_up();
    caught_up_ = caught_up;
    if (response.deliveries_size() == 0 && !response.has_caught_up()) return;
    Count("delivered", response.deliveries_size());
    Spend(response.deliveries_size(), bytes);
    Send(response);
  }

  void SyncSoon() {
    if (syncing_) return;
    syncing_ = true;
    room_.hub.Post([self = shared_from_this()] { self->Sync(); });
  }

  void Sync() {
    absl::Status ended;
    if (steady_clock::now() >= next_refresh_) {
      next_refresh_ = steady_clock::now() + kRefresh;
      const rpc::CallContext call = Caller();
      const absl::StatusOr<Reading> reading = Read(call);
      if (reading.ok()) Use(*session_, *reading, call);
      ended = reading.status();
      if (ended.ok() && steady_clock::now() >= next_check_) {
        next_check_ = steady_clock::now() + kCheck;
        ended = CheckKept(room_, reading->key);
      }
      // A database that is away is waited for.
      if (IsOfTheDatabase(ended)) ended = absl::OkStatus();
      const std::lock_guard lock(mutex_);
      if (reading.ok()) paused_ = reading->record.paused();
    }
    session_->Sync().IgnoreError();  // tried again at the next tick
    const std::vector<int> partitions = session_->partitions();
    const std::lock_guard lock(mutex_);
    syncing_ = false;
    next_sync_ = steady_clock::now() + kSync;
    if (finished_) return;
    if (!ended.ok()) return End(ended);
    if (partitions != partitions_ && CanSend()) {
      partitions_ = partitions;
      ConsumeResponse response;
      for (const int partition : partitions) response.mutable_assigned()->add_partitions(partition);
      response.mutable_assigned();
      Send(response);
    }
    room_.hub.Wake(this);
  }

  std::string name_;
  std::unique_ptr<Session> session_;  // set once, before positioned_
  bool paused_ = false;
  bool caught_up_ = false;
  bool syncing_ = false;
  std::vector<int> partitions_;
  steady_clock::time_point next_sync_{};
  // On the hub's thread alone.
  steady_clock::time_point next_refresh_{};
  steady_clock::time_point next_check_ = steady_clock::now() + kCheck;

  std::atomic<bool> hidden_ = false;  ///< it has met an event that the caller may not see

  std::mutex reading_mutex_;
  std::shared_ptr<const filter::EventFilter> filter_;
  rpc::CallContext caller_;
};

}  // namespace

std::shared_ptr<rpc::StreamHandler> MakeConsume(const EventRoom& room, std::shared_ptr<rpc::BidiStream> stream) {
  return std::make_shared<Consume>(room, std::move(stream));
}

}  // namespace embudo::pipeline::events
