#include <CLI/CLI.hpp>
#include <fstream>
#include <iterator>

#include "common/base/error.h"
#include "embudo/reporting/v1/dashboard_service.pb.h"
#include "google/protobuf/util/json_util.h"
#include "tools/cli/commands.h"
#include "tools/cli/report_rows.h"

namespace embudo::cli {
namespace {

namespace v1 = reporting::v1;

constexpr char kService[] = "embudo.reporting.v1.DashboardService/";

struct Flags {
  std::string id;
  std::string file;
};

absl::StatusOr<int> List(Context& context) {
  v1::ListDashboardsRequest request;
  std::vector<Json> rows;
  do {
    EMBUDO_ASSIGN_OR_RETURN(
        const auto page, context.Call<v1::ListDashboardsResponse>(std::string(kService) + "ListDashboards", request));
    for (const auto& dashboard : page.dashboards()) {
      Json row = ToJson(dashboard);
      row["tile_count"] = dashboard.tiles_size();
      rows.push_back(row);
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  context.output().Rows(rows, {{"NAME", "name"}, {"TITLE", "display_name"}, {"TILES", "tile_count"}});
  return 0;
}

/// How many dimensions a tile's rows have, by their names in the first row.
template <class Response>
std::vector<std::string> Dimensions(const Response& response) {
  std::vector<std::string> names;
  if (response.rows().empty()) return names;
  for (const auto& value : response.rows(0).dimensions()) names.push_back(value.dimension());
  return names;
}

template <class Response>
void PrintTile(const Response& response, Output& output) {
  PrintReport(response, Dimensions(response), output);
}

absl::StatusOr<int> Show(Context& context, const Flags& flags) {
  v1::ShowDashboardRequest request;
  request.set_name(NameOf("dashboards", flags.id));
  EMBUDO_ASSIGN_OR_RETURN(const auto shown,
                          context.Call<v1::ShowDashboardResponse>(std::string(kService) + "ShowDashboard", request));
  Output& output = context.output();
  if (output.format() != Format::kTable) {
    output.Object(ToJson(shown));
    return 0;
  }
  for (int i = 0; i < shown.results_size(); ++i) {
    output.stream() << (i == 0 ? "" : "\n") << shown.dashboard().tiles(i).display_name() << "\n\n";
    const v1::TileResult& result = shown.results(i);
    if (result.has_pipeline()) PrintTile(result.pipeline(), output);
    if (result.has_leads()) PrintTile(result.leads(), output);
    if (result.has_activities()) PrintTile(result.activities(), output);
    if (result.has_win_loss()) PrintTile(result.win_loss(), output);
    if (result.has_funnel()) PrintTile(result.funnel(), output);
    if (result.has_forecast()) PrintTile(result.forecast(), output);
    if (result.has_key_figures()) PrintKeyFigures(result.key_figures(), output);
    if (!result.error().empty()) output.stream() << result.error() << "\n";
  }
  return 0;
}

absl::StatusOr<int> Create(Context& context, const Flags& flags) {
  std::ifstream file(flags.file);
  if (!file) return InvalidField("--file", "can't read " + flags.file);
  const std::string json(std::istreambuf_iterator<char>(file), {});
  v1::CreateDashboardRequest request;
  request.set_dashboard_id(flags.id);
  request.set_request_id(NewRequestId());
  if (!google::protobuf::util::JsonStringToMessage(json, request.mutable_dashboard()).ok()) {
    return InvalidField("--file", "is no dashboard as JSON");
  }
  EMBUDO_ASSIGN_OR_RETURN(const auto made,
                          context.Call<v1::Dashboard>(std::string(kService) + "CreateDashboard", request));
  context.output().Object(ToJson(made));
  return 0;
}

absl::StatusOr<int> Delete(Context& context, const Flags& flags) {
  v1::DeleteDashboardRequest request;
  request.set_name(NameOf("dashboards", flags.id));
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const auto gone,
                          context.Call<v1::Dashboard>(std::string(kService) + "DeleteDashboard", request));
  context.output().Object(ToJson(gone));
  return 0;
}

}  // namespace

void AddDashboard(CLI::App& report, Context& context) {
  CLI::App& dashboard = *report.add_subcommand("dashboard", "Pages of reports");
  dashboard.require_subcommand(1);
  const auto flags = std::make_shared<Flags>();
  dashboard.add_subcommand("list", "The tenant's dashboards")->callback([&context] {
    context.command = [&context] { return List(context); };
  });
  CLI::App& show = *dashboard.add_subcommand("show", "A dashboard's reports, as they are now");
  show.add_option("id", flags->id, "rep, manager, executive, or one of your own")->required();
  show.callback([&context, flags] { context.command = [&context, flags] { return Show(context, *flags); }; });
  CLI::App& create = *dashboard.add_subcommand("create", "Saves a dashboard from a file");
  create.add_option("id", flags->id, "1 to 63 of a-z, 0-9 and '-'")->required();
  create.add_option("--file", flags->file, "The dashboard as JSON: display_name, tiles")->required();
  create.callback([&context, flags] { context.command = [&context, flags] { return Create(context, *flags); }; });
  CLI::App& remove = *dashboard.add_subcommand("delete", "Deletes a dashboard");
  remove.add_option("id", flags->id, "The dashboard's id")->required();
  remove.callback([&context, flags] { context.command = [&context, flags] { return Delete(context, *flags); }; });
}

}  // namespace embudo::cli
