#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/scoring/logic/ml/reading.h"

namespace embudo::scoring::logic {

/// A lead as trained models see it: variable and value, as text. Unset ones are not there.
using LeadCells = std::map<std::string, std::string>;

/// What is known of an open lead at that moment. Names, addresses and texts of people are not in it, nor is anything
/// that closing sets.
LeadCells CellsOf(const type::v1::Lead& lead, Time now);
/// Of a lead that was closed already when it was first seen (an import): only what a lead has from its beginning. Its
/// amounts, dates and stage may have been set by its closing.
LeadCells CellsOfClosed(const type::v1::Lead& lead);

/// Leads beside each other, as a table with a column for each variable that is set in at least `least` of them.
ml::Table TableOf(const std::vector<LeadCells>& leads, size_t least = 1);

/// A variable in words: `Industry`, `Days in stage`.
std::string VariableText(const std::string& variable);

}  // namespace embudo::scoring::logic
