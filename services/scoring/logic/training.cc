#include "services/scoring/logic/training.h"

#include <algorithm>
#include <map>

#include "common/base/error.h"
#include "services/scoring/logic/evaluation.h"
#include "services/scoring/logic/ml/champion.h"
#include "services/scoring/logic/ml/splits.h"

namespace embudo::scoring::logic {
namespace {

constexpr double kNewestShare = 0.2;
/// A variable that fewer leads have is left out.
constexpr size_t kLeastOfVariable = 5;
/// Rows, and of each outcome, from which a team is given a model of its own, if that is better.
constexpr size_t kLeastOfTeam = 400;
constexpr size_t kLeastOfTeamsOutcome = 50;
/// How sure it must be that it is better, in standard errors.
constexpr double kSureOfTeam = 1.0;

class Training {
 public:
  Training(const std::vector<TrainingRow>& rows, v1::TrainingRun& run, const std::function<bool()>& stop)
      : rows_(rows), run_(run), stop_(stop) {}

  absl::StatusOr<Trained> Run() {
    std::vector<LeadCells> cells;
    for (const TrainingRow& row : rows_) {
      cells.push_back(row.cells);
      labels_.push_back(row.won ? 1 : 0);
      leads_.push_back(row.lead);
    }
    const ml::Table table = TableOf(cells, rows_.size() < 100 ? 1 : kLeastOfVariable);
    Trained trained;
    trained.run = run_.name();
    trained.all.reading = ml::Reading::Learn(table);
    data_ = trained.all.reading.Read(table);
    split_ = ml::NewestPart(ml::AllRows(rows_.size()), kNewestShare, leads_);
    EMBUDO_RETURN_IF_ERROR(JudgeAll());
    EMBUDO_ASSIGN_OR_RETURN(trained.all.models, Fit(ml::AllRows(rows_.size())));
    run_.set_champion(ml::NameOf(trained.all.models.champion));
    run_.set_signal(trained.all.models.signal);
    EMBUDO_RETURN_IF_ERROR(TrainTeams(trained));
    return trained;
  }

 private:
  absl::StatusOr<ml::Models> Fit(const ml::Rows& rows) const {
    if (stop_()) return absl::CancelledError("the training was cancelled");
    return ml::FitModels(data_, labels_, rows, {.in_time_order = true, .groups = leads_});
  }

  /// The figures of the run: on the newest leads, having learned from the others.
  absl::Status JudgeAll() {
    EMBUDO_ASSIGN_OR_RETURN(const ml::Models models, Fit(split_.train));
    EMBUDO_ASSIGN_OR_RETURN(judged_, models.Predict(data_, split_.held_out));
    champion_ = static_cast<size_t>(models.champion);
    const ml::Labels truth = ml::Pick(labels_, split_.held_out);
    for (size_t kind = 0; kind < ml::kModelKinds; ++kind) {
      v1::ModelFigures& figures = *run_.add_models();
      figures = FiguresOf(ml::NameOf(static_cast<ml::ModelKind>(kind)), ml::FiguresOf(judged_[kind], truth));
      figures.set_calibration(ml::NameOf(models.cards[kind].calibration.kind));
      SetCurve(ml::CalibrationCurve(judged_[kind], truth), figures);
    }
    ml::Drift drift = ml::DriftBetween(data_, labels_, split_.train, split_.held_out);
    drift.score_psi = ml::PsiOfScores(models.held_out_champion, judged_[champion_]);
    ml::Judge(drift);
    SetDrift(drift, true, *run_.mutable_drift());
    return absl::OkStatus();
  }

  absl::Status TrainTeams(Trained& trained) {
    std::map<std::string, ml::Rows> teams;
    for (uint32_t row = 0; row < rows_.size(); ++row) {
      if (!rows_[row].team.empty()) teams[rows_[row].team].push_back(row);
    }
    for (const auto& [team, rows] : teams) {
      // One team that is nearly all needs none.
      if (rows.size() < kLeastOfTeam || rows.size() * 10 > rows_.size() * 9) continue;
      const auto won =
          static_cast<size_t>(std::count_if(rows.begin(), rows.end(), [&](uint32_t row) { return labels_[row] != 0; }));
      if (won < kLeastOfTeamsOutcome || rows.size() - won < kLeastOfTeamsOutcome) continue;
      EMBUDO_ASSIGN_OR_RETURN(const bool better, OwnIsBetter(team));
      if (!better) continue;
      ml::Artifact own{trained.all.reading, {}};
      EMBUDO_ASSIGN_OR_RETURN(own.models, Fit(rows));
      trained.teams.emplace(team, std::move(own));
      run_.add_teams("teams/" + team);
    }
    return absl::OkStatus();
  }

  /// On the team's newest leads, against the model of all that has seen as much.
  absl::StatusOr<bool> OwnIsBetter(const std::string& team) const {
    ml::Rows train;
    ml::Rows held_out;
    ml::Scores of_all;
    for (const uint32_t row : split_.train) {
      if (rows_[row].team == team) train.push_back(row);
    }
    for (size_t i = 0; i < split_.held_out.size(); ++i) {
      const uint32_t row = split_.held_out[i];
      if (rows_[row].team != team) continue;
      held_out.push_back(row);
      of_all.push_back(ml::LossOf(judged_[champion_][i], labels_[row] != 0));
    }
    EMBUDO_ASSIGN_OR_RETURN(const ml::Models own, Fit(train));
    EMBUDO_ASSIGN_OR_RETURN(const ml::Predictions said, own.Predict(data_, held_out));
    ml::Scores of_own;
    for (size_t i = 0; i < held_out.size(); ++i) {
      of_own.push_back(ml::LossOf(said[static_cast<size_t>(own.champion)][i], labels_[held_out[i]] != 0));
    }
    const ml::Gain gain = ml::GainOf(of_own, of_all);
    return own.learned() && gain.mean > 0 && gain.mean > kSureOfTeam * gain.standard_error;
  }

  const std::vector<TrainingRow>& rows_;
  v1::TrainingRun& run_;
  const std::function<bool()>& stop_;
  ml::Dataset data_;
  ml::Labels labels_;
  std::vector<uint32_t> leads_;
  ml::Split split_;
  /// What the model of all said of the newest part, and the kind that it chose.
  ml::Predictions judged_;
  size_t champion_ = 0;
};

}  // namespace

absl::StatusOr<Trained> Train(const std::vector<TrainingRow>& rows, v1::TrainingRun& run,
                              const std::function<bool()>& stop) {
  return Training(rows, run, stop).Run();
}

}  // namespace embudo::scoring::logic
