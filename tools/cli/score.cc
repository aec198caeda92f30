#include <CLI/CLI.hpp>
#include <ostream>

#include "common/base/error.h"
#include "embudo/scoring/v1/scoring_service.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/score_commands.h"

namespace embudo::cli {
namespace {

void PrintAsText(const scoring::v1::Explanation& explanation, Output& output) {
  std::ostream& out = output.stream();
  out << explanation.summary() << "\n\nscore " << explanation.score() << " of 100, " << explanation.priority()
      << " of 3 stars\n";
  for (const auto& criterion : explanation.criteria()) {
    out << "  " << (criterion.points() > 0 ? "+" : "") << criterion.points() << "  " << criterion.text() << '\n';
  }
  if (!explanation.has_probability()) return;
  out << "\nprobability " << CellText(explanation.probability()) << " %\n";
  for (const auto& factor : explanation.factors()) {
    out << "  " << (factor.effect() > 0 ? "+" : "") << CellText(factor.effect()) << "  " << factor.text() << '\n';
  }
}

absl::StatusOr<int> Explain(Context& context, const std::string& lead) {
  scoring::v1::ExplainLeadRequest request;
  request.set_name(NameOf("leads", lead));
  EMBUDO_ASSIGN_OR_RETURN(const auto explanation, context.Call<scoring::v1::Explanation>(
                                                      "embudo.scoring.v1.ScoringService/ExplainLead", request));
  if (context.format == Format::kTable) {
    PrintAsText(explanation, context.output());
  } else {
    context.output().Object(ToJson(explanation));
  }
  return 0;
}

}  // namespace

void AddScore(CLI::App& app, Context& context) {
  CLI::App& score = *app.add_subcommand("score", "Scores and probabilities");
  score.require_subcommand(1);
  CLI::App& explain = *score.add_subcommand("explain", "Why a lead is scored as it is");
  const auto lead = std::make_shared<std::string>();
  explain.add_option("lead", *lead, "Its name or id")->required();
  explain.callback([&context, lead] { context.command = [&context, lead] { return Explain(context, *lead); }; });
  AddScoreEvaluate(score, context);
  AddScoreTraining(score, context);
}

}  // namespace embudo::cli
