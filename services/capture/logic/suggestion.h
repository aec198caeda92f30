#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/text/csv.h"
#include "embudo/capture/v1/import_preset.pb.h"
#include "embudo/capture/v1/import_service.pb.h"

namespace embudo::capture::logic {

/// The beginning of a file.
struct Sample {
  std::vector<std::string> header;
  std::vector<text::CsvRow> rows;
  char delimiter = ',';
};

/// The preset that the header's names fit best, of those that the hint allows; nullptr if none does. `confidence` is
/// how much of what tells it from others is there.
const v1::ImportPreset* FindPreset(const std::vector<std::string>& header, const std::string& hint, double* confidence);

/// Proposes a mapping for the file. INVALID_ARGUMENT, reason UNKNOWN_SOURCE, if no preset fits.
absl::StatusOr<v1::SuggestMappingResponse> Suggest(const v1::SuggestMappingRequest& request, const Sample& sample);

}  // namespace embudo::capture::logic
