#include <algorithm>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/sha256.h"
#include "common/rpc/executor.h"
#include "common/tenancy/limits.h"
#include "embudo/pipeline/v1/attachment_service.pb.h"
#include "embudo/type/v1/attachment.pb.h"
#include "services/pipeline/logic/attachment_rules.h"
#include "services/pipeline/rpc/services.h"
#include "services/pipeline/storage/tenancy_store.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::BidiStream;
using embudo::rpc::CallContext;
using embudo::rpc::Executor;
using google::protobuf::Message;
using type::v1::Attachment;

// A stream has no deadline of its own; each of its statements does.
constexpr std::chrono::seconds kStatementTimeout{30};
/// Room comes when somebody deletes files or the operator gives more: soon is no use.
constexpr std::chrono::minutes kStorageRetry{10};
constexpr int64_t kChunkBytes = 64 << 10;
/// What a download holds in memory at once: as many chunks as one read brings.
constexpr int64_t kSliceBytes = 4 * kChunkBytes;
constexpr int kReaders = 2;
constexpr int kWaitingReads = 1000;

constexpr char kInsertContent[] =
    "INSERT INTO pipeline.attachment_content (tenant_id, attachment_id, content) VALUES ($1, $2::uuid, $3)";
constexpr char kReadSlice[] =
    "SELECT substring(content FROM $3::int FOR $4::int) FROM pipeline.attachment_content"
    " WHERE tenant_id = $1 AND attachment_id = $2::uuid";

// The call with time for one more step.
CallContext Soon(CallContext call) {
  call.deadline = std::min(call.deadline, db::After(kStatementTimeout));
  return call;
}

absl::Status Refused(const char* reason, const std::string& why) {
  return Error(absl::StatusCode::kInvalidArgument, reason, "content: " + why).Field("content", why);
}

/// Takes a file in.
class Upload {
 public:
  Upload(Records& records, int64_t storage_limit, const CallContext& call, const embudo::rpc::MessageReader& next)
      : records_(records), storage_limit_(storage_limit), call_(call), next_(next) {}

  absl::StatusOr<Attachment> Receive() {
    EMBUDO_RETURN_IF_ERROR(ReceiveHead());
    // Whoever may not attach it need not send it, unless it has been attached by an earlier call.
    const absl::Status allowed = CheckHead();
    if (!allowed.ok() && head_.request_id().empty()) return allowed;
    EMBUDO_RETURN_IF_ERROR(ReceiveContent());
    // The whole file tells whether the call is a repeated one, however it was cut into chunks.
    head_.set_content(Sha256Hex(content_));
    Attachment attachment;
    const absl::Status status = allowed.ok() ? Write(attachment) : allowed;
    if (!status.ok()) {
      EMBUDO_RETURN_IF_ERROR(records_.attachments().FirstAnswerOr(Soon(call_), head_, status, attachment));
    }
    return attachment;
  }

 private:
  absl::Status ReceiveHead() {
    EMBUDO_ASSIGN_OR_RETURN(const std::unique_ptr<Message> first, next_());
    if (first == nullptr) return InvalidField("parent", "is required");
    head_.Swap(static_cast<v1::UploadAttachmentRequest*>(first.get()));
    content_.swap(*head_.mutable_content());
    static const ResourcePattern kLead("leads/{lead}");
    EMBUDO_RETURN_IF_ERROR(ParseName(kLead, head_.parent(), "parent").status());
    EMBUDO_RETURN_IF_ERROR(logic::CheckFileName(head_.file_name()));
    const auto id =
        head_.attachment_id().empty() ? Uuid::V7(records_.clock().Now()) : Uuid::Parse(head_.attachment_id());
    if (!id) return InvalidField("attachment_id", "is not a UUID");
    name_ = head_.parent() + "/attachments/" + id->ToString();
    return absl::OkStatus();
  }

  absl::Status CheckHead() {
    Attachment attachment;
    attachment.set_name(name_);
    return records_.PlaceUnderLead(Soon(call_), /*edits=*/true, attachment).status();
  }

  absl::Status ReceiveContent() {
    while (true) {
      if (static_cast<int64_t>(content_.size()) > logic::kMaxAttachmentBytes) {
        return Refused("FILE_TOO_LARGE", "is larger than 25 MiB");
      }
      EMBUDO_ASSIGN_OR_RETURN(const std::unique_ptr<Message> message, next_());
      if (message == nullptr) break;
      const auto& request = static_cast<const v1::UploadAttachmentRequest&>(*message);
      for (const char* field : {"parent", "file_name", "attachment_id", "request_id"}) {
        if (!resource::GetText(request, field).empty()) return InvalidField(field, "is for the first message");
      }
      content_ += request.content();
    }
    if (content_.empty()) return Refused("FILE_EMPTY", "is empty");
    return absl::OkStatus();
  }

  absl::Status Write(Attachment& response) {
    auto attachment = std::make_unique<Attachment>();
    attachment->set_name(name_);
    attachment->set_file_name(head_.file_name());
    attachment->set_content_type(logic::ContentTypeOf(content_));
    attachment->set_size_bytes(static_cast<int64_t>(content_.size()));
    attachment->set_sha256(head_.content());
    if (logic::IsProgram(content_, attachment->content_type())) {
      return Refused("FILE_IS_PROGRAM", "is a program (" + attachment->content_type() + ")");
    }
    const CallContext call = Soon(call_);
    EMBUDO_ASSIGN_OR_RETURN(resource::Change change,
                            records_.attachments().NewChange(call, std::move(attachment), head_));
    response.CopyFrom(*change.after.message);
    const std::string id = response.name().substr(response.name().rfind('/') + 1);
    std::vector<resource::Change> changes;
    changes.push_back(std::move(change));
    return records_.writer().WriteTogether(
        call.tenant(), changes, call.deadline,
        [&](db::Connection& connection) -> absl::Status {
          EMBUDO_RETURN_IF_ERROR(CheckStorage(connection));
          return connection.Exec(kInsertContent, db::Params::Of(call.tenant(), id).AddBytes(content_)).status();
        },
        &response);
  }

