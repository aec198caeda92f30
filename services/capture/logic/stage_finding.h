#pragma once

#include <optional>
#include <string>
#include <vector>

#include "embudo/capture/v1/import_service.pb.h"
#include "services/capture/logic/suggestion.h"

namespace embudo::capture::logic {

/// The columns that tell where an opportunity stands.
struct StageColumns {
  size_t stage = 0;
  std::optional<size_t> won, closed, probability;
};

/// Finds out what the texts of the stage column mean, by the columns that tell won and lost, never by the texts: adds
/// the stages to the mapping's pipeline, what was found to the response, and a question where nothing tells it.
void FindStages(const Sample& sample, const StageColumns& columns, v1::SuggestMappingResponse* response);

}  // namespace embudo::capture::logic
