#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/resource_id.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/scoring/logic/frequency.h"
#include "services/scoring/logic/naive_bayes.h"
#include "services/scoring/logic/stages.h"

namespace embudo::scoring::logic {

/// The variables, beside the stage, of a tenant that has not chosen: those of Odoo that Embudo has, and the industry.
std::vector<std::string> DefaultVariables();

/// How a tenant's leads are read by the model.
struct ModelConfig {
  /// Variables beside the stage: `tag`, `product`, `email_quality`, `phone_quality`, a field of Lead that holds one
  /// text, reference, enum, number or truth value, or `custom_fields.<key>`.
  std::vector<std::string> variables = DefaultVariables();
  /// Leads created before it are not counted.
  std::optional<Day> start_date;
};

/// The lead's values of the variables, in their order. Unset ones are passed over, but for the two qualities: there, ""
/// is a value like `correct` and `incorrect`. Unknown variables have no values.
std::vector<Couple> CouplesOf(const type::v1::Lead& lead, const std::vector<std::string>& variables);

/// What the model sees of a lead.
Features FeaturesOf(const type::v1::Lead& lead, const Stages& stages, const ModelConfig& config);

/// What a lead adds to the frequencies; nullopt while it is neither won nor lost, is deleted, or is too old to count.
std::optional<Contribution> ContributionOf(const type::v1::Lead& lead, const Stages& stages, const ModelConfig& config);

/// Whether the lead's closing counts, whatever its values: nullopt if not, else whether it was won.
std::optional<bool> Outcome(const type::v1::Lead& lead, const ModelConfig& config);

/// Whether the lead is scored: open, and neither archived nor deleted.
bool IsScored(const type::v1::Lead& lead);

using embudo::IdOf;

}  // namespace embudo::scoring::logic
