#include <google/protobuf/util/json_util.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

#include "common/base/error.h"
#include "embudo/capture/v1/import_service.pb.h"
#include "embudo/capture/v1/operation_service.pb.h"
#include "google/longrunning/operations.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/upload.h"

namespace embudo::cli {
namespace {

using capture::v1::ImportMetadata;
using google::longrunning::Operation;

struct Flags {
  std::string mapping;
  std::string saved_mapping;
  std::string preset;
  std::string pipeline;
  std::string file;
  std::string refused_rows;
  std::string results;
  std::string mapping_out;
  std::string undo;
  std::vector<std::string> match_by;
  bool suggest = false;
  bool accept = false;
  bool custom_fields = false;
  bool run_automations = false;
  bool dry_run = false;
};

constexpr int kRefusedRowsExitCode = 2;
constexpr char kImports[] = "embudo.capture.v1.ImportService/";

absl::StatusOr<capture::v1::ImportMapping> ReadMapping(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return CannotReadFile(path);
  const std::string json(std::istreambuf_iterator<char>(file), {});
  capture::v1::ImportMapping mapping;
  const auto parsed = google::protobuf::util::JsonStringToMessage(json, &mapping);
  if (!parsed.ok()) return InvalidField("mapping", path + ": " + parsed.message().ToString());
  return mapping;
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
  if (progress.match_by_size() > 0) result["merged"] = progress.merged();
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

/// Writes the pages of a download to a file.
template <class Request, class Response>
absl::Status SavePages(Context& context, const char* method, const std::string& operation, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  if (!file) return Error(absl::StatusCode::kInvalidArgument, "FILE_NOT_WRITABLE", "can't write " + path);
  Request request;
  request.set_name(operation);
  do {
    EMBUDO_ASSIGN_OR_RETURN(const auto page, context.Call<Response>(std::string(kImports) + method, request));
    file << page.csv();
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) return Error(absl::StatusCode::kInternal, "INTERNAL", status.ToString());
  return json;
}

absl::Status SaveMapping(const capture::v1::ImportMapping& mapping, const std::string& path) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string json, ToJson(mapping));
  std::ofstream file(path, std::ios::binary);
  if (!(file << json)) return Error(absl::StatusCode::kInvalidArgument, "FILE_NOT_WRITABLE", "can't write " + path);
  return absl::OkStatus();
}

absl::Status PrintSuggestion(const capture::v1::SuggestMappingResponse& suggestion, Output& output) {
  if (output.format() == Format::kJson) {
    EMBUDO_ASSIGN_OR_RETURN(const std::string json, ToJson(suggestion));
    output.stream() << json;
    return absl::OkStatus();
  }
  output.Object({{"preset", suggestion.preset()},
                 {"confidence", suggestion.confidence()},
                 {"target", capture::v1::ImportMapping::Target_Name(suggestion.mapping().target())},
                 {"rows_read", suggestion.rows_read()},
                 {"questions", suggestion.questions_size()}});
  std::vector<Json> rows;
  for (const auto& column : suggestion.columns()) {
    rows.push_back({{"column", column.column()},
                    {"field", column.field()},
                    {"confidence", column.confidence()},
                    {"sample", column.samples_size() > 0 ? column.samples(0) : ""},
                    {"note", column.note()}});
  }
  output.stream() << '\n';
  output.Rows(rows,
              {{"COLUMN", "column"}, {"FIELD", "field"}, {"SURE", "confidence"}, {"SAMPLE", "sample"}, {"", "note"}});
  rows.clear();
  for (const auto& stage : suggestion.stages()) {
    rows.push_back({{"value", stage.value()},
                    {"count", stage.count()},
                    {"stage", stage.stage()},
                    {"state", type::v1::Lead::State_Name(stage.state()).substr(6)},
                    {"evidence", stage.evidence()}});
  }
  if (!rows.empty()) {
    output.stream() << '\n';
    output.Rows(
        rows, {{"STAGE TEXT", "value"}, {"ROWS", "count"}, {"STAGE", "stage"}, {"STATE", "state"}, {"BY", "evidence"}});
  }
  for (const auto& question : suggestion.questions()) {
    output.stream() << '\n' << question.code() << ": " << question.message() << '\n';
  }
  return absl::OkStatus();
}

/// A mapping that the service proposes; FAILED_PRECONDITION if the file leaves something open.
absl::StatusOr<capture::v1::ImportMapping> SuggestedMapping(const capture::v1::SuggestMappingResponse& suggestion,
                                                            bool accept) {
  if (accept || suggestion.questions_size() == 0) return suggestion.mapping();
  std::string list;
  for (const auto& question : suggestion.questions()) list += "\n  " + question.code() + ": " + question.message();
  return Error(absl::StatusCode::kFailedPrecondition, "MAPPING_QUESTIONS",
               "the file leaves open how it is to be read; --accept takes the proposal, --suggest --mapping-out FILE"
               " writes it to be mended:" +
                   list);
}

absl::StatusOr<int> Undo(Context& context, const std::string& name) {
  capture::v1::UndoImportRequest request;
  request.set_name(name.find('/') == std::string::npos ? "operations/" + name : name);
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(Operation operation, context.Call<Operation>(std::string(kImports) + "UndoImport", request));
  EMBUDO_ASSIGN_OR_RETURN(operation, WaitUntilDone(context, std::move(operation)));
  capture::v1::UndoImportMetadata undone;
  operation.metadata().UnpackTo(&undone);
  Output& output = context.output();
  Json result = {{"operation", operation.name()},
                 {"import", undone.import()},
                 {"deleted", undone.deleted()},
                 {"restored", undone.restored()},
                 {"kept", undone.kept()}};
  std::vector<Json> rows;
  for (const auto& kept : undone.kept_records()) {
    std::string fields;
    for (const std::string& field : kept.fields()) fields += (fields.empty() ? "" : ", ") + field;
    rows.push_back({{"record", kept.record()}, {"reason", kept.reason()}, {"fields", fields}});
  }
  if (output.format() == Format::kJson) result["kept_records"] = rows;
  output.Object(result);
  if (!rows.empty() && output.format() != Format::kJson && output.format() != Format::kCsv) {
    output.stream() << '\n';
    output.Rows(rows, {{"LEFT ALONE", "record"}, {"WHY", "reason"}, {"FIELDS", "fields"}});
  }
  if (operation.has_error()) return FromRpcStatus(operation.error());
  return 0;
}

absl::Status SetMatchBy(const std::vector<std::string>& keys, capture::v1::ImportLeadsRequest* request) {
  for (std::string key : keys) {
    for (char& c : key) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    capture::v1::ImportLeadsRequest::MatchBy value;
    if (!capture::v1::ImportLeadsRequest::MatchBy_Parse("MATCH_BY_" + key, &value)) {
      return InvalidField("match-by", "is email, phone or domain");
    }
    request->add_match_by(value);
  }
  return absl::OkStatus();
}

absl::StatusOr<int> Import(Context& context, const Flags& flags) {
  if (!flags.undo.empty()) return Undo(context, flags.undo);
  if (flags.file.empty()) return InvalidField("file", "is required");
  capture::v1::ImportLeadsRequest request;
  const bool suggested =
      flags.suggest || !flags.preset.empty() || (flags.mapping.empty() && flags.saved_mapping.empty());
  if (!flags.mapping.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(*request.mutable_mapping(), ReadMapping(flags.mapping));
  }
  EMBUDO_ASSIGN_OR_RETURN(const std::string file, UploadFile(context, flags.file));
  if (suggested) {
    capture::v1::SuggestMappingRequest asked;
    asked.set_file(file);
    asked.set_preset(flags.preset);
    asked.set_custom_fields(flags.custom_fields);
    asked.set_pipeline(flags.pipeline);
    EMBUDO_ASSIGN_OR_RETURN(const auto suggestion, context.Call<capture::v1::SuggestMappingResponse>(
                                                       std::string(kImports) + "SuggestMapping", asked));
    if (!flags.mapping_out.empty()) EMBUDO_RETURN_IF_ERROR(SaveMapping(suggestion.mapping(), flags.mapping_out));
    if (flags.suggest) {
      EMBUDO_RETURN_IF_ERROR(PrintSuggestion(suggestion, context.output()));
      return 0;
    }
    EMBUDO_ASSIGN_OR_RETURN(*request.mutable_mapping(), SuggestedMapping(suggestion, flags.accept));
  } else if (!flags.saved_mapping.empty()) {
    const std::string& name = flags.saved_mapping;
    request.set_saved_mapping(name.find('/') == std::string::npos ? "importMappings/" + name : name);
  }
  request.set_file(file);
  request.set_dry_run(flags.dry_run);
  request.set_run_automations(flags.run_automations);
  EMBUDO_RETURN_IF_ERROR(SetMatchBy(flags.match_by, &request));
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(Operation operation, context.Call<Operation>(std::string(kImports) + "ImportLeads", request));
  EMBUDO_ASSIGN_OR_RETURN(operation, WaitUntilDone(context, std::move(operation)));
  const ImportMetadata progress = ProgressOf(operation);
  PrintResult(operation, progress, context.output());
  if (!flags.refused_rows.empty() && progress.refused() > 0) {
    EMBUDO_RETURN_IF_ERROR(
        (SavePages<capture::v1::DownloadRefusedRowsRequest, capture::v1::DownloadRefusedRowsResponse>(
            context, "DownloadRefusedRows", operation.name(), flags.refused_rows)));
  }
  if (!flags.results.empty()) {
    EMBUDO_RETURN_IF_ERROR(
        (SavePages<capture::v1::DownloadImportResultsRequest, capture::v1::DownloadImportResultsResponse>(
            context, "DownloadImportResults", operation.name(), flags.results)));
  }
  if (operation.has_error()) return FromRpcStatus(operation.error());
  return progress.refused() > 0 ? kRefusedRowsExitCode : 0;
}

}  // namespace

