#include "services/reporting/rpc/dashboard_service.h"

#include <string>

#include "common/base/error.h"
#include "common/filter/filter.h"
#include "common/text/dates.h"
#include "services/reporting/logic/dimension.h"
#include "services/reporting/logic/period.h"
#include "services/reporting/rpc/reports.h"
#include "services/reporting/storage/dashboards.h"
#include "services/reporting/storage/lead_table.h"
#include "services/reporting/storage/names.h"

namespace embudo::reporting {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using rpc::CallContext;
using v1::Dashboard;
using v1::Tile;
using v1::TileResult;

/// The report of a tile; nullptr if it has none.
const Message* ReportOf(const Tile& tile) {
  const auto* oneof = Tile::descriptor()->FindOneofByName("report");
  const FieldDescriptor* field = tile.GetReflection()->GetOneofFieldDescriptor(tile, oneof);
  return field == nullptr ? nullptr : &tile.GetReflection()->GetMessage(tile, field);
}

/// A message's text field; empty if it has none of that name.
std::string TextIn(const Message& message, const char* name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  return field == nullptr ? "" : message.GetReflection()->GetString(message, field);
}

std::vector<std::string> GroupsIn(const Message& message) {
  std::vector<std::string> groups;
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName("group_by");
  if (field == nullptr) return groups;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
    groups.push_back(message.GetReflection()->GetRepeatedString(message, field, i));
  }
  return groups;
}

logic::Subject SubjectOf(const Tile& tile) {
  if (tile.has_activities()) return logic::Subject::kActivities;
  if (tile.has_leads() && tile.leads().attribution() == v1::AnalyzeLeadsRequest::ATTRIBUTION_LAST_TOUCH) {
    return logic::Subject::kLeadsByLastTouch;
  }
  return tile.has_funnel() ? logic::Subject::kStays : logic::Subject::kLeads;
}

/// The message of a report's measures, or the key figures themselves.
const google::protobuf::Descriptor* MeasuresOf(const Tile& tile) {
  switch (tile.report_case()) {
    case Tile::kPipeline:
      return v1::PipelineMeasures::descriptor();
    case Tile::kLeads:
      return v1::LeadMeasures::descriptor();
    case Tile::kActivities:
      return v1::ActivityMeasures::descriptor();
    case Tile::kWinLoss:
      return v1::WinLossMeasures::descriptor();
    case Tile::kFunnel:
      return v1::FunnelMeasures::descriptor();
    case Tile::kForecast:
      return v1::ForecastMeasures::descriptor();
    case Tile::kKeyFigures:
    case Tile::REPORT_NOT_SET:
      break;
  }
  return v1::GetKeyFiguresResponse::descriptor();
}

/// The status of one tile, with its path.
absl::Status At(const std::string& path, const std::string& field, const absl::Status& status) {
  if (status.ok()) return status;
  return InvalidField(path + "." + field, MessageOf(status));
}

/// Puts the last days, up to today, in place of a report's period.
template <class Request>
void SetDays(int days, Day today, Request& request) {
  if (days == 0) return;
  *request.mutable_period()->mutable_start_date() = ToDate(today - std::chrono::days(days - 1));
  *request.mutable_period()->mutable_end_date() = ToDate(today);
}
void SetDays(int days, Day today, v1::GetForecastRequest& request) {
  if (days == 0) return;
  *request.mutable_start_date() = ToDate(logic::FirstOfMonth(today));
  *request.mutable_end_date() =
      ToDate(logic::AddMonths(logic::FirstOfMonth(today + std::chrono::days(days)), 1) - std::chrono::days(1));
}

/// Makes one report into its place.
template <class Request, class Response>
void MakeInto(const Room& room, const CallContext& call, Request request, int days, Day today, Response* response,
              TileResult* result) {
  SetDays(days, today, request);
  auto made = MakeReport(room, call, request);
  if (made.ok()) {
    response->Swap(&*made);
  } else {
    result->set_error(MessageOf(made.status()));
  }
}

