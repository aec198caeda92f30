#include "services/pipeline/events/tail.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <random>
#include <utility>

#include "common/base/error.h"
#include "common/filter/event_filter.h"
#include "embudo/pipeline/v1/event_service.pb.h"

namespace embudo::pipeline::events {
namespace {

using std::chrono::steady_clock;
using v1::TailRequest;
using v1::TailResponse;
using v1::TailStart;

constexpr int64_t kDefaultEvents = 1000;
constexpr int64_t kDefaultBytes = 8 << 20;
constexpr size_t kResponseBytes = 1 << 20;
// Streams end themselves, so that subscribers spread over new processes.
constexpr std::chrono::minutes kLife{55};

absl::Status InvalidStart(std::string_view why) { return InvalidField("start", why); }

/// One subscriber's stream: what it has, what it may still be sent, and what is on its way.
class Tail final : public rpc::StreamHandler, public Hub::Subscriber, public std::enable_shared_from_this<Tail> {
 public:
  Tail(const EventRoom& room, std::shared_ptr<rpc::BidiStream> stream)
      : room_(room), stream_(std::move(stream)), call_(stream_->context()) {
    std::minstd_rand random(std::random_device{}());
    end_ = steady_clock::now() + kLife + std::chrono::seconds(std::uniform_int_distribution<int>(-240, 240)(random));
  }

  // --- the client's side ---

  void OnMessage(const google::protobuf::Message& message) override {
    const auto& request = static_cast<const TailRequest&>(message);
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    if (!started_ && !request.has_start()) return End(InvalidStart("is required in the first message"));
    if (started_ && request.has_start()) return End(InvalidStart("was given already"));
    if (!started_) {
      const absl::Status status = Begin(request.start());
      if (!status.ok()) return End(status);
      // Until the client speaks of credit, it has a default's worth.
      events_credit_ = request.has_credit() ? 0 : kDefaultEvents;
      bytes_credit_ = request.has_credit() ? 0 : kDefaultBytes;
    }
    if (request.has_credit()) {
      events_credit_ += request.credit().events();
      bytes_credit_ += request.credit().bytes() > 0 ? request.credit().bytes() : kDefaultBytes;
    }
    room_.hub.Wake();
  }

  void OnReadsDone() override {}

  void OnWritable() override {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    SayDraining();
    if (!finished_) room_.hub.Wake();
  }

  void OnDraining() override {
    const std::lock_guard lock(mutex_);
    Drain("the server is about to stop");
  }

  void OnDone() override {
    {
      const std::lock_guard lock(mutex_);
      finished_ = true;
    }
    room_.hub.Remove(this);
  }

  // --- the hub's side ---

  std::optional<Positions> Wants() override {
    const std::lock_guard lock(mutex_);
    const bool takes = positioned_ && !finished_ && !draining_ && !writing_ && events_credit_ > 0 && bytes_credit_ > 0;
    return takes ? std::optional<Positions>(positions_) : std::nullopt;
  }

  void Take(const std::vector<Hub::EventPtr>& events, bool caught_up) override {
    const std::lock_guard lock(mutex_);
    if (finished_ || draining_ || writing_) return;
    TailResponse response;
    size_t bytes = 0;
    bool all = true;
    for (const Hub::EventPtr& event : events) {
      const size_t size = Matches(*event) ? event->ByteSizeLong() : 0;
      const bool full = response.events_size() > 0 &&
                        (response.events_size() >= events_credit_ ||
                         static_cast<int64_t>(bytes + size) > bytes_credit_ || bytes + size > kResponseBytes);
      if (size > 0 && full) {
        all = false;
        break;
      }
      positions_[event->partition()] = event->position();
      if (size == 0) continue;
      *response.add_events() = *event;
      bytes += size;
    }
    const bool reached_end = caught_up && all && !caught_up_;
    caught_up_ = caught_up && all;
    if (reached_end) response.mutable_caught_up();
    if (response.events_size() == 0 && !reached_end) return;
    events_credit_ -= response.events_size();
    bytes_credit_ -= static_cast<int64_t>(bytes);
    Send(response);
  }

  void Tick() override {
    const std::lock_guard lock(mutex_);
    if (finished_ || draining_) return;
    const auto now = steady_clock::now();
    if (now >= end_) return Drain("streams end after about 55 minutes");
    if (!positioned_ || writing_) return;
    if (now - last_sent_ < heartbeat_) return;
    TailResponse response;
    response.mutable_heartbeat();
    Send(response);
  }

