#include "tools/cli/upload.h"

#include <filesystem>
#include <fstream>

#include "common/base/error.h"
#include "embudo/capture/v1/import_service.pb.h"

namespace embudo::cli {
namespace {

constexpr size_t kChunkBytes = 65536;

}  // namespace

absl::Status CannotReadFile(const std::string& path) {
  return Error(absl::StatusCode::kNotFound, "FILE_NOT_READABLE", "can't read " + path).Meta("file", path);
}

absl::StatusOr<std::string> UploadFile(Context& context, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return CannotReadFile(path);
  const std::string method = "embudo.capture.v1.ImportService/UploadFile";
  const auto stream = context.ClientOf(method).Stream(method, context.identity());
  capture::v1::UploadFileRequest request;
  request.mutable_metadata()->set_filename(std::filesystem::path(path).filename().string());
  bool open = stream->Write(request);
  std::string chunk(kChunkBytes, '\0');
  while (open && file) {
    file.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    if (file.gcount() == 0) break;
    request.set_chunk(chunk.data(), static_cast<size_t>(file.gcount()));
    open = stream->Write(request);
  }
  if (open) stream->WritesDone();
  capture::v1::File uploaded;
  const bool answered = stream->Read(&uploaded);
  EMBUDO_RETURN_IF_ERROR(stream->Finish());
  if (!answered) return absl::UnavailableError("the server did not answer the upload");
  return uploaded.name();
}

}  // namespace embudo::cli
