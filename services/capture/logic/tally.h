#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "embudo/capture/v1/import_service.pb.h"
#include "services/capture/logic/row_mapper.h"

namespace embudo::capture::logic {

/// What became of a row that was not refused.
enum class Outcome { kCreated, kUpdated, kUnchanged };

/// Counts a row that is done with into an import's progress: the row, its warnings, and its outcome or errors.
void CountWritten(const MappedRow& row, Outcome outcome, v1::ImportMetadata* progress);
void CountRefused(const MappedRow& row, v1::ImportMetadata* progress);
/// Counts warnings without a row being done with (the second reading).
void CountWarnings(const MappedRow& row, v1::ImportMetadata* progress);
/// Notes the columns that the mapping does not use.
void NoteUnused(const ImportPlan& plan, v1::ImportMetadata* progress);

/// What became of a row, as a line that is kept: its number, status, record, code and message, with tabs between.
std::string ResultLine(const MappedRow& row, const char* status, const std::string& record);
/// The parts of such a line after the number.
struct RowResult {
  int64_t row = 0;
  std::string status;
  std::string record;
  std::string code;
  std::string message;
};
/// The results in the text of several lines.
std::vector<RowResult> ResultsIn(const std::string& lines);
/// created, updated, unchanged.
const char* StatusOf(Outcome outcome);

/// A refused row's line in the CSV of refused rows: its number, the first error's code, all errors, then its cells.
std::vector<std::string> RefusedLine(const MappedRow& row);
/// That CSV's header. The reason stands first, since a row may be refused for having more cells than the header.
std::vector<std::string> RefusedHeader(const std::vector<std::string>& headers);

}  // namespace embudo::capture::logic
