#include <openssl/evp.h>

#include <array>
#include <memory>
#include <optional>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/resource_name.h"
#include "common/log/log.h"
#include "common/resource/change.h"
#include "embudo/capture/v1/import_service.pb.h"
#include "embudo/capture/v1/saved_mapping.pb.h"
#include "services/capture/events/file_rows.h"
#include "services/capture/events/storage_use.h"
#include "services/capture/logic/import_plan.h"
#include "services/capture/rpc/import_methods.h"
#include "services/capture/rpc/operations.h"
#include "services/capture/rpc/services.h"

namespace embudo::capture::rpc {
namespace {

using embudo::rpc::CallContext;
using google::longrunning::Operation;
using google::protobuf::Message;
using storage::ImportJob;

constexpr int64_t kMaxFileBytes = int64_t{1} << 30;
/// Chunks of the call are put together to pieces of this size, each a row.
constexpr size_t kPieceBytes = 256 << 10;
/// A stream has no deadline of its own; each of its statements does.
constexpr std::chrono::seconds kStatementTimeout{30};

const ResourcePattern& FilePattern() {
  static const ResourcePattern pattern("files/{file}");
  return pattern;
}

}  // namespace

absl::StatusOr<std::string> FileIdOf(const std::string& name, const char* field) {
  EMBUDO_ASSIGN_OR_RETURN(const auto ids, ParseName(FilePattern(), name, field));
  if (!Uuid::Parse(ids[0])) return NotFound("embudo.dev/File", name);
  return ids[0];
}

namespace {

class Sha256 {
 public:
  Sha256() { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
  void Add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  std::string Hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), digest.data(), &size);
    constexpr char kHex[] = "0123456789abcdef";
    std::string hex;
    for (unsigned i = 0; i < size; ++i) {
      hex += kHex[digest[i] >> 4];
      hex += kHex[digest[i] & 15];
    }
    return hex;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
};

/// Takes an upload in.
class Upload {
 public:
  Upload(Room& room, const CallContext& call, const embudo::rpc::MessageReader& next)
      : room_(room), call_(call), next_(next) {}

  absl::StatusOr<v1::File> Receive() {
    EMBUDO_ASSIGN_OR_RETURN(const std::unique_ptr<Message> first, next_());
    if (first == nullptr || !static_cast<const v1::UploadFileRequest&>(*first).has_metadata()) {
      return InvalidField("metadata", "is required in the first message");
    }
    const auto metadata = static_cast<const v1::UploadFileRequest&>(*first).metadata();
    EMBUDO_ASSIGN_OR_RETURN(space_, events::RoomOf(room_.pipeline, call_.tenant(), room_.storage_limit));
    EMBUDO_ASSIGN_OR_RETURN(id_, room_.files.Begin(call_.tenant(), metadata.filename(), room_.clock.Now(), Soon()));
    const absl::Status status = ReceiveBytes(metadata.sha256());
    if (!status.ok()) {
      // What remains is removed after a day if this fails too.
      room_.files.Remove(call_.tenant(), id_, Soon()).IgnoreError();
      return status;
    }
    return room_.files.Get(call_.tenant(), id_, Soon());
  }

 private:
  static db::Deadline Soon() { return db::After(kStatementTimeout); }

  absl::Status ReceiveBytes(const std::string& wanted_sha256) {
    while (true) {
      EMBUDO_ASSIGN_OR_RETURN(const std::unique_ptr<Message> message, next_());
      if (message == nullptr) break;
      const auto& request = static_cast<const v1::UploadFileRequest&>(*message);
      if (!request.has_chunk()) return InvalidField("chunk", "is required in every message but the first");
      size_ += static_cast<int64_t>(request.chunk().size());
      if (size_ > kMaxFileBytes) return InvalidField("chunk", "the file is larger than 1 GiB");
      if (space_ && size_ > space_->bytes) return events::NoRoom(call_.tenant(), space_->limit);
      sha256_.Add(request.chunk());
      piece_ += request.chunk();
      if (piece_.size() >= kPieceBytes) EMBUDO_RETURN_IF_ERROR(KeepPiece());
    }
    if (!piece_.empty()) EMBUDO_RETURN_IF_ERROR(KeepPiece());
    const std::string sha256 = sha256_.Hex();
    if (!wanted_sha256.empty() && sha256 != wanted_sha256) {
      return InvalidField("metadata.sha256", "the bytes that arrived have " + sha256);
    }
    return room_.files.Complete(call_.tenant(), id_, size_, sha256, Soon());
  }

