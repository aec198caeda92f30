#include <mutex>

#include "common/base/error.h"
#include "common/rpc/reactors.h"
#include "common/rpc/strand.h"
#include "common/rpc/wire.h"

namespace embudo::rpc {
namespace {

using Reactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

/// A stream. gRPC's reactions, and the handler's calls of Write and Finish, come on any thread: `mutex_` guards what
/// they share. The strand gives the handler one event at a time, although reactions overlap.
class BidiCall final : public Reactor,
                       public BidiStream,
                       public Drainable,
                       public std::enable_shared_from_this<BidiCall> {
 public:
  BidiCall(Core& core, const ServedMethod& method, grpc::CallbackServerContext& grpc) : call_(core, method, grpc) {}

  /// Admits the call and makes its handler. No reaction comes before this has returned.
  void Start() {
    // gRPC holds a bare pointer until OnDone, so until then the call holds itself.
    self_ = shared_from_this();
    absl::Status status = Guarded([this] {
      EMBUDO_RETURN_IF_ERROR(call_.Admit());
      const CallScope scope(call_.context());
      handler_ = call_.method().handlers.bidi(self_);
      return handler_ == nullptr ? Internal("no stream handler") : absl::OkStatus();
    });
    if (!status.ok()) return Finish(status);
    ReadNext();
    call_.core().streams->Add(self_);
    // Whose tenant was closed before it was among them.
    status = call_.CheckStanding();
    if (!status.ok()) Finish(status);
  }

  const CallContext& context() const override { return call_.context(); }

  absl::StatusOr<Identity> Renew(const std::string& token) const override {
    const Identity& first = call_.context().identity;
    if (call_.core().authenticator->development()) return first;
    const std::string bearer = "Bearer " + token;
    EMBUDO_ASSIGN_OR_RETURN(Identity identity, call_.core().authenticator->Authenticate([&](std::string_view name) {
      return name == "authorization" ? std::string_view(bearer) : std::string_view();
    }));
    if (identity.tenant == first.tenant && identity.actor == first.actor) return identity;
    return Error(absl::StatusCode::kUnauthenticated, "TOKEN_INVALID", "the new token is of another subject");
  }

  void Write(const google::protobuf::Message& message) override {
    const std::lock_guard lock(mutex_);
    if (finish_ != FinishState::kNotYet) return;
    if (writing_) return FinishLocked(Internal("a stream handler wrote while a message was on its way"));
    writing_ = true;
    write_ = ToBytes(message);
    StartWrite(&write_);
  }

  void Finish(const absl::Status& status) override {
    const std::lock_guard lock(mutex_);
    FinishLocked(status);
  }

  void Drain() override {
    Tell([](StreamHandler& handler) { handler.OnDraining(); });
  }
  const std::string& tenant() const override { return call_.context().tenant(); }
  void End(const absl::Status& why) override { Finish(why); }

 private:
  enum class FinishState { kNotYet, kWanted, kSent };

  void OnReadDone(bool ok) override {
    if (!ok) {
      // Also when the call was cancelled; then OnCancel ends it.
      if (!call_.IsCancelled()) Tell([](StreamHandler& handler) { handler.OnReadsDone(); });
      return;
    }
    const std::shared_ptr<google::protobuf::Message> message(call_.method().request->New());
    absl::Status status = Guarded([&] { return ParseRequest(call_.method(), read_, message.get()); });
    call_.Note(*message);
    if (!status.ok()) return Finish(status);
    Tell([this, message](StreamHandler& handler) {
      handler.OnMessage(*message);
      // Only now, so that HTTP/2's flow control holds back a client that sends faster than the handler takes.
      ReadNext();
    });
  }

  void OnWriteDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      if (finish_ == FinishState::kWanted) return SendFinishLocked();
      if (!ok) return FinishLocked(absl::CancelledError("the caller went away"));
    }
    Tell([](StreamHandler& handler) { handler.OnWritable(); });
  }

  void OnCancel() override {
    call_.Cancel();
    Finish(absl::CancelledError("the caller went away"));
  }

  void OnDone() override {
    const std::shared_ptr<BidiCall> self = std::move(self_);
    strand_.Run([this] {
      if (handler_ == nullptr) return;
      RunHandler([](StreamHandler& handler) { handler.OnDone(); });
      handler_ = nullptr;  // it holds the stream, that is, this
    });
  }

  /// Gives the handler an event, unless the stream has been finished meanwhile.
  template <class Event>
  void Tell(Event event) {
    const std::shared_ptr<BidiCall> self = shared_from_this();  // the strand outlives its Run
    strand_.Run([this, event = std::move(event)] {
      {
        const std::lock_guard lock(mutex_);
        if (finish_ != FinishState::kNotYet) return;
      }
      RunHandler(event);
    });
  }

  template <class Event>
  void RunHandler(const Event& event) {
    const CallScope scope(call_.context());
    absl::Status status = Guarded([&] {
      event(*handler_);
      return absl::OkStatus();
    });
    if (!status.ok()) Finish(status);
  }

  void ReadNext() {
    const std::lock_guard lock(mutex_);
    if (finish_ == FinishState::kNotYet) StartRead(&read_);
  }

  void FinishLocked(const absl::Status& status) {
    if (finish_ != FinishState::kNotYet) return;
    finish_ = FinishState::kWanted;
    outcome_ = status;
    if (!writing_) SendFinishLocked();
  }

  void SendFinishLocked() {
    finish_ = FinishState::kSent;
    call_.Finish(outcome_, [this](const grpc::Status& wire) { Reactor::Finish(wire); });
  }

  Call call_;
  std::shared_ptr<BidiCall> self_;
  std::shared_ptr<StreamHandler> handler_;  // in Start, then on the strand
  Strand strand_;
  grpc::ByteBuffer read_;
  std::mutex mutex_;
  grpc::ByteBuffer write_;
  bool writing_ = false;
  FinishState finish_ = FinishState::kNotYet;
  absl::Status outcome_;
};

}  // namespace

Reactor* NewBidiCall(Core& core, const ServedMethod& method, grpc::CallbackServerContext& grpc) {
  auto call = std::make_shared<BidiCall>(core, method, grpc);
  call->Start();
  return call.get();
}

}  // namespace embudo::rpc
