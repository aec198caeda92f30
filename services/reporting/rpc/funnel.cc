#include "services/reporting/logic/funnel.h"

#include <map>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "services/reporting/rpc/reading.h"
#include "services/reporting/rpc/reports.h"
#include "services/reporting/storage/catalogue.h"

namespace embudo::reporting {
namespace {

using logic::Subject;
using rpc::CallContext;

const std::vector<storage::Aggregate>& Aggregates() {
  static const auto* const aggregates = new std::vector<storage::Aggregate>{
      {"sum(t.c1)"}, {"sum(t.c2)"}, {"sum(t.c3)"}, {"sum(t.c1) FILTER (WHERE t.state = 'WON')"},
      {"sum(t.c4)"}, {"sum(t.c5)"}};
  return *aggregates;
}

int64_t ToInt(const std::string& text) { return text.empty() ? 0 : std::stoll(text); }

logic::StayCounts ToCounts(const std::vector<std::string>& cells) {
  return {.entered = ToInt(cells[0]),
          .here = ToInt(cells[1]),
          .lost = ToInt(cells[2]),
          .won = ToInt(cells[3]),
          .stays = ToInt(cells[4]),
          .seconds = ToInt(cells[5])};
}

/// The rows by stage and values, of those by what came after the stage, too.
std::map<std::vector<std::string>, std::pair<logic::Row, logic::StayCounts>> Fold(
    storage::Cells& cells, const std::map<std::string, int64_t>& places) {
  std::map<std::vector<std::string>, std::pair<logic::Row, logic::StayCounts>> folded;
  for (storage::Cells::Row& row : cells.rows) {
    const std::string later = row.values.back().value;
    row.values.pop_back();
    logic::StayCounts counts = ToCounts(row.cells);
    if (logic::CameFurther(row.values.back().value, later, places)) counts.passed = counts.entered;
    std::vector<std::string> key;
    for (const logic::Value& value : row.values) key.push_back(value.value);
    auto& [out, sum] = folded[key];
    out.values = std::move(row.values);
    sum.Add(counts);
  }
  return folded;
}

/// Over all opportunities: none counts twice.
absl::StatusOr<v1::FunnelMeasures> Total(Reading& reading, const storage::Query& stays, const std::string& pipeline,
                                         const logic::StayCounts& sum) {
  storage::Query query = stays;
  query.cube = storage::Cube::kLead;
  query.dimensions.clear();
  query.condition = pipeline.empty() ? "t.stage_id IS NOT NULL" : "t.pipeline_id = " + storage::Quote(pipeline);
  query.condition_columns = {"pipeline_id", "stage_id"};
  EMBUDO_ASSIGN_OR_RETURN(const storage::Report report, reading.Run(query));
  return logic::ToFunnel({.entered = report.total.count,
                          .here = report.total.open_count,
                          .lost = report.total.lost_count,
                          .won = report.total.won_count,
                          .passed = report.total.won_count,
                          .stays = sum.stays,
                          .seconds = sum.seconds});
}

}  // namespace

absl::StatusOr<v1::AnalyzeFunnelResponse> MakeReport(const Room& room, const CallContext& call,
                                                     const v1::AnalyzeFunnelRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(Reading reading, Reading::Begin(room, call, request.min_positions()));
  EMBUDO_ASSIGN_OR_RETURN(storage::Query query,
                          reading.MakeQuery(request.group_by(), request.filter(), Subject::kStays));
  EMBUDO_RETURN_IF_ERROR(reading.SetPeriod(request.period(), "create", Subject::kStays, query));
  EMBUDO_ASSIGN_OR_RETURN(const auto stages, storage::LoadStages(reading.connection(), reading.tenant()));
  const std::string pipeline = request.pipeline().substr(request.pipeline().find('/') + 1);
  if (!request.pipeline().empty()) {
    const bool known = std::any_of(stages.begin(), stages.end(), [&](const auto& stage) {
      return stage.first.starts_with(request.pipeline() + "/");
    });
    if (!known) return NotFound("embudo.dev/Pipeline", request.pipeline());
    query.condition = "t.visited_pipeline_id = " + storage::Quote(pipeline);
  }
  query.dimensions.push_back(logic::VisitedStage());
  query.dimensions.push_back({.name = "later", .kind = logic::Dimension::Kind::kColumn, .columns = {"later"}});
  EMBUDO_ASSIGN_OR_RETURN(storage::Cells cells, reading.Run(query, Aggregates()));

  std::map<std::string, int64_t> places;
  for (const auto& [name, stage] : stages) places[name] = stage.place;
  auto folded = Fold(cells, places);
  std::vector<logic::Row> rows;
  std::vector<logic::StayCounts> counts;
  logic::StayCounts sum;
  for (auto& [key, row] : folded) {
    row.first.measures.count = static_cast<int64_t>(rows.size());
    rows.push_back(std::move(row.first));
    counts.push_back(row.second);
    sum.Add(row.second);
  }
  EMBUDO_RETURN_IF_ERROR(reading.Name(rows));
  query.dimensions.pop_back();
  v1::AnalyzeFunnelResponse response;
  for (const logic::Row& row : rows) {
    v1::FunnelRow& out = *response.add_rows();
    AddDimensions(query.dimensions, row, out.mutable_dimensions());
    *out.mutable_measures() = logic::ToFunnel(counts[static_cast<size_t>(row.measures.count)]);
  }
  EMBUDO_ASSIGN_OR_RETURN(*response.mutable_total(), Total(reading, query, pipeline, sum));
  *response.mutable_freshness() = reading.freshness();
  return response;
}

}  // namespace embudo::reporting
