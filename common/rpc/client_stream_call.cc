#include <condition_variable>
#include <mutex>

#include "common/rpc/reactors.h"
#include "common/rpc/wire.h"

namespace embudo::rpc {
namespace {

/// A client-streaming call: the handler runs on the executor and pulls one message after the other.
class ClientStreamCall final : public grpc::ServerReadReactor<grpc::ByteBuffer> {
 public:
  ClientStreamCall(Core& core, const ServedMethod& method, grpc::CallbackServerContext& grpc,
                   grpc::ByteBuffer& response)
      : call_(core, method, grpc), response_(response) {
    absl::Status status = Guarded([this] { return call_.Admit(); });
    if (status.ok() && !core.executor.TrySubmit([this] { Run(); }, call_.context().tenant())) status = Overloaded();
    if (!status.ok()) Answer(status);
  }

 private:
  void OnCancel() override {
    call_.Cancel();
    // Under the lock, or a reader that is about to wait would miss it.
    const std::lock_guard lock(mutex_);
    read_.notify_all();
  }

  void OnReadDone(bool ok) override {
    // A lost caller's stream also ends, and may do so before OnCancel comes: half an upload is not a whole one.
    if (!ok && call_.IsCancelled()) call_.Cancel();
    const std::lock_guard lock(mutex_);
    state_ = ok ? State::kHere : State::kEnd;
    read_.notify_all();
  }

  void OnDone() override { delete this; }

  void Run() {
    call_.TakenUp();
    const CallScope scope(call_.context());
    Answer(Guarded([this] { return Serve(); }));
  }

  void Answer(const absl::Status& status) {
    call_.Finish(status, [this](const grpc::Status& wire) { Finish(wire); });
  }

  absl::Status Serve() {
    EMBUDO_RETURN_IF_ERROR(call_.CheckAlive());
    const std::unique_ptr<google::protobuf::Message> response(call_.method().response->New());
    EMBUDO_RETURN_IF_ERROR(call_.method().handlers.client_stream(
        call_.context(), [this] { return Next(); }, *response));
    response_ = ToBytes(*response);
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> Next() {
    // After an error a read may still be on its way, so there is no going on.
    if (!broken_.ok()) return broken_;
    auto message = Read();
    broken_ = message.status();
    return message;
  }

  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> Read() {
    std::unique_lock lock(mutex_);
    if (state_ == State::kEnd) return nullptr;
    state_ = State::kReading;
    lock.unlock();
    StartRead(&bytes_);
    lock.lock();
    const auto silent = std::chrono::steady_clock::now() + call_.core().options.stream_read_timeout;
    read_.wait_until(lock, std::min(silent, call_.context().deadline),
                     [this] { return state_ != State::kReading || call_.context().cancelled->load(); });
    EMBUDO_RETURN_IF_ERROR(call_.CheckAlive());
    if (state_ == State::kReading) return absl::DeadlineExceededError("the client sent nothing for too long");
    if (state_ == State::kEnd) return nullptr;
    std::unique_ptr<google::protobuf::Message> message(call_.method().request->New());
    EMBUDO_RETURN_IF_ERROR(ParseRequest(call_.method(), bytes_, message.get()));
    call_.Note(*message);
    EMBUDO_RETURN_IF_ERROR(call_.CheckStanding());
    return message;
  }

  enum class State { kIdle, kReading, kHere, kEnd };

  Call call_;
  grpc::ByteBuffer& response_;  // gRPC's, until OnDone
  grpc::ByteBuffer bytes_;
  std::mutex mutex_;
  std::condition_variable read_;
  State state_ = State::kIdle;
  absl::Status broken_;  // the handler's thread only
};

}  // namespace

grpc::ServerReadReactor<grpc::ByteBuffer>* NewClientStreamCall(Core& core, const ServedMethod& method,
                                                               grpc::CallbackServerContext& grpc,
                                                               grpc::ByteBuffer& response) {
  return new ClientStreamCall(core, method, grpc, response);
}

}  // namespace embudo::rpc
