#include "services/scoring/logic/ml/csv_table.h"

#include <algorithm>

#include "common/base/error.h"
#include "services/scoring/logic/ml/values.h"

namespace embudo::scoring::ml {

absl::Status CsvTable::Feed(std::string_view bytes) {
  const absl::Status status = reader_.Feed(bytes);
  TakeRows();
  return status;
}

absl::StatusOr<Table> CsvTable::Finish() {
  EMBUDO_RETURN_IF_ERROR(reader_.Finish());
  TakeRows();
  if (table_.names.empty()) return InvalidField("data", "has no header");
  return std::move(table_);
}

void CsvTable::TakeRows() {
  text::CsvRow row;
  while (reader_.Next(&row)) {
    if (table_.names.empty()) {
      TakeHeader(std::move(row.cells));
      continue;
    }
    row.cells.resize(table_.names.size());
    for (size_t i = 0; i < row.cells.size(); ++i) table_.cells[i].push_back(std::move(row.cells[i]));
  }
}

void CsvTable::TakeHeader(std::vector<std::string> cells) {
  for (const std::string& cell : cells) {
    std::string name(Trim(cell));
    if (name.empty()) name = "column " + std::to_string(table_.names.size() + 1);
    const std::string base = name;
    for (int i = 2; std::find(table_.names.begin(), table_.names.end(), name) != table_.names.end(); ++i) {
      name = base + " (" + std::to_string(i) + ")";
    }
    table_.names.push_back(std::move(name));
  }
  table_.cells.resize(table_.names.size());
}

}  // namespace embudo::scoring::ml
