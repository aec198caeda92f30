#include "services/capture/logic/tally.h"

#include <algorithm>
#include <cstdlib>

namespace embudo::capture::logic {
namespace {

constexpr int kMaxExamples = 3;
// A file with as many kinds of trouble is not what its mapping says; the count of refused rows stays right.
constexpr int kMaxIssues = 200;

using Issues = google::protobuf::RepeatedPtrField<v1::ImportIssue>;

void Count(const Issue& issue, const text::CsvRow& row, Issues* issues) {
  auto at = std::find_if(issues->begin(), issues->end(), [&](const v1::ImportIssue& other) {
    return other.code() == issue.code && other.column() == issue.column;
  });
  if (at == issues->end()) {
    if (issues->size() == kMaxIssues) return;
    v1::ImportIssue* added = issues->Add();
    added->set_code(issue.code);
    added->set_column(issue.column);
    at = issues->end() - 1;
  }
  at->set_count(at->count() + 1);
  if (at->examples_size() >= kMaxExamples) return;
  v1::ImportIssue::Example* example = at->add_examples();
  example->set_row(row.number);
  example->set_line(row.line);
  example->set_message(issue.message);
}

/// All errors of a row in a line.
std::string ReasonsOf(const MappedRow& row) {
  std::string reasons;
  for (const Issue& error : row.errors) {
    if (!reasons.empty()) reasons += "; ";
    reasons += (error.column.empty() ? "" : error.column + ": ") + error.message;
  }
  return reasons;
}

}  // namespace

void CountWarnings(const MappedRow& row, v1::ImportMetadata* progress) {
  for (const Issue& warning : row.warnings) Count(warning, row.row, progress->mutable_warnings());
}

void CountWritten(const MappedRow& row, Outcome outcome, v1::ImportMetadata* progress) {
  progress->set_rows_done(progress->rows_done() + 1);
  CountWarnings(row, progress);
  switch (outcome) {
    case Outcome::kCreated:
      return progress->set_created(progress->created() + 1);
    case Outcome::kUpdated:
      return progress->set_updated(progress->updated() + 1);
    case Outcome::kUnchanged:
      return progress->set_unchanged(progress->unchanged() + 1);
  }
}

void CountRefused(const MappedRow& row, v1::ImportMetadata* progress) {
  progress->set_rows_done(progress->rows_done() + 1);
  progress->set_refused(progress->refused() + 1);
  for (const Issue& error : row.errors) Count(error, row.row, progress->mutable_errors());
}

void NoteUnused(const ImportPlan& plan, v1::ImportMetadata* progress) {
  text::CsvRow header;
  header.number = 1;
  header.line = 1;
  for (const std::string& column : plan.unused) {
    Count({"COLUMN_NOT_USED", column, "the mapping does not use this column"}, header, progress->mutable_warnings());
  }
}

const char* StatusOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kCreated:
      return "created";
    case Outcome::kUpdated:
      return "updated";
    default:
      return "unchanged";
  }
}

std::string ResultLine(const MappedRow& row, const char* status, const std::string& record) {
  std::string message = ReasonsOf(row);
  std::replace_if(
      message.begin(), message.end(), [](char c) { return c == '\t' || c == '\n' || c == '\r'; }, ' ');
  return std::to_string(row.row.number) + '\t' + status + '\t' + record + '\t' +
         (row.errors.empty() ? "" : row.errors.front().code) + '\t' + message + '\n';
}

std::vector<RowResult> ResultsIn(const std::string& lines) {
  std::vector<RowResult> results;
  for (size_t at = 0; at < lines.size();) {
    const size_t end = std::min(lines.find('\n', at), lines.size());
    RowResult result;
    std::string number;
    size_t from = at;
    for (std::string* part : {&number, &result.status, &result.record, &result.code, &result.message}) {
      const size_t to = std::min(lines.find('\t', from), end);
      if (from <= to) *part = lines.substr(from, to - from);
      from = to + 1;
    }
    result.row = std::strtoll(number.c_str(), nullptr, 10);
    results.push_back(std::move(result));
    at = end + 1;
  }
  return results;
}

std::vector<std::string> RefusedLine(const MappedRow& row) {
  std::string reasons = ReasonsOf(row);
  std::vector<std::string> line = {std::to_string(row.row.number), row.errors.empty() ? "" : row.errors.front().code,
                                   std::move(reasons)};
  line.insert(line.end(), row.row.cells.begin(), row.row.cells.end());
  return line;
}

std::vector<std::string> RefusedHeader(const std::vector<std::string>& headers) {
  std::vector<std::string> line = {"row_number", "error_code", "error"};
  line.insert(line.end(), headers.begin(), headers.end());
  return line;
}

}  // namespace embudo::capture::logic
