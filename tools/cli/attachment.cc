#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "common/base/error.h"
#include "embudo/pipeline/v1/attachment_service.pb.h"
#include "tools/cli/commands.h"

namespace embudo::cli {
namespace {

using type::v1::Attachment;

struct Flags {
  std::string lead;
  std::string name;
  std::string file;
  int limit = 50;
};

constexpr size_t kChunkBytes = 65536;
constexpr char kAttachments[] = "embudo.pipeline.v1.AttachmentService/";

absl::StatusOr<int> Upload(Context& context, const Flags& flags) {
  std::ifstream file(flags.file, std::ios::binary);
  if (!file) {
    return Error(absl::StatusCode::kNotFound, "FILE_NOT_READABLE", "can't read " + flags.file).Meta("file", flags.file);
  }
  const std::string method = std::string(kAttachments) + "UploadAttachment";
  const auto stream = context.ClientOf(method).Stream(method, context.identity());
  pipeline::v1::UploadAttachmentRequest request;
  request.set_parent(NameOf("leads", flags.lead));
  request.set_file_name(std::filesystem::path(flags.file).filename().string());
  request.set_request_id(NewRequestId());
  bool open = stream->Write(request);
  request.Clear();
  std::string chunk(kChunkBytes, '\0');
  while (open && file) {
    file.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    if (file.gcount() == 0) break;
    request.set_content(chunk.data(), static_cast<size_t>(file.gcount()));
    open = stream->Write(request);
  }
  if (open) stream->WritesDone();
  Attachment attachment;
  const bool answered = stream->Read(&attachment);
  EMBUDO_RETURN_IF_ERROR(stream->Finish());
  if (!answered) return absl::UnavailableError("the server did not answer the upload");
  context.output().Object(ToJson(attachment));
  return 0;
}

absl::Status Receive(Context& context, const std::string& name, std::ostream& out) {
  const std::string method = std::string(kAttachments) + "DownloadAttachment";
  const auto stream = context.ClientOf(method).Stream(method, context.identity());
  pipeline::v1::DownloadAttachmentRequest request;
  request.set_name(name);
  if (stream->Write(request)) stream->WritesDone();
  pipeline::v1::DownloadAttachmentResponse part;
  while (stream->Read(&part)) out << part.content();
  return stream->Finish();
}

absl::StatusOr<int> Download(Context& context, const Flags& flags) {
  if (flags.file.empty()) {
    EMBUDO_RETURN_IF_ERROR(Receive(context, flags.name, context.output().stream()));
    return 0;
  }
  // Under its own name only when it is all there.
  const std::string partial = flags.file + ".part";
  std::ofstream file(partial, std::ios::binary);
  if (!file) return Error(absl::StatusCode::kInvalidArgument, "FILE_NOT_WRITABLE", "can't write " + partial);
  absl::Status status = Receive(context, flags.name, file);
  file.close();
  if (status.ok() && !file) {
    status = Error(absl::StatusCode::kInvalidArgument, "FILE_NOT_WRITABLE", "can't write all of " + partial);
  }
  std::error_code error;
  if (status.ok()) {
    std::filesystem::rename(partial, flags.file, error);
  } else {
    std::filesystem::remove(partial, error);
  }
  if (!status.ok()) return status;
  if (!error) return 0;
  return Error(absl::StatusCode::kInvalidArgument, "FILE_NOT_WRITABLE", "can't write " + flags.file);
}

absl::StatusOr<int> List(Context& context, const Flags& flags) {
  pipeline::v1::ListAttachmentsRequest request;
  request.set_parent(NameOf("leads", flags.lead));
  request.set_page_size(flags.limit);
  EMBUDO_ASSIGN_OR_RETURN(const auto page, context.Call<pipeline::v1::ListAttachmentsResponse>(
                                               std::string(kAttachments) + "ListAttachments", request));
  std::vector<Json> rows;
  for (const Attachment& attachment : page.attachments()) rows.push_back(ToJson(attachment));
  context.output().Rows(rows, {{"FILE", "file_name"},
                               {"TYPE", "content_type"},
                               {"BYTES", "size_bytes"},
                               {"BY", "creator"},
                               {"TIME", "create_time"},
                               {"NAME", "name"}});
  return 0;
}

using Action = absl::StatusOr<int> (*)(Context&, const Flags&);

}  // namespace

void AddAttach(CLI::App& app, Context& context) {
  CLI::App& attach = *app.add_subcommand("attach", "Files on leads");
  attach.require_subcommand(1);
  const auto flags = std::make_shared<Flags>();
  const auto add = [&](const char* name, const char* help, Action action) -> CLI::App& {
    CLI::App& command = *attach.add_subcommand(name, help);
    command.callback(
        [&context, flags, action] { context.command = [&context, flags, action] { return action(context, *flags); }; });
    return command;
  };
  CLI::App& upload = add("upload", "Attaches a file to a lead", Upload);
  upload.add_option("lead", flags->lead, "The lead's name or id")->required();
  upload.add_option("file", flags->file, "The file")->required();
  CLI::App& download = add("download", "Writes an attachment's content", Download);
  download.add_option("name", flags->name, "Its name, leads/…/attachments/…")->required();
  download.add_option("--output,-o", flags->file, "To this file; else to standard output");
  CLI::App& list = add("list", "A lead's attachments, newest first", List);
  list.add_option("lead", flags->lead, "The lead's name or id; `-` for all leads")->required();
  list.add_option("--limit", flags->limit, "Most to show")->check(CLI::Range(1, 1000))->capture_default_str();
}

}  // namespace embudo::cli