  /// Whether the tenant has room for the file, which is among its files already.
  absl::Status CheckStorage(db::Connection& connection) const {
    const std::string& tenant = call_.tenant();
    EMBUDO_ASSIGN_OR_RETURN(int64_t limit, storage::StorageLimit(connection, tenant));
    if (limit == 0) limit = storage_limit_;
    if (limit == 0) return absl::OkStatus();
    EMBUDO_ASSIGN_OR_RETURN(const int64_t used, storage::LockStorage(connection, tenant));
    if (used <= limit) return absl::OkStatus();
    return tenancy::LimitReached("TENANT_STORAGE_LIMIT", tenant, "bytes of storage", limit, kStorageRetry);
  }

  Records& records_;
  const int64_t storage_limit_;
  const CallContext& call_;
  const embudo::rpc::MessageReader& next_;
  /// The first message, and then the digest of the whole in place of its content.
  v1::UploadAttachmentRequest head_;
  std::string name_;
  std::string content_;
};

/// Sends a file: slice by slice from the database, chunk by chunk as the client takes them.
class Download final : public embudo::rpc::StreamHandler, public std::enable_shared_from_this<Download> {
 public:
  Download(Records& records, Executor& readers, std::shared_ptr<BidiStream> stream)
      : records_(records), readers_(readers), stream_(std::move(stream)), call_(stream_->context()) {}

  void OnMessage(const Message& message) override {
    if (!name_.empty()) return;
    name_ = static_cast<const v1::DownloadAttachmentRequest&>(message).name();
    Submit();
  }
  void OnReadsDone() override {
    if (name_.empty()) stream_->Finish(InvalidField("name", "is required"));
  }
  void OnWritable() override { Submit(); }
  void OnDone() override { call_.cancelled->store(true); }

 private:
  /// Goes on off gRPC's thread, which must not wait for the database. One step at a time: the next comes when a chunk
  /// has left.
  void Submit() {
    const bool taken = readers_.TrySubmit([self = shared_from_this()] { self->Step(); });
    if (!taken) {
      stream_->Finish(Error(absl::StatusCode::kResourceExhausted, "QUEUE_FULL", "too many downloads at once")
                          .RetryAfter(std::chrono::seconds(1)));
    }
  }

  void Step() {
    if (call_.cancelled->load()) return;
    const embudo::rpc::CallScope scope(call_);
    v1::DownloadAttachmentResponse response;
    const absl::Status status = NextChunk(response);
    if (!status.ok() || response.content().empty()) return stream_->Finish(status);
    stream_->Write(response);  // the last thing: the next step may begin while this returns
  }

  // Nothing at the end of the file.
  absl::Status NextChunk(v1::DownloadAttachmentResponse& response) {
    if (id_.empty()) EMBUDO_RETURN_IF_ERROR(Open());
    if (slice_at_ == slice_.size() && read_ < size_) EMBUDO_RETURN_IF_ERROR(ReadSlice());
    response.set_content(slice_.substr(slice_at_, kChunkBytes));
    slice_at_ += response.content().size();
    return absl::OkStatus();
  }

  absl::Status Open() {
    EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, records_.attachments().Load(Soon(call_), name_));
    size_ = static_cast<const Attachment&>(*record.message).size_bytes();
    id_ = name_.substr(name_.rfind('/') + 1);
    return absl::OkStatus();
  }

  absl::Status ReadSlice() {
    const CallContext call = Soon(call_);
    // Positions count from 1.
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                            db::Exec(records_.pool(), call.tenant(), call.deadline, kReadSlice,
                                     db::Params::Of(call.tenant(), id_, read_ + 1, kSliceBytes)));
    slice_ = rows.empty() ? "" : rows[0].Bytes(0);
    slice_at_ = 0;
    if (slice_.empty()) return Internal("the content of " + name_ + " ends before its size");
    read_ += static_cast<int64_t>(slice_.size());
    return absl::OkStatus();
  }

  Records& records_;
  Executor& readers_;
  const std::shared_ptr<BidiStream> stream_;
  const CallContext call_;
  // Of one step at a time.
  std::string name_;
  std::string id_;
  int64_t size_ = 0;
  int64_t read_ = 0;
  std::string slice_;
  size_t slice_at_ = 0;
};

}  // namespace

std::unique_ptr<embudo::rpc::Service> MakeAttachmentService(Records& records, int64_t storage_limit) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::GetAttachmentRequest::descriptor()->file()->service(0));
  service->ClientStream("UploadAttachment",
                        [&records, storage_limit](const CallContext& call, const embudo::rpc::MessageReader& next,
                                                  Message& response) -> absl::Status {
                          EMBUDO_ASSIGN_OR_RETURN(Attachment attachment,
                                                  Upload(records, storage_limit, call, next).Receive());
                          static_cast<Attachment&>(response).Swap(&attachment);
                          return absl::OkStatus();
                        });
  service->Bidi("DownloadAttachment", [&records, readers = std::make_shared<Executor>(kReaders, kWaitingReads)](
                                          std::shared_ptr<BidiStream> stream) {
    return std::make_shared<Download>(records, *readers, std::move(stream));
  });
  records.attachments().Bind(*service);
  return service;
}

}  // namespace embudo::pipeline::rpc
