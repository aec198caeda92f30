#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>

#include "common/base/error.h"
#include "embudo/reporting/v1/reporting_service.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/report_flags.h"
#include "tools/cli/report_rows.h"

namespace embudo::cli {
namespace {

using reporting::v1::ExportReportRequest;

constexpr char kService[] = "embudo.reporting.v1.ReportingService/";

using FlagsPtr = std::shared_ptr<ReportFlags>;

/// The file of an export, as it comes.
absl::StatusOr<int> Export(Context& context, const ExportReportRequest& request) {
  const std::string method = std::string(kService) + "ExportReport";
  const auto stream = context.ClientOf(method).Stream(method, context.identity());
  if (!stream->Write(request)) return stream->Finish();
  stream->WritesDone();
  reporting::v1::ExportReportResponse piece;
  while (stream->Read(&piece)) context.output().stream() << piece.csv();
  EMBUDO_RETURN_IF_ERROR(stream->Finish());
  return 0;
}

/// A command that makes one report, or exports it.
template <class Request, class Response>
CLI::App& AddAnalysis(CLI::App& report, Context& context, const FlagsPtr& flags, const std::string& name,
                      const std::string& method, const std::string& help, const std::function<void(Request&)>& more,
                      Request* (ExportReportRequest::*mutable_part)(), const std::string& last_dimension = "") {
  CLI::App& command = *report.add_subcommand(name, help);
  AddReportFlags(command, *flags);
  command.add_flag("--export", flags->exported, "The rows as CSV, streamed");
  command.callback([&context, flags, method, more, mutable_part, last_dimension] {
    context.command = [=, &context]() -> absl::StatusOr<int> {
      Request request;
      EMBUDO_RETURN_IF_ERROR(FillRequest(*flags, request));
      if (more) more(request);
      if (flags->exported) {
        ExportReportRequest whole;
        *(whole.*mutable_part)() = request;
        return Export(context, whole);
      }
      EMBUDO_ASSIGN_OR_RETURN(const auto response, context.Call<Response>(std::string(kService) + method, request));
      std::vector<std::string> by = flags->by;
      if (!last_dimension.empty()) by.push_back(last_dimension);
      PrintReport(response, by, context.output());
      return 0;
    };
  });
  return command;
}

absl::StatusOr<int> KeyFigures(Context& context, const ReportFlags& flags) {
  reporting::v1::GetKeyFiguresRequest request;
  request.set_filter(flags.filter);
  EMBUDO_RETURN_IF_ERROR(FillPeriod(flags, *request.mutable_period()));
  EMBUDO_RETURN_IF_ERROR(FillPositions(flags, *request.mutable_min_positions()));
  EMBUDO_ASSIGN_OR_RETURN(const auto response, context.Call<reporting::v1::GetKeyFiguresResponse>(
                                                   std::string(kService) + "GetKeyFigures", request));
  PrintKeyFigures(response, context.output());
  return 0;
}

absl::StatusOr<int> Forecast(Context& context, const ReportFlags& flags) {
  reporting::v1::GetForecastRequest request;
  std::vector<std::string> by = flags.by;
  if (by.empty()) by.emplace_back("expected_close_month");
  for (const std::string& dimension : by) request.add_group_by(dimension);
  request.set_filter(flags.filter);
  request.set_snapshot(flags.snapshot.empty() ? "" : NameOf("forecastSnapshots", flags.snapshot));
  EMBUDO_RETURN_IF_ERROR(FillDay(flags.from, "--from", *request.mutable_start_date()));
  EMBUDO_RETURN_IF_ERROR(FillDay(flags.to, "--to", *request.mutable_end_date()));
  if (flags.from.empty()) request.clear_start_date();
  if (flags.to.empty()) request.clear_end_date();
  EMBUDO_RETURN_IF_ERROR(FillPositions(flags, *request.mutable_min_positions()));
  if (flags.exported) {
    ExportReportRequest whole;
    *whole.mutable_forecast() = request;
    return Export(context, whole);
  }
  EMBUDO_ASSIGN_OR_RETURN(const auto response, context.Call<reporting::v1::GetForecastResponse>(
                                                   std::string(kService) + "GetForecast", request));
  PrintReport(response, by, context.output());
  return 0;
}

absl::StatusOr<int> TakeSnapshot(Context& context) {
  reporting::v1::CreateForecastSnapshotRequest request;
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const auto snapshot, context.Call<reporting::v1::ForecastSnapshot>(
                                                   std::string(kService) + "CreateForecastSnapshot", request));
  context.output().Object(ToJson(snapshot));
  return 0;
}

absl::StatusOr<int> ListSnapshots(Context& context) {
  reporting::v1::ListForecastSnapshotsRequest request;
  std::vector<Json> rows;
  do {
    EMBUDO_ASSIGN_OR_RETURN(const auto page, context.Call<reporting::v1::ListForecastSnapshotsResponse>(
                                                 std::string(kService) + "ListForecastSnapshots", request));
    for (const auto& snapshot : page.forecast_snapshots()) {
      Json row = ToJson(snapshot);
      row["open_revenue"] = ToNumber(snapshot.open_revenue());
      row["open_count"] = snapshot.open_count();
      rows.push_back(row);
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  context.output().Rows(
      rows, {{"SNAPSHOT", "name"}, {"TAKEN", "create_time"}, {"OPEN", "open_count"}, {"OPEN REVENUE", "open_revenue"}});
  return 0;
}

absl::StatusOr<int> Slippage(Context& context, const ReportFlags& flags) {
  reporting::v1::CompareForecastsRequest request;
  request.set_base_snapshot(NameOf("forecastSnapshots", flags.base));
  if (!flags.snapshot.empty()) request.set_snapshot(NameOf("forecastSnapshots", flags.snapshot));
  EMBUDO_RETURN_IF_ERROR(FillDay(flags.from, "--from", *request.mutable_start_date()));
  EMBUDO_RETURN_IF_ERROR(FillDay(flags.to, "--to", *request.mutable_end_date()));
  EMBUDO_ASSIGN_OR_RETURN(const auto response, context.Call<reporting::v1::CompareForecastsResponse>(
                                                   std::string(kService) + "CompareForecasts", request));
  PrintSlippage(response, context.output());
  return 0;
}

void AddForecastCommands(CLI::App& report, Context& context, const FlagsPtr& flags) {
  CLI::App& forecast = *report.add_subcommand("forecast", "What is expected to close, against quota");
  AddReportFlags(forecast, *flags);
  forecast.add_option("--snapshot", flags->snapshot, "As a snapshot had it: its id, such as 2026-03-31");
  forecast.add_flag("--export", flags->exported, "The rows as CSV, streamed");
  forecast.callback([&context, flags] { context.command = [&context, flags] { return Forecast(context, *flags); }; });

  report.add_subcommand("snapshot", "Takes a snapshot of the forecast")->callback([&context] {
    context.command = [&context] { return TakeSnapshot(context); };
  });
  report.add_subcommand("snapshots", "The snapshots of the forecast")->callback([&context] {
    context.command = [&context] { return ListSnapshots(context); };
  });
  CLI::App& slippage = *report.add_subcommand("slippage", "What became of a forecast since a snapshot");
  slippage.add_option("base", flags->base, "The earlier snapshot's id")->required();
  slippage.add_option("--snapshot", flags->snapshot, "The later one's; without it, as it is now");
  slippage.add_option("--from", flags->from, "First day, YYYY-MM-DD")->required();
  slippage.add_option("--to", flags->to, "Last day")->required();
  slippage.callback([&context, flags] { context.command = [&context, flags] { return Slippage(context, *flags); }; });
}

}  // namespace

void AddReport(CLI::App& app, Context& context) {
  namespace v1 = reporting::v1;
  CLI::App& report = *app.add_subcommand("report", "Figures over the pipeline");
  report.require_subcommand(1);
  const auto flags = std::make_shared<ReportFlags>();

  CLI::App& pipeline = AddAnalysis<v1::AnalyzePipelineRequest, v1::AnalyzePipelineResponse>(
      report, context, flags, "pipeline", "AnalyzePipeline", "Counts and amounts by dimension",
      [flags](auto& request) {
        if (flags->leads) request.set_kind(type::v1::Lead::KIND_LEAD);
      },
      &ExportReportRequest::mutable_pipeline);
  pipeline.add_flag("--leads", flags->leads, "Unqualified leads instead of opportunities");
  CLI::App& leads = AddAnalysis<v1::AnalyzeLeadsRequest, v1::AnalyzeLeadsResponse>(
      report, context, flags, "leads", "AnalyzeLeads", "What came in, what became of it, what campaigns cost",
      [flags](auto& request) {
        if (flags->last_touch) request.set_attribution(v1::AnalyzeLeadsRequest::ATTRIBUTION_LAST_TOUCH);
      },
      &ExportReportRequest::mutable_leads);
  leads.add_flag("--last-touch", flags->last_touch, "Sources, mediums, campaigns and channels of the last touch");
  AddAnalysis<v1::AnalyzeActivitiesRequest, v1::AnalyzeActivitiesResponse>(
      report, context, flags, "activities", "AnalyzeActivities", "What is planned, done and overdue", nullptr,
      &ExportReportRequest::mutable_activities);
  AddAnalysis<v1::AnalyzeWinLossRequest, v1::AnalyzeWinLossResponse>(
      report, context, flags, "win-loss", "AnalyzeWinLoss", "What became of closed opportunities, by dimension",
      nullptr, &ExportReportRequest::mutable_win_loss);
  CLI::App& funnel = AddAnalysis<v1::AnalyzeFunnelRequest, v1::AnalyzeFunnelResponse>(
      report, context, flags, "funnel", "AnalyzeFunnel", "From stage to stage, and how long in each",
      [flags](auto& request) {
        if (!flags->pipeline.empty()) request.set_pipeline(NameOf("pipelines", flags->pipeline));
      },
      &ExportReportRequest::mutable_funnel, "visited_stage");
  funnel.add_option("--pipeline", flags->pipeline, "The pipeline whose stages are looked at");

  CLI::App& key_figures = *report.add_subcommand("key-figures", "The figures that tell how the pipeline does");
  AddReportFlags(key_figures, *flags);
  key_figures.callback(
      [&context, flags] { context.command = [&context, flags] { return KeyFigures(context, *flags); }; });
  AddForecastCommands(report, context, flags);
  AddDashboard(report, context);
}

}  // namespace embudo::cli
