#include "common/rpc/step_stream.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/base/error.h"

namespace embudo::rpc {
namespace {

using google::protobuf::Message;

constexpr std::chrono::minutes kStepTime{5};

class StepStream final : public StreamHandler, public std::enable_shared_from_this<StepStream> {
 public:
  StepStream(std::shared_ptr<Executor> executor, const MakeStep& make, std::shared_ptr<BidiStream> stream)
      : executor_(std::move(executor)), make_(make), stream_(std::move(stream)), call_(stream_->context()) {}

  void OnMessage(const Message& message) override {
    if (step_) return;
    step_ = make_(message);
    Submit();
  }
  void OnReadsDone() override {}
  void OnWritable() override { Submit(); }
  void OnDone() override { call_.cancelled->store(true); }

 private:
  /// Goes on off gRPC's thread, which must not wait for the database. One step at a time: the next comes when an answer
  /// has left.
  void Submit() {
    if (executor_->TrySubmit([self = shared_from_this()] { self->Go(); })) return;
    stream_->Finish(Error(absl::StatusCode::kResourceExhausted, "QUEUE_FULL", "too many streams at once")
                        .RetryAfter(std::chrono::seconds(1)));
  }

  void Go() {
    if (call_.cancelled->load()) return;
    CallContext call = call_;
    call.deadline = std::min(call.deadline, std::chrono::steady_clock::now() + kStepTime);
    const CallScope scope(call);
    auto message = step_(call);
    if (!message.ok()) return stream_->Finish(message.status());
    if (*message == nullptr) return stream_->Finish(absl::OkStatus());
    stream_->Write(**message);  // the last thing: the next step may begin while this returns
  }

  const std::shared_ptr<Executor> executor_;
  const MakeStep make_;
  const std::shared_ptr<BidiStream> stream_;
  const CallContext call_;
  Step step_;
};

}  // namespace

StreamFactory StepStreams(std::shared_ptr<Executor> executor, MakeStep make) {
  return [executor = std::move(executor), make = std::move(make)](std::shared_ptr<BidiStream> stream) {
    return std::make_shared<StepStream>(executor, make, std::move(stream));
  };
}

}  // namespace embudo::rpc
