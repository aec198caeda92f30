#include "services/capture/logic/presets.h"

#include <google/protobuf/util/json_util.h>

#include <cstdio>
#include <cstdlib>

namespace embudo::capture::logic {

const std::vector<v1::ImportPreset>& Presets() {
  static const auto* const presets = [] {
    auto* all = new std::vector<v1::ImportPreset>();
    for (const std::string& text : PresetTexts()) {
      v1::ImportPresets file;
      const auto status = google::protobuf::util::JsonStringToMessage(text, &file);
      if (!status.ok()) {
        std::fprintf(stderr, "presets: %s\n", status.ToString().c_str());
        std::abort();  // the files are part of the program
      }
      all->insert(all->end(), file.presets().begin(), file.presets().end());
    }
    return all;
  }();
  return *presets;
}

}  // namespace embudo::capture::logic
