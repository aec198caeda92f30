#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "services/scoring/logic/ml/models.h"
#include "services/scoring/logic/ml/reading.h"

namespace embudo::scoring::ml {

/// Models together with how rows are read for them: all that it takes to tell a probability.
struct Artifact {
  Reading reading;
  Models models;
};

/// As bytes (JSON, the trees within it in base 64).
absl::StatusOr<std::string> Save(const Artifact& artifact);
/// DATA_LOSS if the bytes are broken.
absl::StatusOr<Artifact> Load(const std::string& bytes);

}  // namespace embudo::scoring::ml
