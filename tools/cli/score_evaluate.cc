#include <CLI/CLI.hpp>
#include <fstream>
#include <ostream>

#include "common/base/error.h"
#include "services/scoring/logic/evaluation.h"
#include "services/scoring/logic/ml/csv_table.h"
#include "tools/cli/score_commands.h"

namespace embudo::cli {
namespace {

struct Flags {
  std::string data;
  scoring::ml::EvaluateOptions options;
};

constexpr size_t kChunkBytes = 1 << 20;

absl::StatusOr<scoring::ml::Table> ReadTable(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Error(absl::StatusCode::kNotFound, "FILE_NOT_READABLE", "can't read " + path).Meta("file", path);
  }
  scoring::ml::CsvTable table;
  std::string chunk(kChunkBytes, '\0');
  while (file) {
    file.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    EMBUDO_RETURN_IF_ERROR(table.Feed(std::string_view(chunk.data(), static_cast<size_t>(file.gcount()))));
  }
  return table.Finish();
}

void PrintAsText(const scoring::v1::Evaluation& evaluation, Output& output) {
  std::vector<Json> rows;
  for (const auto& model : evaluation.models()) {
    rows.push_back(ToJson(model));
    rows.back()["champion"] = model.name() == evaluation.champion() ? "*" : "";
  }
  output.Rows(rows, {{"", "champion"},
                     {"MODEL", "name"},
                     {"AUC", "auc"},
                     {"LOG-LOSS", "log_loss"},
                     {"BRIER", "brier"},
                     {"ECE", "ece"},
                     {"CALIBRATION", "calibration"}});
  if (output.format() == Format::kCsv) return;
  std::ostream& out = output.stream();
  out << '\n' << evaluation.rows() << " rows, " << evaluation.positives() << " of them " << evaluation.positive();
  if (evaluation.folds() > 0) {
    out << ", in " << evaluation.folds() << " folds\n";
  } else {
    out << "; the newest " << evaluation.test_rows() << " held out\n";
  }
  out << evaluation.signal() << '\n' << evaluation.drift().text() << '\n';
  if (evaluation.has_recalibration()) {
    out << "set right as outcomes become known, the champion's log-loss goes from "
        << CellText(evaluation.recalibration().before().log_loss()) << " to "
        << CellText(evaluation.recalibration().after().log_loss()) << '\n';
  }
  for (const auto& warning : evaluation.warnings()) out << "note: " << warning << '\n';
}

absl::StatusOr<int> Evaluate(Context& context, const Flags& flags) {
  EMBUDO_ASSIGN_OR_RETURN(const scoring::ml::Table table, ReadTable(flags.data));
  EMBUDO_ASSIGN_OR_RETURN(const scoring::ml::Evaluation evaluation, scoring::ml::Evaluate(table, flags.options));
  const scoring::v1::Evaluation told = scoring::logic::ToProto(evaluation);
  if (context.format == Format::kJson) {
    context.output().Object(ToJson(told));
  } else {
    PrintAsText(told, context.output());
  }
  return 0;
}

}  // namespace

void AddScoreEvaluate(CLI::App& score, Context& context) {
  CLI::App& evaluate = *score.add_subcommand(
      "evaluate", "How well each kind of model tells the outcomes of a labelled CSV file; needs no server");
  const auto flags = std::make_shared<Flags>();
  evaluate.add_option("--data", flags->data, "The CSV file, with a header")->required();
  evaluate.add_option("--label", flags->options.label, "The column that tells the outcome")->required();
  evaluate.add_option("--positive", flags->options.positive, "Its value that counts as won");
  evaluate.add_option("--negative", flags->options.negatives, "Its values that count as lost; others are left out")
      ->delimiter(',');
  evaluate.add_option("--exclude", flags->options.exclude, "Columns not to learn from")->delimiter(',');
  evaluate.add_option("--time", flags->options.time, "Hold out the newest fifth by this column, in place of folds");
  evaluate.add_option("--folds", flags->options.folds, "Parts, each held out once")
      ->check(CLI::Range(2, 20))
      ->capture_default_str();
  evaluate.callback([&context, flags] { context.command = [&context, flags] { return Evaluate(context, *flags); }; });
}

}  // namespace embudo::cli
