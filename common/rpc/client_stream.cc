#include <condition_variable>
#include <mutex>

#include "common/base/error.h"
#include "common/rpc/client_call.h"
#include "common/rpc/wire.h"

namespace embudo::rpc {
namespace {

/// Turns gRPC's reactions into blocking calls. Each of Read and Write is for one thread at a time; the two may be
/// different ones.
class BlockingStream final : public ClientStream, private grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  BlockingStream(grpc::GenericStub& stub, const std::string& path, CallsUnderWay& calls,
                 std::unique_ptr<grpc::ClientContext> context)
      : calls_(calls), context_(std::move(context)) {
    calls_.Add(context_.get());
    stub.PrepareBidiStreamingCall(context_.get(), path, {}, this);
    // Read and Write come from outside gRPC's reactions, so without a hold the call could end under them.
    AddHold();
    StartCall();
  }

  ~BlockingStream() override {
    context_->TryCancel();
    (void)BlockingStream::Finish();
    calls_.End(std::move(context_));
  }

  bool Write(const google::protobuf::Message& message) override {
    std::unique_lock lock(mutex_);
    if (!held_ || write_ == Step::kFailed) return false;
    write_bytes_ = ToBytes(message);
    write_ = Step::kUnderWay;
    StartWrite(&write_bytes_);
    return Await(lock, write_);
  }

  void WritesDone() override {
    std::unique_lock lock(mutex_);
    if (!held_ || write_ == Step::kFailed) return;
    write_ = Step::kUnderWay;
    StartWritesDone();
    Await(lock, write_);
    write_ = Step::kFailed;  // no more writes
  }

  bool Read(google::protobuf::Message* message) override {
    std::unique_lock lock(mutex_);
    if (!ReadBytes(lock)) return false;
    if (ParseBytes(read_bytes_, message)) return true;
    wrong_type_ = true;
    context_->TryCancel();
    return false;
  }

  void Cancel() override { context_->TryCancel(); }

  absl::Status Finish() override {
    std::unique_lock lock(mutex_);
    // gRPC gives the status only when every message has been read.
    while (ReadBytes(lock)) {
    }
    if (held_) {
      held_ = false;
      lock.unlock();
      RemoveHold();
      lock.lock();
    }
    changed_.wait(lock, [this] { return status_.has_value(); });
    return wrong_type_ ? Internal("a message of the stream is not of its type") : FromWire(*status_);
  }

 private:
  enum class Step { kNone, kUnderWay, kOk, kFailed };

  bool Await(std::unique_lock<std::mutex>& lock, const Step& step) {
    changed_.wait(lock, [&step] { return step != Step::kUnderWay; });
    return step == Step::kOk;
  }

  bool ReadBytes(std::unique_lock<std::mutex>& lock) {
    if (!held_ || read_ == Step::kFailed) return false;
    read_ = Step::kUnderWay;
    StartRead(&read_bytes_);
    return Await(lock, read_);
  }

  void Complete(Step& step, bool ok) {
    const std::lock_guard lock(mutex_);
    step = ok ? Step::kOk : Step::kFailed;
    changed_.notify_all();
  }

  void OnReadDone(bool ok) override { Complete(read_, ok); }
  void OnWriteDone(bool ok) override { Complete(write_, ok); }
  void OnWritesDoneDone(bool ok) override { Complete(write_, ok); }

  void OnDone(const grpc::Status& status) override {
    const std::lock_guard lock(mutex_);
    status_ = status;
    changed_.notify_all();
  }

  CallsUnderWay& calls_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::mutex mutex_;
  std::condition_variable changed_;
  grpc::ByteBuffer read_bytes_;
  grpc::ByteBuffer write_bytes_;
  Step read_ = Step::kNone;
  Step write_ = Step::kNone;
  bool held_ = true;
  bool wrong_type_ = false;
  std::optional<grpc::Status> status_;
};

}  // namespace

std::unique_ptr<ClientStream> OpenStream(grpc::GenericStub& stub, const std::string& path, CallsUnderWay& calls,
                                         std::unique_ptr<grpc::ClientContext> context) {
  return std::make_unique<BlockingStream>(stub, path, calls, std::move(context));
}

}  // namespace embudo::rpc
