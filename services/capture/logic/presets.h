#pragma once

#include <string>
#include <vector>

#include "embudo/capture/v1/import_preset.pb.h"

namespace embudo::capture::logic {

/// The files of services/capture/presets.
const std::vector<std::string>& PresetTexts();
/// The exports of other systems that are known.
const std::vector<v1::ImportPreset>& Presets();

}  // namespace embudo::capture::logic
