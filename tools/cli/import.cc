#include <google/protobuf/util/json_util.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "common/base/error.h"
#include "embudo/capture/v1/import_service.pb.h"
#include "embudo/capture/v1/operation_service.pb.h"
#include "google/longrunning/operations.pb.h"
#include "tools/cli/commands.h"

namespace embudo::cli {
namespace {

using capture::v1::ImportMetadata;
using google::longrunning::Operation;

struct Flags {
  std::string mapping;
  std::string file;
  std::string refused_rows;
  bool dry_run = false;
};

constexpr size_t kChunkBytes = 65536;
constexpr int kRefusedRowsExitCode = 2;
constexpr char kImports[] = "embudo.capture.v1.ImportService/";

absl::Status CannotRead(const std::string& path) {
  return Error(absl::StatusCode::kNotFound, "FILE_NOT_READABLE", "can't read " + path).Meta("file", path);
}

absl::StatusOr<capture::v1::ImportMapping> ReadMapping(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return CannotRead(path);
  const std::string json(std::istreambuf_iterator<char>(file), {});
  capture::v1::ImportMapping mapping;
  const auto parsed = google::protobuf::util::JsonStringToMessage(json, &mapping);
  if (!parsed.ok()) return InvalidField("mapping", path + ": " + parsed.message().ToString());
  return mapping;
}

absl::StatusOr<std::string> Upload(Context& context, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return CannotRead(path);
  const std::string method = std::string(kImports) + "UploadFile";
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

ImportMetadata ProgressOf(const Operation& operation) {
  ImportMetadata progress;
  capture::v1::ImportLeadsResponse response;
  if (operation.has_response() && operation.response().UnpackTo(&response)) return response.summary();
  operation.metadata().UnpackTo(&progress);
  return progress;
}

/// One line that is written over and over, for people; nothing where standard error is a file.
class ProgressBar {
 public:
  void Show(const ImportMetadata& progress) const {
    if (!on_terminal_ || progress.rows_total() == 0) return;
    constexpr int64_t kWidth = 40;
    const auto filled = static_cast<size_t>(kWidth * progress.rows_done() / progress.rows_total());
    std::cerr << "\r[" << std::string(filled, '#') << std::string(kWidth - filled, ' ') << "] " << progress.rows_done()
              << " of " << progress.rows_total() << " rows" << std::flush;
  }
  void Clear() const {
    if (on_terminal_) std::cerr << "\r\033[K" << std::flush;
  }

 private:
  const bool on_terminal_ = isatty(STDERR_FILENO) == 1;
};

absl::StatusOr<Operation> WaitUntilDone(Context& context, Operation operation) {
  const ProgressBar bar;
  capture::v1::WaitOperationRequest request;
  request.set_name(operation.name());
  request.mutable_timeout()->set_nanos(500'000'000);
  while (!operation.done()) {
    EMBUDO_ASSIGN_OR_RETURN(operation,
                            context.Call<Operation>("embudo.capture.v1.OperationService/WaitOperation", request));
    bar.Show(ProgressOf(operation));
  }
  bar.Clear();
  return operation;
}

/// Every issue as a row: what, where, how often, and the first example.
std::vector<Json> IssueRows(const ImportMetadata& progress) {
  std::vector<Json> rows;
  for (const auto* issues : {&progress.errors(), &progress.warnings()}) {
    for (const auto& issue : *issues) {
      Json row = {{"kind", issues == &progress.errors() ? "refused" : "warning"},
                  {"code", issue.code()},
                  {"column", issue.column()},
                  {"count", issue.count()}};
      if (issue.examples_size() > 0) {
        row["row"] = issue.examples(0).row();
        row["example"] = issue.examples(0).message();
      }
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

void PrintResult(const Operation& operation, const ImportMetadata& progress, Output& output) {
  Json result = {{"operation", operation.name()}, {"dry_run", progress.dry_run()}, {"rows", progress.rows_total()},
                 {"created", progress.created()}, {"updated", progress.updated()}, {"unchanged", progress.unchanged()},
                 {"refused", progress.refused()}};
  const std::vector<Json> issues = IssueRows(progress);
  if (output.format() == Format::kJson) {
    result["issues"] = issues;
    output.Object(result);
    return;
  }
  output.Object(result);
  if (issues.empty() || output.format() == Format::kCsv) return;
  output.stream() << '\n';
  output.Rows(issues, {{"", "kind"},
                       {"CODE", "code"},
                       {"COLUMN", "column"},
                       {"ROWS", "count"},
                       {"FIRST ROW", "row"},
                       {"EXAMPLE", "example"}});
}

absl::Status SaveRefusedRows(Context& context, const std::string& operation, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  if (!file) return Error(absl::StatusCode::kInvalidArgument, "FILE_NOT_WRITABLE", "can't write " + path);
  capture::v1::DownloadRefusedRowsRequest request;
  request.set_name(operation);
  do {
    EMBUDO_ASSIGN_OR_RETURN(const auto page, context.Call<capture::v1::DownloadRefusedRowsResponse>(
                                                 std::string(kImports) + "DownloadRefusedRows", request));
    file << page.csv();
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

absl::StatusOr<int> Import(Context& context, const Flags& flags) {
  capture::v1::ImportLeadsRequest request;
  EMBUDO_ASSIGN_OR_RETURN(*request.mutable_mapping(), ReadMapping(flags.mapping));
  EMBUDO_ASSIGN_OR_RETURN(const std::string file, Upload(context, flags.file));
  request.set_file(file);
  request.set_dry_run(flags.dry_run);
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(Operation operation, context.Call<Operation>(std::string(kImports) + "ImportLeads", request));
  EMBUDO_ASSIGN_OR_RETURN(operation, WaitUntilDone(context, std::move(operation)));
  const ImportMetadata progress = ProgressOf(operation);
  PrintResult(operation, progress, context.output());
  if (!flags.refused_rows.empty() && progress.refused() > 0) {
    EMBUDO_RETURN_IF_ERROR(SaveRefusedRows(context, operation.name(), flags.refused_rows));
  }
  if (operation.has_error()) return FromRpcStatus(operation.error());
  return progress.refused() > 0 ? kRefusedRowsExitCode : 0;
}

}  // namespace

void AddImport(CLI::App& app, Context& context) {
  CLI::App& import = *app.add_subcommand(
      "import", "Imports the rows of a CSV file; exit code 2 if some were refused and the others went in");
  const auto flags = std::make_shared<Flags>();
  import.add_option("--mapping", flags->mapping, "What the columns are: an ImportMapping in protobuf's JSON form")
      ->required();
  import.add_flag("--dry-run", flags->dry_run, "Check every row and tell what would be done");
  import.add_option("--refused-rows", flags->refused_rows, "Write the refused rows with their reasons to this file");
  import.add_option("file", flags->file, "The CSV file")->required();
  import.callback([&context, flags] { context.command = [&context, flags] { return Import(context, *flags);
};
}  // namespace embudo::cli
);
}

}  // namespace embudo::cli
