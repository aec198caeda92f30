#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "embudo/scoring/v1/training.pb.h"
#include "services/scoring/logic/lead_cells.h"
#include "services/scoring/logic/trained.h"

namespace embudo::scoring::logic {

/// One look at a lead that has closed since.
struct TrainingRow {
  LeadCells cells;
  bool won = false;
  /// Rows of one lead have one number.
  uint32_t lead = 0;
  /// Id of its team; empty: none.
  std::string team;
};

/// Learns from rows in the order in which their leads closed. Fills in the figures and the champion of `run`, whose
/// name is set. CANCELLED when `stop` says so, which is asked between the steps.
absl::StatusOr<Trained> Train(const std::vector<TrainingRow>& rows, v1::TrainingRun& run,
                              const std::function<bool()>& stop);

}  // namespace embudo::scoring::logic
