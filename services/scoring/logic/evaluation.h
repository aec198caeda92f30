#pragma once

#include "embudo/scoring/v1/scoring_service.pb.h"
#include "services/scoring/logic/ml/evaluate.h"

namespace embudo::scoring::logic {

ml::EvaluateOptions OptionsOf(const v1::EvaluateRequest::Settings& settings);
/// Figures as the API tells them: six decimals.
v1::ModelFigures FiguresOf(const std::string& name, const ml::Figures& figures);
void SetCurve(const std::vector<ml::CalibrationBin>& curve, v1::ModelFigures& figures);
/// `with_scores`: the champion's probabilities were compared too.
void SetDrift(const ml::Drift& drift, bool with_scores, v1::Drift& told);
v1::Evaluation ToProto(const ml::Evaluation& evaluation);

}  // namespace embudo::scoring::logic
