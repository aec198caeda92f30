#include <CLI/CLI.hpp>

#include "common/base/error.h"
#include "embudo/pipeline/v1/pipeline_service.pb.h"
#include "tools/cli/commands.h"

namespace embudo::cli {
namespace {

void ShowStages(Context& context, const google::protobuf::RepeatedPtrField<type::v1::Stage>& stages) {
  std::vector<Json> rows;
  for (const auto& stage : stages) rows.push_back(ToJson(stage));
  context.output().Rows(rows, {{"NAME", "name"},
                               {"TITLE", "display_name"},
                               {"SEQUENCE", "sequence"},
                               {"WON", "is_won"},
                               {"MIN DAYS", "min_days"},
                               {"MAX DAYS", "max_days"}});
}

absl::StatusOr<int> Reorder(Context& context, const std::string& pipeline, const std::vector<std::string>& stages) {
  pipeline::v1::ReorderStagesRequest request;
  request.set_parent(NameOf("pipelines", pipeline));
  for (const std::string& stage : stages) request.add_stages(NameOf(request.parent() + "/stages", stage));
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const auto response, context.Call<pipeline::v1::ReorderStagesResponse>(
                                                   "embudo.pipeline.v1.PipelineService/ReorderStages", request));
  ShowStages(context, response.stages());
  return 0;
}

absl::StatusOr<int> List(Context& context, const std::string& pipeline) {
  pipeline::v1::ListStagesRequest request;
  request.set_parent(NameOf("pipelines", pipeline));
  request.set_order_by("sequence");
  request.set_page_size(1000);
  EMBUDO_ASSIGN_OR_RETURN(const auto page, context.Call<pipeline::v1::ListStagesResponse>(
                                               "embudo.pipeline.v1.PipelineService/ListStages", request));
  ShowStages(context, page.stages());
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
  CLI::App& reorder = *stage.add_subcommand("reorder", "Puts the stages of a pipeline into another order");
  const auto parent = std::make_shared<std::string>();
  const auto stages = std::make_shared<std::vector<std::string>>();
  reorder.add_option("pipeline", *parent, "Its name or id")->required();
  reorder.add_option("stages", *stages, "Names or ids of all of its stages, in their new order")->required();
  reorder.callback([&context, parent, stages] {
    context.command = [&context, parent, stages] { return Reorder(context, *parent, *stages); };
  });
}

}  // namespace embudo::cli
