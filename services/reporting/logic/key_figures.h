#pragma once

#include <optional>
#include <string>

#include "embudo/reporting/v1/reporting_service.pb.h"
#include "services/reporting/logic/figures.h"

namespace embudo::reporting::logic {

/// What the key figures of one period are made of.
struct FigureInput {
  /// Opportunities that came in; leads that came in and what became of them; those that closed; open ones that are
  /// expected to close.
  Measures created;
  Measures leads;
  Measures closed;
  Measures expected;
  /// Activities done on those that were won.
  int64_t won_activities = 0;
  std::optional<google::type::Money> quota;
};

/// The figures with their health, trends and definitions. `before`: those of the period before, if there is one.
v1::GetKeyFiguresResponse ToKeyFigures(const FigureInput& now, const FigureInput* before, const std::string& currency);

}  // namespace embudo::reporting::logic
