#include <CLI/CLI.hpp>

#include "common/base/error.h"
#include "embudo/reporting/v1/reporting_service.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/report_rows.h"

namespace embudo::cli {
namespace {

struct Flags {
  std::vector<std::string> by;
  std::string filter;
  bool leads = false;
};

constexpr char kService[] = "embudo.reporting.v1.ReportingService/";

template <class Request>
Request MakeRequest(const Flags& flags) {
  Request request;
  for (const std::string& dimension : flags.by) request.add_group_by(dimension);
  request.set_filter(flags.filter);
  return request;
}

absl::StatusOr<int> Pipeline(Context& context, const Flags& flags) {
  auto request = MakeRequest<reporting::v1::AnalyzePipelineRequest>(flags);
  if (flags.leads) request.set_kind(type::v1::Lead::KIND_LEAD);
  EMBUDO_ASSIGN_OR_RETURN(const auto response, context.Call<reporting::v1::AnalyzePipelineResponse>(
                                                   std::string(kService) + "AnalyzePipeline", request));
  PrintReport(response, flags.by, context.output());
  return 0;
}

absl::StatusOr<int> WinLoss(Context& context, const Flags& flags) {
  const auto request = MakeRequest<reporting::v1::AnalyzeWinLossRequest>(flags);
  EMBUDO_ASSIGN_OR_RETURN(const auto response, context.Call<reporting::v1::AnalyzeWinLossResponse>(
                                                   std::string(kService) + "AnalyzeWinLoss", request));
  PrintReport(response, flags.by, context.output());
  return 0;
}

absl::StatusOr<int> KeyFigures(Context& context, const Flags& flags) {
  reporting::v1::GetKeyFiguresRequest request;
  request.set_filter(flags.filter);
  EMBUDO_ASSIGN_OR_RETURN(const auto response, context.Call<reporting::v1::GetKeyFiguresResponse>(
                                                   std::string(kService) + "GetKeyFigures", request));
  PrintKeyFigures(response, context.output());
  return 0;
}

void AddFilter(CLI::App& command, Flags& flags) {
  command.add_option("--filter", flags.filter, "Which leads, in the filter language");
}

void AddBy(CLI::App& command, Flags& flags) {
  command.add_option("--by", flags.by, "Dimensions, comma-separated: stage, owner, source, close_month …")
      ->delimiter(',');
}

}  // namespace

void AddReport(CLI::App& app, Context& context) {
  CLI::App& report = *app.add_subcommand("report", "Figures over the pipeline");
  report.require_subcommand(1);
  const auto flags = std::make_shared<Flags>();

  CLI::App& pipeline = *report.add_subcommand("pipeline", "Counts and amounts by dimension");
  AddBy(pipeline, *flags);
  AddFilter(pipeline, *flags);
  pipeline.add_flag("--leads", flags->leads, "Unqualified leads instead of opportunities");
  pipeline.callback([&context, flags] { context.command = [&context, flags] { return Pipeline(context, *flags); }; });

  CLI::App& win_loss = *report.add_subcommand("win-loss", "What became of closed opportunities, by dimension");
  AddBy(win_loss, *flags);
  AddFilter(win_loss, *flags);
  win_loss.callback([&context, flags] { context.command = [&context, flags] { return WinLoss(context, *flags); }; });

  CLI::App& key_figures = *report.add_subcommand("key-figures", "The figures that tell how the pipeline does");
  AddFilter(key_figures, *flags);
  key_figures.callback(
      [&context, flags] { context.command = [&context, flags] { return KeyFigures(context, *flags); }; });
}

}  // namespace embudo::cli
