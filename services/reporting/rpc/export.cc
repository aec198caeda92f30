#include "services/reporting/rpc/export.h"

#include <string>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "services/reporting/logic/csv_export.h"
#include "services/reporting/rpc/reports.h"

namespace embudo::reporting {
namespace {

using google::protobuf::Message;
using v1::ExportReportRequest;

constexpr size_t kPieceBytes = 64 * 1024;

template <class Request>
absl::StatusOr<std::vector<std::string>> Lines(const Room& room, const rpc::CallContext& call, const Request& request,
                                               std::vector<std::string> group_by) {
  EMBUDO_ASSIGN_OR_RETURN(const auto response, MakeReport(room, call, request));
  return logic::CsvLines(response, group_by);
}

template <class Request>
std::vector<std::string> GroupsOf(const Request& request) {
  return {request.group_by().begin(), request.group_by().end()};
}

absl::StatusOr<std::vector<std::string>> LinesOf(const Room& room, const rpc::CallContext& call,
                                                 const ExportReportRequest& request) {
  switch (request.report_case()) {
    case ExportReportRequest::kPipeline:
      return Lines(room, call, request.pipeline(), GroupsOf(request.pipeline()));
    case ExportReportRequest::kLeads:
      return Lines(room, call, request.leads(), GroupsOf(request.leads()));
    case ExportReportRequest::kActivities:
      return Lines(room, call, request.activities(), GroupsOf(request.activities()));
    case ExportReportRequest::kWinLoss:
      return Lines(room, call, request.win_loss(), GroupsOf(request.win_loss()));
    case ExportReportRequest::kFunnel: {
      auto groups = GroupsOf(request.funnel());
      groups.emplace_back("visited_stage");
      return Lines(room, call, request.funnel(), groups);
    }
    case ExportReportRequest::kForecast: {
      auto groups = GroupsOf(request.forecast());
      if (groups.empty()) groups.emplace_back("expected_close_month");
      return Lines(room, call, request.forecast(), groups);
    }
    case ExportReportRequest::REPORT_NOT_SET:
      break;
  }
  return InvalidField("report", "is required");
}

/// An export under way.
struct Export {
  ExportReportRequest request;
  bool made = false;
  std::vector<std::string> lines;
  size_t next = 0;
};

}  // namespace

rpc::Step ExportSteps(const Room& room, const Message& request) {
  auto state = std::make_shared<Export>();
  state->request = static_cast<const ExportReportRequest&>(request);
  return [&room, state](const rpc::CallContext& call) -> absl::StatusOr<std::unique_ptr<Message>> {
    if (!state->made) {
      EMBUDO_ASSIGN_OR_RETURN(state->lines, LinesOf(room, call, state->request));
      state->made = true;
    }
    auto piece = std::make_unique<v1::ExportReportResponse>();
    while (state->next < state->lines.size() &&
           (piece->csv().empty() || piece->csv().size() + state->lines[state->next].size() <= kPieceBytes)) {
      *piece->mutable_csv() += state->lines[state->next++];
    }
    if (piece->csv().empty()) return std::unique_ptr<Message>();
    return piece;
  };
}

}  // namespace embudo::reporting
