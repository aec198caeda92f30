#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/text/csv.h"
#include "services/capture/storage/file_store.h"

namespace embudo::capture::events {

/// The rows of an uploaded file, read piece by piece.
class FileRows {
 public:
  FileRows(storage::FileStore& files, std::string tenant, std::string file_id, const v1::ImportFormat& format);

  /// Takes the next row; false at the end. An error of the file itself (a cell without end) comes after the rows
  /// before.
  absl::StatusOr<bool> Next(text::CsvRow* row);
  /// The first row's cells; INVALID_ARGUMENT, reason EMPTY_FILE, if there is none.
  absl::StatusOr<std::vector<std::string>> Header();
  /// Known when the first row is there.
  char delimiter() const { return reader_.delimiter(); }

 private:
  /// Gives the reader the file's next piece.
  absl::Status Feed();

  storage::FileStore& files_;
  const std::string tenant_;
  const std::string file_id_;
  text::CsvReader reader_;
  absl::Status broken_;
  int next_piece_ = 0;
  bool at_end_ = false;
};

}  // namespace embudo::capture::events