 private:
  absl::Status Begin(const TailStart& start) {
    started_ = true;
    EMBUDO_ASSIGN_OR_RETURN(filter_,
                            filter::EventFilter::Compile(start.filter(), room_.lead_schema, {}, "start.filter"));
    if (start.heartbeat_seconds() > 0) heartbeat_ = std::chrono::seconds(start.heartbeat_seconds());
    if (start.from_case() == TailStart::FROM_NOT_SET ||
        (start.has_position() && start.position() == TailStart::POSITION_UNSPECIFIED)) {
      return InvalidStart("needs a cursor, a position or a time; there is no default");
    }
    // Finding the place asks the database, which gRPC's threads must not wait for.
    room_.hub.Post([self = shared_from_this(), start] { self->Locate(start); });
    room_.hub.Add(shared_from_this());
    return absl::OkStatus();
  }

  void Locate(const TailStart& start) {
    absl::StatusOr<Positions> positions = FindPositions(start);
    const absl::StatusOr<std::optional<Time>> earliest = room_.hub.EarliestTime();
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    if (!positions.ok()) return End(positions.status());
    positions_ = *std::move(positions);
    positioned_ = true;
    TailResponse response;
    response.mutable_started();
    if (earliest.ok() && *earliest) *response.mutable_started()->mutable_earliest_time() = ToTimestamp(**earliest);
    Send(response);
  }

  absl::StatusOr<Positions> FindPositions(const TailStart& start) {
    cursors_ = room_.cursors();
    if (cursors_ == nullptr) {
      return Error(absl::StatusCode::kUnavailable, "STARTING", "the service is starting").ToStatus();
    }
    if (start.has_cursor()) return cursors_->Decode(call_.tenant(), start.cursor());
    if (start.has_time()) {
      since_ = FromTimestamp(start.time());
      return room_.hub.At(*since_);
    }
    if (start.position() == TailStart::POSITION_LATEST) return room_.hub.Latest();
    return Positions();
  }

  bool Matches(const type::v1::Event& event) {
    if (event.tenant() != call_.tenant()) return false;
    // The place was found by the events' ids, whose times may be ahead of the events' own.
    if (since_ && FromTimestamp(event.time()) < *since_) return false;
    if (!filter_.Matches(event, room_.clock.Now())) return false;
    return room_.may_see(call_, event);
  }

  void Send(const TailResponse& response) {
    last_sent_ = steady_clock::now();
    TailResponse with_cursor = response;
    with_cursor.set_cursor(cursors_->Encode(call_.tenant(), positions_));
    writing_ = true;
    stream_->Write(with_cursor);
  }

  void Drain(const std::string& reason) {
    if (finished_ || draining_) return;
    // Nothing was asked for, so there is no place to resume from.
    if (!started_) return End(Error(absl::StatusCode::kUnavailable, "DRAINING", reason));
    draining_ = reason;
    SayDraining();
  }

  /// Ends a stream that is to drain, once it has its place and the message on its way has left.
  void SayDraining() {
    if (finished_ || !draining_ || !positioned_ || writing_) return;
    TailResponse response;
    response.mutable_draining()->set_reason(*draining_);
    Send(response);
    End(absl::OkStatus());
  }

  void End(const absl::Status& status) {
    finished_ = true;
    stream_->Finish(status);
  }

  const EventRoom& room_;
  const std::shared_ptr<rpc::BidiStream> stream_;
  const rpc::CallContext call_;

  std::mutex mutex_;
  bool started_ = false;
  bool positioned_ = false;
  bool finished_ = false;
  bool writing_ = false;
  bool caught_up_ = false;
  filter::EventFilter filter_;
  std::shared_ptr<const CursorCodec> cursors_;
  Positions positions_;
  int64_t events_credit_ = 0;
  int64_t bytes_credit_ = 0;
  std::optional<Time> since_;            // what was made before is not sent
  std::optional<std::string> draining_;  // why the stream is to end
  steady_clock::duration heartbeat_ = std::chrono::seconds(10);
  steady_clock::time_point last_sent_ = steady_clock::now();
  steady_clock::time_point end_;
};

}  // namespace

std::unique_ptr<rpc::Service> MakeEventService(const EventRoom& room) {
  auto service = std::make_unique<rpc::Service>(TailRequest::descriptor()->file()->service(0));
  service->Bidi("Tail", [&room](std::shared_ptr<rpc::BidiStream> stream) -> std::shared_ptr<rpc::StreamHandler> {
    return std::make_shared<Tail>(room, std::move(stream));
  });
  return service;
}

}  // namespace embudo::pipeline::events
