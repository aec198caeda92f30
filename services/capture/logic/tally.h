#pragma once

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

/// A refused row's line in the CSV of refused rows: its number, the first error's code, all errors, then its cells.
std::vector<std::string> RefusedLine(const MappedRow& row);
/// That CSV's header. The reason stands first, since a row may be refused for having more cells than the header.
std::vector<std::string> RefusedHeader(const std::vector<std::string>& headers);

}  // namespace embudo::capture::logic
