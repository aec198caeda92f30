#include <string>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "services/reporting/rpc/reading.h"
#include "services/reporting/rpc/reports.h"

namespace embudo::reporting {
namespace {

using logic::Subject;
using rpc::CallContext;
using type::v1::Lead;

/// Puts rows and total into an answer, each as `to` tells it.
template <class Response, class To>
void Fill(const storage::Query& query, const storage::Report& report, const Reading& reading, const To& to,
          Response& response) {
  for (const logic::Row& row : report.rows) {
    auto& out = *response.add_rows();
    AddDimensions(query.dimensions, row, out.mutable_dimensions());
    *out.mutable_measures() = to(row.measures);
  }
  *response.mutable_total() = to(report.total);
  *response.mutable_freshness() = reading.freshness();
}

constexpr size_t kActivityCounts = 6;

/// Overdue is what is planned and was due before today.
std::vector<storage::Aggregate> ActivityAggregates(Day today) {
  const std::string day = "'" + FormatDate(ToDate(today)) + "'::date";
  const auto count = [](const std::string& where) {
    return storage::Aggregate{"sum(t.c1) FILTER (WHERE " + where + ")"};
  };
  return {{"sum(t.c1)"},
          count("t.activity_state = 'PLANNED'"),
          count("t.activity_state = 'PLANNED' AND t.due_day < " + day),
          count("t.activity_state = 'PLANNED' AND t.due_day = " + day),
          count("t.activity_state = 'DONE'"),
          count("t.activity_state = 'CANCELLED'")};
}

int64_t ToInt(const std::string& text) { return text.empty() ? 0 : std::stoll(text); }

v1::ActivityMeasures ToActivities(const std::vector<std::string>& cells) {
  v1::ActivityMeasures measures;
  if (cells.size() != kActivityCounts) return measures;
  measures.set_count(ToInt(cells[0]));
  measures.set_planned_count(ToInt(cells[1]));
  measures.set_overdue_count(ToInt(cells[2]));
  measures.set_today_count(ToInt(cells[3]));
  measures.set_done_count(ToInt(cells[4]));
  measures.set_cancelled_count(ToInt(cells[5]));
  return measures;
}

}  // namespace

absl::StatusOr<v1::AnalyzePipelineResponse> MakeReport(const Room& room, const CallContext& call,
                                                       const v1::AnalyzePipelineRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(Reading reading, Reading::Begin(room, call, request.min_positions()));
  EMBUDO_ASSIGN_OR_RETURN(storage::Query query, reading.MakeQuery(request.group_by(), request.filter()));
  EMBUDO_RETURN_IF_ERROR(reading.SetPeriod(request.period(), "create", Subject::kLeads, query));
  if (request.kind() == Lead::KIND_LEAD) query.kind = "LEAD";
  EMBUDO_ASSIGN_OR_RETURN(const storage::Report report, reading.Run(query));
  v1::AnalyzePipelineResponse response;
  Fill(query, report, reading, logic::ToPipeline, response);
  return response;
}

absl::StatusOr<v1::AnalyzeWinLossResponse> MakeReport(const Room& room, const CallContext& call,
                                                      const v1::AnalyzeWinLossRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(Reading reading, Reading::Begin(room, call, request.min_positions()));
  EMBUDO_ASSIGN_OR_RETURN(storage::Query query, reading.MakeQuery(request.group_by(), request.filter()));
  EMBUDO_RETURN_IF_ERROR(reading.SetPeriod(request.period(), "close", Subject::kLeads, query));
  query.closed_only = true;
  EMBUDO_ASSIGN_OR_RETURN(const storage::Report report, reading.Run(query));
  v1::AnalyzeWinLossResponse response;
  Fill(query, report, reading, logic::ToWinLoss, response);
  return response;
}

absl::StatusOr<v1::AnalyzeActivitiesResponse> MakeReport(const Room& room, const CallContext& call,
                                                         const v1::AnalyzeActivitiesRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(Reading reading, Reading::Begin(room, call, request.min_positions()));
  EMBUDO_ASSIGN_OR_RETURN(storage::Query query,
                          reading.MakeQuery(request.group_by(), request.filter(), Subject::kActivities));
  EMBUDO_RETURN_IF_ERROR(reading.SetPeriod(request.period(), "due", Subject::kActivities, query));
  query.kind.clear();
  query.condition_columns = {"activity_state", "due_day"};
  EMBUDO_ASSIGN_OR_RETURN(storage::Cells cells, reading.Run(query, ActivityAggregates(reading.Today())));
  // Named and sorted as rows of leads are; what they come to goes along by its place.
  std::vector<logic::Row> rows;
  for (size_t i = 0; i < cells.rows.size(); ++i) {
    logic::Row& row = rows.emplace_back();
    row.values = std::move(cells.rows[i].values);
    row.measures.count = static_cast<int64_t>(i);
  }
  EMBUDO_RETURN_IF_ERROR(reading.Name(rows));
  v1::AnalyzeActivitiesResponse response;
  for (const logic::Row& row : rows) {
    v1::ActivityRow& out = *response.add_rows();
    AddDimensions(query.dimensions, row, out.mutable_dimensions());
    *out.mutable_measures() = ToActivities(cells.rows[static_cast<size_t>(row.measures.count)].cells);
  }
  *response.mutable_total() = ToActivities(cells.total);
  *response.mutable_freshness() = reading.freshness();
  return response;
}

}  // namespace embudo::reporting
