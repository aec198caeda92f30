#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/testing/eventually.h"
#include "embudo/pipeline/v1/event_service.pb.h"
#include "tests/integration/suite.h"

namespace embudo::testing {

/// A client of Tail that takes down all that it is sent.
class Tailer {
 public:
  Tailer(const Caller& caller, const pipeline::v1::TailRequest& first)
      : stream_(caller.Stream("embudo.pipeline.v1.EventService/Tail")) {
    stream_->Write(first);
    reader_ = std::thread([this] { Read(); });
  }
  ~Tailer() {
    stream_->Cancel();
    reader_.join();
  }

  static pipeline::v1::TailRequest From(pipeline::v1::TailStart::Position position) {
    pipeline::v1::TailRequest request;
    request.mutable_start()->set_position(position);
    return request;
  }
  static pipeline::v1::TailRequest Earliest() { return From(pipeline::v1::TailStart::POSITION_EARLIEST); }
  static pipeline::v1::TailRequest Latest() { return From(pipeline::v1::TailStart::POSITION_LATEST); }
  static pipeline::v1::TailRequest Cursor(const std::string& cursor) {
    pipeline::v1::TailRequest request;
    request.mutable_start()->set_cursor(cursor);
    return request;
  }

  void Credit(int64_t events) {
    pipeline::v1::TailRequest request;
    request.mutable_credit()->set_events(events);
    stream_->Write(request);
  }

  void Renew(const std::string& token) {
    pipeline::v1::TailRequest request;
    request.set_token(token);
    stream_->Write(request);
  }

  std::vector<type::v1::Event> events() {
    const std::lock_guard lock(mutex_);
    std::vector<type::v1::Event> events;
    for (const auto& response : responses_)
      events.insert(events.end(), response.events().begin(), response.events().end());
    return events;
  }
  std::vector<pipeline::v1::TailResponse> responses() {
    const std::lock_guard lock(mutex_);
    return responses_;
  }
  std::string cursor() {
    const std::lock_guard lock(mutex_);
    return responses_.empty() ? "" : responses_.back().cursor();
  }
  bool started() {
    const std::lock_guard lock(mutex_);
    return !responses_.empty() && responses_.front().has_started();
  }

  bool WaitForEvents(size_t count) {
    return Eventually([&] { return events().size() >= count; });
  }
  bool WaitForStart() {
    return Eventually([&] { return started(); });
  }
  bool WaitFor(pipeline::v1::TailResponse::ControlCase control, size_t after = 0) {
    return Eventually([&] {
      const auto all = responses();
      for (size_t i = after; i < all.size(); ++i) {
        if (all[i].control_case() == control) return true;
      }
      return false;
    });
  }
  /// Waits until the server has spoken of nothing else, so that what it had to send has come.
  bool WaitForHeartbeat() { return WaitFor(pipeline::v1::TailResponse::kHeartbeat, responses().size()); }
  /// How the server ended the stream.
  absl::Status WaitForEnd() {
    const bool ended = Eventually([&] {
      const std::lock_guard lock(mutex_);
      return ended_;
    });
    return ended ? stream_->Finish() : absl::DeadlineExceededError("the stream goes on");
  }

 private:
  void Read() {
    pipeline::v1::TailResponse response;
    while (stream_->Read(&response)) {
      const std::lock_guard lock(mutex_);
      responses_.push_back(response);
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }

  std::unique_ptr<rpc::ClientStream> stream_;
  std::mutex mutex_;
  std::vector<pipeline::v1::TailResponse> responses_;
  bool ended_ = false;
  std::thread reader_;
};

}  // namespace embudo::testing
