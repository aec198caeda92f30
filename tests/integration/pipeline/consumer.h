#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/testing/eventually.h"
#include "embudo/pipeline/v1/event_service.pb.h"
#include "tests/integration/suite.h"

namespace embudo::testing {

/// A worker of a subscription that takes down all that it is sent, and acknowledges what it is told to.
class Consumer {
 public:
  using Response = pipeline::v1::ConsumeResponse;
  using Delivery = Response::Delivery;

  Consumer(const Caller& caller, const std::string& subscription, int64_t events = 1000)
      : stream_(caller.Stream("embudo.pipeline.v1.EventService/Consume")) {
    pipeline::v1::ConsumeRequest first;
    first.mutable_start()->set_subscription(subscription);
    first.mutable_start()->set_heartbeat_seconds(1);
    first.mutable_credit()->set_events(events);
    stream_->Write(first);
    reader_ = std::thread([this] { Read(); });
  }
  ~Consumer() {
    stream_->Cancel();
    reader_.join();
  }

  void Ack(const std::string& event_id) {
    pipeline::v1::ConsumeRequest request;
    request.add_acks(event_id);
    stream_->Write(request);
  }
  void AckAll() {
    pipeline::v1::ConsumeRequest request;
    for (const Delivery& delivery : deliveries()) request.add_acks(delivery.event().id());
    stream_->Write(request);
  }
  void Nack(const std::string& event_id, pipeline::v1::Nack::Action action, int64_t seconds = 0,
            const std::string& reason = "") {
    pipeline::v1::ConsumeRequest request;
    pipeline::v1::Nack& nack = *request.add_nacks();
    nack.set_event_id(event_id);
    nack.set_action(action);
    nack.set_reason(reason);
    nack.mutable_retry_after()->set_seconds(seconds);
    stream_->Write(request);
  }
  void Credit(int64_t events) {
    pipeline::v1::ConsumeRequest request;
    request.mutable_credit()->set_events(events);
    stream_->Write(request);
  }
  void Renew(const std::string& token) {
    pipeline::v1::ConsumeRequest request;
    request.set_token(token);
    stream_->Write(request);
  }
  void Extend(const std::string& event_id) {
    pipeline::v1::ConsumeRequest request;
    request.add_extensions(event_id);
    stream_->Write(request);
  }

  std::vector<Delivery> deliveries() {
    const std::lock_guard lock(mutex_);
    std::vector<Delivery> out;
    for (const Response& response : responses_) {
      out.insert(out.end(), response.deliveries().begin(), response.deliveries().end());
    }
    return out;
  }
  /// Those of one record.
  std::vector<Delivery> Of(const std::string& subject) {
    std::vector<Delivery> out = deliveries();
    std::erase_if(out, [&](const Delivery& delivery) { return delivery.event().subject() != subject; });
    return out;
  }
  std::vector<Response> responses() {
    const std::lock_guard lock(mutex_);
    return responses_;
  }
  /// The partitions that the last message about them named.
  std::vector<int> partitions() {
    std::vector<int> out;
    for (const Response& response : responses()) {
      if (!response.has_assigned()) continue;
      out.assign(response.assigned().partitions().begin(), response.assigned().partitions().end());
    }
    return out;
  }

  bool WaitForDeliveries(size_t count) {
    return Eventually([&] { return deliveries().size() >= count; });
  }
  bool WaitForDeliveriesOf(const std::string& subject, size_t count) {
    return Eventually([&] { return Of(subject).size() >= count; });
  }
  bool WaitFor(Response::ControlCase control, size_t after = 0) {
    return Eventually([&] {
      const auto all = responses();
      for (size_t i = after; i < all.size(); ++i) {
        if (all[i].control_case() == control) return true;
      }
      return false;
    });
  }
  /// Waits until the server has spoken again, so that what it had to send has come.
  bool WaitForHeartbeat() { return WaitFor(Response::kHeartbeat, responses().size()); }
  absl::Status WaitForEnd() {
    const bool ended = Eventually([&] {
      const std::lock_guard lock(mutex_);
      return ended_;
    });
    return ended ? stream_->Finish() : absl::DeadlineExceededError("the stream goes on");
  }

 private:
  void Read() {
    Response response;
    while (stream_->Read(&response)) {
      const std::lock_guard lock(mutex_);
      responses_.push_back(response);
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }

  std::unique_ptr<rpc::ClientStream> stream_;
  std::mutex mutex_;
  std::vector<Response> responses_;
  bool ended_ = false;
  std::thread reader_;
};

}  // namespace embudo::testing
