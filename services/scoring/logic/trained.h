#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "embudo/scoring/v1/scoring_service.pb.h"
#include "embudo/scoring/v1/training.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/scoring/logic/ml/artifact.h"
#include "services/scoring/logic/stages.h"

namespace embudo::scoring::logic {

/// The models of one training run. Immutable.
struct Trained {
  /// Resource name of the run.
  std::string run;
  ml::Artifact all;
  /// By team id: of teams that have a model of their own.
  std::map<std::string, ml::Artifact> teams;

  const ml::Artifact& For(const type::v1::Lead& lead) const;
};

/// Which kind serves under a method; nullopt: naive Bayes, since the method says so or there was too little to learn
/// from.
std::optional<ml::ModelKind> Serving(v1::ScoringSettings::Method method, const ml::Models& models);

/// The probability of an open lead in percent; nullopt where naive Bayes is to be asked.
std::optional<double> ProbabilityOf(const Trained& trained, v1::ScoringSettings::Method method,
                                    const type::v1::Lead& lead, Time now);
/// Writes it into the explanation, with what moved it and in words. False where naive Bayes is to be asked.
bool ExplainTrained(const Trained& trained, v1::ScoringSettings::Method method, const type::v1::Lead& lead,
                    const Stages& stages, Time now, v1::Explanation& out);

}  // namespace embudo::scoring::logic
