#include "services/reporting/rpc/reporting_service.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "common/base/error.h"
#include "common/resource/page.h"
#include "services/reporting/rpc/export.h"
#include "services/reporting/rpc/reading.h"
#include "services/reporting/rpc/rebuild.h"
#include "services/reporting/rpc/reports.h"
#include "services/reporting/rpc/verify.h"
#include "services/reporting/storage/forecast.h"

namespace embudo::reporting {
namespace {

using google::protobuf::Message;
using rpc::CallContext;

/// Streams at once: exports, rebuilds and recounts.
constexpr int kStreamThreads = 2;
constexpr int kWaitingSteps = 64;

template <class Request, class Response>
void BindReport(const Room& room, const char* method, rpc::Service& service) {
  service.Unary<Request, Response>(
      method, [&room](const CallContext& call, const Request& request) { return MakeReport(room, call, request); });
}

absl::StatusOr<v1::ForecastSnapshot> CreateSnapshot(const Room& room, const CallContext& call,
                                                    const v1::CreateForecastSnapshotRequest& request) {
  v1::ForecastSnapshot snapshot;
  EMBUDO_RETURN_IF_ERROR(
      db::RunInTx(room.pool, call.tenant(), call.deadline, [&](db::Connection& connection) -> absl::Status {
        EMBUDO_ASSIGN_OR_RETURN(const storage::Settings settings, storage::LoadSettings(connection, call.tenant()));
        EMBUDO_ASSIGN_OR_RETURN(
            storage::Snapshot taken,
            storage::TakeSnapshot(connection, call.tenant(), "", request.request_id(), settings, room.clock.Now()));
        snapshot = std::move(taken.resource);
        return absl::OkStatus();
      }));
  return snapshot;
}

absl::StatusOr<v1::ListForecastSnapshotsResponse> ListSnapshots(const Room& room, const CallContext& call,
                                                                const v1::ListForecastSnapshotsRequest& request) {
  const std::string query = resource::QueryHash(call, request);
  std::optional<int64_t> before;
  if (!request.page_token().empty()) {
    EMBUDO_ASSIGN_OR_RETURN(const auto values, resource::ReadPageToken(request.page_token(), query, 1));
    int64_t place = 0;
    if (!absl::SimpleAtoi(values[0], &place)) return InvalidField("page_token", "is no token that this service made");
    before = place;
  }
  EMBUDO_ASSIGN_OR_RETURN(Reading reading, Reading::Begin(room, call));
  const int size = resource::PageSize(request);
  EMBUDO_ASSIGN_OR_RETURN(auto snapshots, storage::ListSnapshots(reading.connection(), call.tenant(), before, size + 1,
                                                                 reading.settings()));
  v1::ListForecastSnapshotsResponse response;
  if (snapshots.size() > static_cast<size_t>(size)) {
    snapshots.pop_back();
    response.set_next_page_token(resource::MakePageToken(query, {std::to_string(snapshots.back().sequence)}));
  }
  for (auto& snapshot : snapshots) *response.add_forecast_snapshots() = std::move(snapshot.resource);
  return response;
}

absl::StatusOr<v1::CompareForecastsResponse> CompareForecasts(const Room& room, const CallContext& call,
                                                              const v1::CompareForecastsRequest& request) {
  const Day from = FromDate(request.start_date());
  const Day to = FromDate(request.end_date());
  if (to < from) return logic::TurnedRound("end_date");
  EMBUDO_ASSIGN_OR_RETURN(Reading reading, Reading::Begin(room, call));
  EMBUDO_ASSIGN_OR_RETURN(
      const storage::Snapshot base,
      storage::GetSnapshot(reading.connection(), call.tenant(), request.base_snapshot(), reading.settings()));
  std::optional<int64_t> later;
  if (!request.snapshot().empty()) {
    EMBUDO_ASSIGN_OR_RETURN(
        const storage::Snapshot other,
        storage::GetSnapshot(reading.connection(), call.tenant(), request.snapshot(), reading.settings()));
    if (other.sequence < base.sequence) {
      return InvalidField("snapshot", "is older than base_snapshot");
    }
    later = other.sequence;
  }
  EMBUDO_ASSIGN_OR_RETURN(auto response, storage::Compare(reading.connection(), call.tenant(), base.sequence, later,
                                                          from, to, reading.settings()));
  if (const auto rate = logic::Percent(response.slipped().revenue(), response.base().revenue())) {
    response.set_slippage_rate(*rate);
  }
  *response.mutable_freshness() = reading.freshness();
  return response;
}

}  // namespace

std::unique_ptr<rpc::Service> MakeReportingService(const Room& room) {
  auto service = std::make_unique<rpc::Service>(v1::AnalyzePipelineRequest::descriptor()->file()->service(0));
  BindReport<v1::AnalyzePipelineRequest, v1::AnalyzePipelineResponse>(room, "AnalyzePipeline", *service);
  BindReport<v1::AnalyzeLeadsRequest, v1::AnalyzeLeadsResponse>(room, "AnalyzeLeads", *service);
  BindReport<v1::AnalyzeActivitiesRequest, v1::AnalyzeActivitiesResponse>(room, "AnalyzeActivities", *service);
  BindReport<v1::AnalyzeWinLossRequest, v1::AnalyzeWinLossResponse>(room, "AnalyzeWinLoss", *service);
  BindReport<v1::AnalyzeFunnelRequest, v1::AnalyzeFunnelResponse>(room, "AnalyzeFunnel", *service);
  BindReport<v1::GetKeyFiguresRequest, v1::GetKeyFiguresResponse>(room, "GetKeyFigures", *service);
  BindReport<v1::GetForecastRequest, v1::GetForecastResponse>(room, "GetForecast", *service);
  service->Unary<v1::CreateForecastSnapshotRequest, v1::ForecastSnapshot>(
      "CreateForecastSnapshot",
      [&room](const CallContext& call, const auto& request) { return CreateSnapshot(room, call, request); });
  service->Unary<v1::ListForecastSnapshotsRequest, v1::ListForecastSnapshotsResponse>(
      "ListForecastSnapshots",
      [&room](const CallContext& call, const auto& request) { return ListSnapshots(room, call, request); });
  service->Unary<v1::CompareForecastsRequest, v1::CompareForecastsResponse>(
      "CompareForecasts",
      [&room](const CallContext& call, const auto& request) { return CompareForecasts(room, call, request); });
  const auto executor = std::make_shared<rpc::Executor>(kStreamThreads, kWaitingSteps);
  service->Bidi("ExportReport",
                rpc::StepStreams(executor, [&room](const Message& request) { return ExportSteps(room, request); }));
  service->Bidi("RebuildReports",
                rpc::StepStreams(executor, [&room](const Message& request) { return RebuildSteps(room, request); }));
  service->Bidi("VerifyReports",
                rpc::StepStreams(executor, [&room](const Message& request) { return VerifySteps(room, request); }));
  return service;
}

}  // namespace embudo::reporting