TileResult MakeTile(const Room& room, const CallContext& call, const Tile& tile, Day today) {
  TileResult result;
  const int days = tile.days();
  switch (tile.report_case()) {
    case Tile::kPipeline:
      MakeInto(room, call, tile.pipeline(), days, today, result.mutable_pipeline(), &result);
      break;
    case Tile::kLeads:
      MakeInto(room, call, tile.leads(), days, today, result.mutable_leads(), &result);
      break;
    case Tile::kActivities:
      MakeInto(room, call, tile.activities(), days, today, result.mutable_activities(), &result);
      break;
    case Tile::kWinLoss:
      MakeInto(room, call, tile.win_loss(), days, today, result.mutable_win_loss(), &result);
      break;
    case Tile::kFunnel:
      MakeInto(room, call, tile.funnel(), days, today, result.mutable_funnel(), &result);
      break;
    case Tile::kForecast:
      MakeInto(room, call, tile.forecast(), days, today, result.mutable_forecast(), &result);
      break;
    case Tile::kKeyFigures:
      MakeInto(room, call, tile.key_figures(), days, today, result.mutable_key_figures(), &result);
      break;
    case Tile::REPORT_NOT_SET:
      result.set_error("the tile has no report");
      break;
  }
  return result;
}

}  // namespace

DashboardService::DashboardService(const Room& room, resource::Writer& writer)
    : room_(room),
      dashboards_(
          storage::DashboardTable(),
          {.prepare = [this](const CallContext& call, Message& after,
                             const Message* /*before*/) { return Check(call, static_cast<const Dashboard&>(after)); },
           .default_order = "create_time"},
          room.pool, writer, room.clock) {}

std::unique_ptr<rpc::Service> DashboardService::MakeService() {
  auto service = std::make_unique<rpc::Service>(v1::GetDashboardRequest::descriptor()->file()->service(0));
  service->Unary<v1::ShowDashboardRequest, v1::ShowDashboardResponse>(
      "ShowDashboard", [this](const CallContext& call, const auto& request) { return Show(call, request); });
  dashboards_.Bind(*service);
  return service;
}

absl::Status DashboardService::Check(const CallContext& call, const Dashboard& dashboard) const {
  if (dashboard.has_delete_time()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, room_.pool.Acquire(call.tenant(), call.deadline));
  const auto resolver = [&](const std::string& type, const std::string& field, const std::string& value) {
    return storage::FindNames(*lease, call.tenant(), type, field, value);
  };
  for (int i = 0; i < dashboard.tiles_size(); ++i) {
    const Tile& tile = dashboard.tiles(i);
    const std::string path = "dashboard.tiles[" + std::to_string(i) + "]";
    const Message* report = ReportOf(tile);
    if (report == nullptr) return InvalidField(path + ".report", "is required");
    EMBUDO_RETURN_IF_ERROR(At(path, "group_by", logic::ParseGroupBy(GroupsIn(*report), SubjectOf(tile)).status()));
    EMBUDO_RETURN_IF_ERROR(At(
        path, "filter", filter::Filter::Compile(TextIn(*report, "filter"), storage::LeadSchema(), resolver).status()));
    if (!tile.measure().empty() && MeasuresOf(tile)->FindFieldByName(tile.measure()) == nullptr) {
      return InvalidField(path + ".measure", "\"" + tile.measure() + "\" is no measure of the report");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::ShowDashboardResponse> DashboardService::Show(const CallContext& call,
                                                                 const v1::ShowDashboardRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, dashboards_.Load(call, request.name()));
  storage::Settings settings;
  {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, room_.pool.Acquire(call.tenant(), call.deadline));
    EMBUDO_ASSIGN_OR_RETURN(settings, storage::LoadSettings(*lease, call.tenant()));
  }
  v1::ShowDashboardResponse response;
  *response.mutable_dashboard() = static_cast<const Dashboard&>(*record.message);
  const Day today = text::DayIn(room_.clock.Now(), settings.time_zone);
  for (const Tile& tile : response.dashboard().tiles()) {
    *response.add_results() = MakeTile(room_, call, tile, today);
  }
  return response;
}

}  // namespace embudo::reporting
