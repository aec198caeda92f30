#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "common/text/csv.h"
#include "services/scoring/logic/ml/reading.h"

namespace embudo::scoring::ml {

/// Reads delimited text with a header, as it arrives, into a table. Missing cells are empty, those beyond the header
/// are passed over; columns without a name, or with one that is taken, get one.
class CsvTable {
 public:
  absl::Status Feed(std::string_view bytes);
  /// INVALID_ARGUMENT if there is no header.
  absl::StatusOr<Table> Finish();

 private:
  void TakeRows();
  void TakeHeader(std::vector<std::string> cells);

  text::CsvReader reader_;
  Table table_;
};

}  // namespace embudo::scoring::ml
