// What became of the rows of an import, as CSV.

#include <algorithm>

#include "common/base/error.h"
#include "common/rpc/operation_wait.h"
#include "services/capture/events/file_rows.h"
#include "services/capture/logic/tally.h"
#include "services/capture/rpc/import_methods.h"
#include "services/capture/rpc/operations.h"
#include "services/capture/rpc/paging.h"

namespace embudo::capture::rpc {
namespace {

using embudo::rpc::CallContext;
using storage::ImportJob;

/// A page is one message, so long rows make it end early.
constexpr size_t kMaxPageBytes = 2 << 20;
/// Rows of this many batches are read from the database at once.
constexpr int kBatches = 20;

/// The results of an import's rows, in their order.
class Results {
 public:
  Results(Room& room, const CallContext& call, const std::string& import, int64_t after)
      : room_(room), call_(call), import_(import), after_(after) {}

  /// The result of the row, or one without status if it has none yet.
  absl::StatusOr<logic::RowResult> Of(int64_t row) {
    while (true) {
      while (at_ < results_.size() && results_[at_].row < row) ++at_;
      if (at_ < results_.size())
        return results_[at_].row == row ? results_[at_] : logic::RowResult{row, {}, {}, {}, {}};
      if (at_end_) return logic::RowResult{row, {}, {}, {}, {}};
      EMBUDO_ASSIGN_OR_RETURN(const auto more,
                              room_.imports.Results(call_.tenant(), import_, after_, kBatches, call_.deadline));
      at_end_ = more.empty();
      results_.clear();
      at_ = 0;
      for (const storage::RowResults& batch : more) {
        for (logic::RowResult& result : logic::ResultsIn(batch.lines)) results_.push_back(std::move(result));
        after_ = batch.last_row;
      }
    }
  }

 private:
  Room& room_;
  const CallContext& call_;
  const std::string import_;
  int64_t after_;
  std::vector<logic::RowResult> results_;
  size_t at_ = 0;
  bool at_end_ = false;
};

}  // namespace

absl::StatusOr<v1::DownloadImportResultsResponse> DownloadImportResults(
    Room& room, const CallContext& call, const v1::DownloadImportResultsRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string id, embudo::rpc::OperationIdOf(request.name()));
  EMBUDO_ASSIGN_OR_RETURN(const int64_t after, NumberIn(request.page_token(), request.name(), 1));
  EMBUDO_ASSIGN_OR_RETURN(const ImportJob job, room.imports.Get(call.tenant(), id, call.deadline));
  if (!job.undoes.empty()) return NotFound("embudo.dev/Operation", request.name());
  const int size = PageSize(request.page_size(), 5000, 20000);
  events::FileRows rows(room.files, call.tenant(), job.file_id, job.mapping.format());
  EMBUDO_ASSIGN_OR_RETURN(std::vector<std::string> header, rows.Header());
  const size_t width = header.size();
  v1::DownloadImportResultsResponse response;
  if (request.page_token().empty()) {
    for (const char* name : {"record", "status", "error_code", "error"}) header.emplace_back(name);
    response.set_csv(text::CsvLine(header));
  }
  Results results(room, call, id, after);
  int count = 0;
  text::CsvRow row;
  while (true) {
    const absl::StatusOr<bool> found = rows.Next(&row);
    if (!found.ok() || !*found) break;  // what is wrong with the file stands in the operation
    if (row.number <= after) continue;
    if (count == size || response.csv().size() > kMaxPageBytes) {
      response.set_next_page_token(PageToken(std::to_string(row.number - 1), request.name()));
      break;
    }
    EMBUDO_ASSIGN_OR_RETURN(const logic::RowResult result, results.Of(row.number));
    row.cells.resize(std::max(width, row.cells.size()));
    for (const std::string* cell : {&result.record, &result.status, &result.code, &result.message}) {
      row.cells.push_back(*cell);
    }
    response.mutable_csv()->append(text::CsvLine(row.cells));
    ++count;
  }
  return response;
}

absl::StatusOr<v1::DownloadRefusedRowsResponse> DownloadRefusedRows(Room& room, const CallContext& call,
                                                                    const v1::DownloadRefusedRowsRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string id, embudo::rpc::OperationIdOf(request.name()));
  EMBUDO_ASSIGN_OR_RETURN(const int64_t after, NumberIn(request.page_token(), request.name(), 0));
  EMBUDO_ASSIGN_OR_RETURN(const ImportJob job, room.imports.Get(call.tenant(), id, call.deadline));
  const int size = PageSize(request.page_size(), 1000, 10000);
  EMBUDO_ASSIGN_OR_RETURN(std::vector<storage::Refusal> refusals,
                          room.imports.Refusals(call.tenant(), id, after, size + 1, call.deadline));
  v1::DownloadRefusedRowsResponse response;
  if (request.page_token().empty()) {
    events::FileRows rows(room.files, call.tenant(), job.file_id, job.mapping.format());
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> header, rows.Header());
    response.set_csv(text::CsvLine(logic::RefusedHeader(header)));
  }
  for (size_t i = 0; i < refusals.size(); ++i) {
    const bool full = i == static_cast<size_t>(size) || (i > 0 && response.csv().size() > kMaxPageBytes);
    if (full) {
      response.set_next_page_token(PageToken(std::to_string(refusals[i - 1].row_number), request.name()));
      break;
    }
    response.mutable_csv()->append(refusals[i].line);
  }
  return response;
}

}  // namespace embudo::capture::rpc