  absl::Status KeepPiece() {
    EMBUDO_RETURN_IF_ERROR(room_.files.Append(call_.tenant(), id_, pieces_++, piece_, Soon()));
    piece_.clear();
    return absl::OkStatus();
  }

  Room& room_;
  const CallContext& call_;
  const embudo::rpc::MessageReader& next_;
  std::optional<events::StorageRoom> space_;
  std::string id_;
  Sha256 sha256_;
  std::string piece_;
  int pieces_ = 0;
  int64_t size_ = 0;
};

absl::StatusOr<v1::File> GetFile(Room& room, const CallContext& call, const v1::GetFileRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string id, FileIdOf(request.name(), "name"));
  return room.files.Get(call.tenant(), id, call.deadline);
}

/// The mapping's own errors belong to the call that brought it; those of the rows to the operation.
absl::Status CheckMapping(Room& room, const CallContext& call, const std::string& file_id,
                          const v1::ImportMapping& mapping) {
  EMBUDO_RETURN_IF_ERROR(room.files.Get(call.tenant(), file_id, call.deadline).status());
  events::FileRows rows(room.files, call.tenant(), file_id, mapping.format());
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> header, rows.Header());
  return logic::MakePlan(mapping, header, {}).status();
}

/// The mapping of the request, or the saved one that it names.
absl::StatusOr<v1::ImportMapping> MappingOf(Room& room, const CallContext& call,
                                            const v1::ImportLeadsRequest& request) {
  if (request.has_mapping() == !request.saved_mapping().empty()) {
    return InvalidField("mapping", "exactly one of this and saved_mapping is required");
  }
  if (request.has_mapping()) return request.mapping();
  EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, room.saved_mappings.Load(call, request.saved_mapping()));
  return static_cast<const v1::SavedMapping&>(*record.message).mapping();
}

absl::StatusOr<Operation> ImportLeads(Room& room, const CallContext& call, const v1::ImportLeadsRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string file_id, FileIdOf(request.file(), "file"));
  EMBUDO_ASSIGN_OR_RETURN(const v1::ImportMapping mapping, MappingOf(room, call, request));
  EMBUDO_RETURN_IF_ERROR(CheckMapping(room, call, file_id, mapping));
  if (request.validate_only()) return Operation();
  ImportJob job;
  job.tenant = call.tenant();
  job.file_id = file_id;
  job.actor = call.identity.actor;
  job.mapping = mapping;
  job.progress.set_file(request.file());
  job.progress.set_target(mapping.target());
  job.progress.set_dry_run(request.dry_run());
  *job.progress.mutable_match_by() = request.match_by();
  job.progress.set_run_automations(request.run_automations());
  job.request_id = request.request_id();
  job.request_hash = resource::HashRequest(call.method, request);
  EMBUDO_ASSIGN_OR_RETURN(job, room.imports.Create(std::move(job), room.clock.Now(), call.deadline));
  room.import_queued();
  return OperationOf(job);
}

}  // namespace

std::unique_ptr<embudo::rpc::Service> MakeImportService(Room& room) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::GetFileRequest::descriptor()->file()->service(0));
  service->ClientStream(
      "UploadFile",
      [&room](const CallContext& call, const embudo::rpc::MessageReader& next, Message& response) -> absl::Status {
        EMBUDO_ASSIGN_OR_RETURN(v1::File file, Upload(room, call, next).Receive());
        static_cast<v1::File&>(response).Swap(&file);
        return absl::OkStatus();
      });
  service->Unary<v1::GetFileRequest, v1::File>(
      "GetFile",
      [&room](const CallContext& call, const v1::GetFileRequest& request) { return GetFile(room, call, request); });
  service->Unary<v1::ImportLeadsRequest, Operation>(
      "ImportLeads", [&room](const CallContext& call, const v1::ImportLeadsRequest& request) {
        return ImportLeads(room, call, request);
      });
  const auto custom = [&]<class Request, class Response>(
                          const char* method,
                          absl::StatusOr<Response> (*handler)(Room&, const CallContext&, const Request&)) {
    service->Unary<Request, Response>(method, [&room, handler](const CallContext& call, const Request& request) {
      return handler(room, call, request);
    });
  };
  custom("DownloadRefusedRows", DownloadRefusedRows);
  custom("DownloadImportResults", DownloadImportResults);
  custom("SuggestMapping", SuggestMapping);
  custom("ListImportPresets", ListImportPresets);
  custom("UndoImport", UndoImport);
  return service;
}

}  // namespace embudo::capture::rpc
