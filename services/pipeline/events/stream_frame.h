#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "common/base/error.h"
#include "common/rpc/service.h"
#include "embudo/pipeline/v1/event_service.pb.h"
#include "services/pipeline/events/event_room.h"

namespace embudo::pipeline::events {

/// What the streams of events have in common, whatever they carry: credit, heartbeats, markers, the token's renewal,
/// and the end. A subclass places the stream and fills its messages. `mutex_` guards everything; the methods that are
/// not overrides want it held.
template <class Request, class Response>
class StreamFrame : public rpc::StreamHandler, public Hub::Subscriber {
 public:
  void OnMessage(const google::protobuf::Message& message) final {
    const auto& request = static_cast<const Request&>(message);
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    if (!started_ && !request.has_start()) return End(InvalidField("start", "is required in the first message"));
    if (started_ && request.has_start()) return End(InvalidField("start", "was given already"));
    if (!started_) {
      started_ = true;
      if (request.start().heartbeat_seconds() > 0) {
        heartbeat_ = std::chrono::seconds(request.start().heartbeat_seconds());
      }
      const absl::Status status = Begin(request);
      if (!status.ok()) return End(status);
    }
    AddCredit(request);
    if (!request.token().empty()) Renew(request.token());
    if (finished_) return;
    Handle(request);
    room_.hub.Wake(this);
  }

  void OnReadsDone() override {}

  void OnWritable() final {
    const std::lock_guard lock(mutex_);
    SetWriting(0);
    SayDraining();
    if (!finished_) room_.hub.Wake(this);
  }

  void OnDraining() final {
    const std::lock_guard lock(mutex_);
    Drain("the server is about to stop");
  }

  void Tick() final {
    const std::lock_guard lock(mutex_);
    if (finished_ || draining_) return;
    const auto now = std::chrono::steady_clock::now();
    if (now >= end_) return Drain("streams end after about 55 minutes");
    if (CheckToken() || !positioned_ || writing_) return;
    OnTick();
    if (finished_ || writing_ || now - last_sent_ < heartbeat_) return;
    Response response;
    FillHeartbeat(*response.mutable_heartbeat());
    Send(response);
  }

 protected:
  StreamFrame(const EventRoom& room, std::shared_ptr<rpc::BidiStream> stream)
      : room_(room), stream_(std::move(stream)), call_(stream_->context()) {
    std::minstd_rand random(std::random_device{}());
    end_ = std::chrono::steady_clock::now() + kLife +
           std::chrono::seconds(std::uniform_int_distribution<int>(-240, 240)(random));
  }

  /// The first message. What it finds out by asking the database it does in a task of the hub's, which ends in Placed.
  virtual absl::Status Begin(const Request& request) = 0;
  /// What a message, also the first, holds beside its start, credit and token.
  virtual void Handle(const Request& /*request*/) {}
  /// Completes a message that is about to be sent.
  virtual void Stamp(Response& /*response*/) {}
  virtual void FillHeartbeat(typename Response::Heartbeat& heartbeat) = 0;
  /// A cursor to resume from, for a stream that ends with an error; empty where the server keeps the place.
  virtual std::string Resume() { return ""; }
  /// Some times a second.
  virtual void OnTick() {}

  /// The caller, as it is now; without the lock.
  rpc::CallContext Caller() {
    const std::lock_guard lock(mutex_);
    return call_;
  }
  const std::string& tenant() const { return stream_->context().tenant(); }

  bool CanSend() const { return positioned_ && !finished_ && !draining_ && !writing_; }
  bool HasCredit() const { return events_credit_ > 0 && bytes_credit_ > 0; }
  /// Whether an event of that size still fits a response with `count` events of `bytes` together.
  bool Fits(int count, size_t bytes, size_t size) const {
    return count == 0 || (count < events_credit_ && static_cast<int64_t>(bytes + size) <= bytes_credit_ &&
                          bytes + size <= kResponseBytes);
  }
  void Spend(int count, size_t bytes) {
    events_credit_ -= count;
    bytes_credit_ -= static_cast<int64_t>(bytes);
  }

  void Send(Response& response) {
    last_sent_ = std::chrono::steady_clock::now();
    Stamp(response);
    SetWriting(std::max<size_t>(1, response.ByteSizeLong()));
    stream_->Write(response);
  }

  void End(const absl::Status& status) {
    finished_ = true;
    stream_->Finish(status);
  }

  const EventRoom& room_;
  const std::shared_ptr<rpc::BidiStream> stream_;

  /// Of the stream's OnDone: nothing is on its way any more.
  void Done() {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    SetWriting(0);
  }

  std::mutex mutex_;
  /// The identity in it is renewed with the token.
  rpc::CallContext call_;
  bool started_ = false;
  bool positioned_ = false;
  bool finished_ = false;
  bool writing_ = false;

 private:
  static constexpr int64_t kDefaultEvents = 1000;
  static constexpr int64_t kDefaultBytes = 8 << 20;
  // Of an answer, as far as single events allow: what a subscriber that reads nothing keeps in memory.
  static constexpr size_t kResponseBytes = 256 << 10;
  // Streams end themselves, so that subscribers spread over new processes.
  static constexpr std::chrono::minutes kLife{55};
  static constexpr std::chrono::minutes kTokenWarning{1};

  /// The size of the message that is on its way; 0: none is.
  void SetWriting(size_t bytes) {
    room_.hub.AddInFlight(static_cast<int64_t>(bytes) - static_cast<int64_t>(on_its_way_));
    on_its_way_ = bytes;
    writing_ = bytes > 0;
  }

  void AddCredit(const Request& request) {
    // Until the client speaks of credit, it has a default's worth.
    if (!credited_ && !request.has_credit()) {
      events_credit_ = kDefaultEvents;
      bytes_credit_ = kDefaultBytes;
    }
    credited_ = true;
    if (!request.has_credit()) return;
    events_credit_ += request.credit().events();
    bytes_credit_ += request.credit().bytes() > 0 ? request.credit().bytes() : kDefaultBytes;
  }

  void Renew(const std::string& token) {
    absl::StatusOr<rpc::Identity> identity = stream_->Renew(token);
    if (!identity.ok()) return End(identity.status());
    call_.identity = *std::move(identity);
    warned_ = false;
  }

  /// Warns of a token that expires soon, and ends the stream when it has. Whether it did one of them.
  bool CheckToken() {
    const std::optional<Time>& expiry = call_.identity.expire_time;
    if (!expiry) return false;
    const Time now = room_.clock.Now();
    if (now >= *expiry) {
      End(Error(absl::StatusCode::kUnauthenticated, "TOKEN_EXPIRED", "the token has expired, and no other came")
              .Meta("cursor", positioned_ ? Resume() : ""));
      return true;
    }
    if (warned_ || !CanSend() || now < *expiry - kTokenWarning) return false;
    warned_ = true;
    Response response;
    *response.mutable_token_expiring()->mutable_expire_time() = ToTimestamp(*expiry);
    Send(response);
    return true;
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
    Response response;
    response.mutable_draining()->set_reason(*draining_);
    Send(response);
    End(absl::OkStatus());
  }

  int64_t events_credit_ = 0;
  int64_t bytes_credit_ = 0;
  bool credited_ = false;
  size_t on_its_way_ = 0;
  bool warned_ = false;                  ///< that the token expires
  std::optional<std::string> draining_;  ///< why the stream is to end
  std::chrono::steady_clock::duration heartbeat_ = std::chrono::seconds(10);
  std::chrono::steady_clock::time_point last_sent_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point end_;
};

}  // namespace embudo::pipeline::events
