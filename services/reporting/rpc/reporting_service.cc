#include "services/reporting/rpc/reporting_service.h"

#include <google/protobuf/util/time_util.h>

#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/filter/filter.h"
#include "services/reporting/storage/freshness.h"
#include "services/reporting/storage/lead_table.h"
#include "services/reporting/storage/names.h"
#include "services/reporting/storage/report.h"
#include "services/reporting/storage/visibility.h"

namespace embudo::reporting {
namespace {

using embudo::rpc::CallContext;
using type::v1::Lead;
using GroupBy = google::protobuf::RepeatedPtrField<std::string>;

/// A representative sees what the user's visibility shows; everybody else sees all.
absl::StatusOr<storage::Visibility> VisibilityOf(const CallContext& call, db::Connection& connection) {
  for (const auto role : {type::v1::ROLE_MANAGER, type::v1::ROLE_ADMIN, type::v1::ROLE_SERVICE}) {
    if (call.identity.Has(role)) return storage::Visibility();
  }
  return storage::LoadVisibility(connection, call.tenant(), call.identity.actor);
}

/// What every report asks: opportunities, or leads, that the caller sees and the filter matches.
absl::StatusOr<storage::Query> MakeQuery(const CallContext& call, db::Connection& connection, const GroupBy& group_by,
                                         const std::string& filter, Time now) {
  storage::Query query{.tenant = call.tenant(), .kind = "OPPORTUNITY", .now = now};
  EMBUDO_ASSIGN_OR_RETURN(query.dimensions, logic::ParseGroupBy({group_by.begin(), group_by.end()}));
  EMBUDO_ASSIGN_OR_RETURN(query.settings, storage::LoadSettings(connection, call.tenant()));
  EMBUDO_ASSIGN_OR_RETURN(query.visibility, VisibilityOf(call, connection));
  const auto resolver = [&](const std::string& resource_type, const std::string& field, const std::string& value) {
    return storage::FindNames(connection, call.tenant(), resource_type, field, value);
  };
  EMBUDO_ASSIGN_OR_RETURN(query.filter, filter::Filter::Compile(filter, storage::LeadSchema(), resolver));
  return query;
}

/// Runs the query; its rows as the API promises them: named and in order.
absl::StatusOr<storage::Report> RunNamed(db::Connection& connection, const storage::Query& query) {
  EMBUDO_ASSIGN_OR_RETURN(storage::Report report, storage::RunReport(connection, query));
  EMBUDO_RETURN_IF_ERROR(storage::FillNames(connection, query.tenant, report.rows));
  logic::Sort(report.rows);
  return report;
}

void AddDimensions(const storage::Query& query, const logic::Row& row,
                   google::protobuf::RepeatedPtrField<v1::DimensionValue>* out) {
  for (size_t i = 0; i < row.values.size(); ++i) {
    v1::DimensionValue& value = *out->Add();
    value.set_dimension(query.dimensions[i].name);
    value.set_value(row.values[i].value);
    value.set_display_name(row.values[i].display_name);
  }
}

}  // namespace

ReportingService::ReportingService(db::Pool& pool, db::Pool& worker_pool, const Clock& clock)
    : pool_(pool), worker_pool_(worker_pool), clock_(clock) {}

void ReportingService::Bind(embudo::rpc::Service& service) {
  service
      .Unary<v1::AnalyzePipelineRequest, v1::AnalyzePipelineResponse>(
          "AnalyzePipeline",
          [this](const CallContext& call, const auto& request) { return AnalyzePipeline(call, request); })
      .Unary<v1::AnalyzeWinLossRequest, v1::AnalyzeWinLossResponse>(
          "AnalyzeWinLoss",
          [this](const CallContext& call, const auto& request) { return AnalyzeWinLoss(call, request); })
      .Unary<v1::GetKeyFiguresRequest, v1::GetKeyFiguresResponse>(
          "GetKeyFigures",
          [this](const CallContext& call, const auto& request) { return GetKeyFigures(call, request); });
}

absl::StatusOr<v1::AnalyzePipelineResponse> ReportingService::AnalyzePipeline(
    const CallContext& call, const v1::AnalyzePipelineRequest& request) {
  v1::AnalyzePipelineResponse response;
  // Before the figures are read, so that they are at least as fresh as they say.
  EMBUDO_ASSIGN_OR_RETURN(*response.mutable_freshness(), GetFreshness(call));
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire(call.tenant(), call.deadline));
  EMBUDO_ASSIGN_OR_RETURN(storage::Query query,
                          MakeQuery(call, *lease, request.group_by(), request.filter(), clock_.Now()));
  if (request.kind() == Lead::KIND_LEAD) query.kind = "LEAD";
  EMBUDO_ASSIGN_OR_RETURN(const storage::Report report, RunNamed(*lease, query));
  for (const logic::Row& row : report.rows) {
    v1::PipelineRow& out = *response.add_rows();
    AddDimensions(query, row, out.mutable_dimensions());
    *out.mutable_measures() = logic::ToPipeline(row.measures);
  }
  *response.mutable_total() = logic::ToPipeline(report.total);
  return response;
}

