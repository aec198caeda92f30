#include <CLI/CLI.hpp>

#include "common/base/error.h"
#include "embudo/pipeline/v1/pipeline_service.pb.h"
#include "tools/cli/commands.h"

namespace embudo::cli {
namespace {

absl::StatusOr<int> List(Context& context, const std::string& pipeline) {
  pipeline::v1::ListStagesRequest request;
  request.set_parent(NameOf("pipelines", pipeline));
  request.set_order_by("sequence");
  request.set_page_size(1000);
  EMBUDO_ASSIGN_OR_RETURN(const auto page, context.Call<pipeline::v1::ListStagesResponse>(
                                               "embudo.pipeline.v1.PipelineService/ListStages", request));
  std::vector<Json> rows;
  for (const auto& stage : page.stages()) rows.push_back(ToJson(stage));
  context.output().Rows(rows, {{"NAME", "name"},
                               {"TITLE", "display_name"},
                               {"SEQUENCE", "sequence"},
                               {"WON", "is_won"},
                               {"MIN DAYS", "min_days"},
                               {"MAX DAYS", "max_days"}});
  return 0;
}

}  // namespace

void AddStage(CLI::App& app, Context& context) {
  CLI::App& stage = *app.add_subcommand("stage", "Stages of the pipelines");
  stage.require_subcommand(1);
  CLI::App& list = *stage.add_subcommand("list", "The stages, in their order");
  // AIP-159: `-` stands for every parent.
  const auto pipeline = std::make_shared<std::string>("-");
  list.add_option("--in", *pipeline, "Name or id of one pipeline; all without it");
  list.callback([&context, pipeline] { context.command = [&context, pipeline] { return List(context, *pipeline); }; });
}

}  // namespace embudo::cli
