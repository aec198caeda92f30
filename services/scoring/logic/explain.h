#pragma once

#include <memory>
#include <optional>

#include "common/base/clock.h"
#include "embudo/scoring/v1/scoring_service.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/scoring/logic/features.h"
#include "services/scoring/logic/manual_score.h"
#include "services/scoring/logic/naive_bayes.h"
#include "services/scoring/logic/trained.h"

namespace embudo::scoring::logic {

/// Everything that a tenant's leads are scored by.
struct Model {
  ModelConfig config;
  Stages stages;
  std::vector<Rule> rules;
  NaiveBayes bayes;
  /// Where the probability comes from, and the run that serves; naive Bayes where there is none.
  v1::ScoringSettings::Method method = v1::ScoringSettings::METHOD_NAIVE_BAYES;
  std::shared_ptr<const Trained> trained = nullptr;
};

/// The chance that a lead is won, in percent; nullopt if there is too little history.
std::optional<double> ProbabilityOf(const Model& model, const type::v1::Lead& lead, Time now);

/// Why the model scores a lead as it does, in numbers and in words.
v1::Explanation Explain(const Model& model, const type::v1::Lead& lead, Time now);

}  // namespace embudo::scoring::logic