absl::StatusOr<v1::AnalyzeWinLossResponse> ReportingService::AnalyzeWinLoss(const CallContext& call,
                                                                            const v1::AnalyzeWinLossRequest& request) {
  v1::AnalyzeWinLossResponse response;
  EMBUDO_ASSIGN_OR_RETURN(*response.mutable_freshness(), GetFreshness(call));
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire(call.tenant(), call.deadline));
  EMBUDO_ASSIGN_OR_RETURN(storage::Query query,
                          MakeQuery(call, *lease, request.group_by(), request.filter(), clock_.Now()));
  query.closed_only = true;
  EMBUDO_ASSIGN_OR_RETURN(const storage::Report report, RunNamed(*lease, query));
  for (const logic::Row& row : report.rows) {
    v1::WinLossRow& out = *response.add_rows();
    AddDimensions(query, row, out.mutable_dimensions());
    *out.mutable_measures() = logic::ToWinLoss(row.measures);
  }
  *response.mutable_total() = logic::ToWinLoss(report.total);
  return response;
}

absl::StatusOr<v1::GetKeyFiguresResponse> ReportingService::GetKeyFigures(const CallContext& call,
                                                                          const v1::GetKeyFiguresRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(v1::Freshness freshness, GetFreshness(call));
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire(call.tenant(), call.deadline));
  EMBUDO_ASSIGN_OR_RETURN(const storage::Query query, MakeQuery(call, *lease, {}, request.filter(), clock_.Now()));
  EMBUDO_ASSIGN_OR_RETURN(const storage::Report report, storage::RunReport(*lease, query));
  v1::GetKeyFiguresResponse response = logic::ToKeyFigures(report.total);
  *response.mutable_freshness() = std::move(freshness);
  return response;
}

absl::StatusOr<v1::Freshness> ReportingService::GetFreshness(const CallContext& call) {
  const Time now = clock_.Now();
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, worker_pool_.Acquire("", call.deadline));
  EMBUDO_ASSIGN_OR_RETURN(const storage::Progress progress, storage::LoadProgress(*lease, kConsumer));
  v1::Freshness freshness;
  for (const auto& [partition, position] : progress.partitions) {
    v1::ConsumerPosition& out = *freshness.add_positions();
    out.set_partition(partition);
    out.set_position(position);
  }
  // Before the consumer has ever run, nothing can be said.
  if (progress.partitions.empty()) return freshness;
  const Time as_of = std::min(progress.waiting_since.value_or(now), now);
  *freshness.mutable_as_of() = ToTimestamp(as_of);
  *freshness.mutable_staleness() = google::protobuf::util::TimeUtil::MicrosecondsToDuration((now - as_of).count());
  return freshness;
}

}  // namespace embudo::reporting