void AddImport(CLI::App& app, Context& context) {
  CLI::App& import = *app.add_subcommand(
      "import", "Imports the rows of a CSV file; exit code 2 if some were refused and the others went in");
  const auto flags = std::make_shared<Flags>();
  import.add_option("--mapping", flags->mapping, "What the columns are: an ImportMapping in protobuf's JSON form");
  import.add_option("--saved-mapping", flags->saved_mapping, "A mapping that the service keeps, by its id");
  import.add_option("--preset", flags->preset,
                    "The export that it is, or the system: salesforce, hubspot, pipedrive, odoo, csv-leads …");
  import.add_flag("--suggest", flags->suggest, "Only tell what the columns and stages seem to be");
  import.add_option("--mapping-out", flags->mapping_out, "Write the proposed mapping to this file, to be mended");
  import.add_flag("--custom-fields", flags->custom_fields, "Make columns that fit no field custom fields");
  import.add_option("--pipeline", flags->pipeline, "The pipeline that opportunities go to, by id");
  import.add_flag("--accept", flags->accept, "Take the proposal though the file leaves something open");
  import.add_option("--match-by", flags->match_by, "Also find records by email, phone or domain")->delimiter(',');
  import.add_flag("--run-automations", flags->run_automations, "Let rules answer the changes");
  import.add_flag("--dry-run", flags->dry_run, "Check every row and tell what would be done");
  import.add_option("--refused-rows", flags->refused_rows, "Write the refused rows with their reasons to this file");
  import.add_option("--results", flags->results, "Write every row with what became of it to this file");
  import.add_option("--undo", flags->undo, "Take an import back, by its operation");
  import.add_option("file", flags->file, "The CSV file");
  import.callback([&context, flags] { context.command = [&context, flags] { return Import(context, *flags);
};
}  // namespace embudo::cli
);
}

}  // namespace embudo::cli
