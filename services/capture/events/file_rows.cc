#include "services/capture/events/file_rows.h"

#include <utility>

#include "common/base/error.h"

namespace embudo::capture::events {
namespace {

constexpr std::chrono::seconds kReadTimeout{30};

text::CsvOptions OptionsOf(const v1::ImportFormat& format) {
  text::CsvOptions options;
  if (!format.delimiter().empty()) options.delimiter = format.delimiter()[0];
  options.encoding = format.encoding();
  return options;
}

}  // namespace

FileRows::FileRows(storage::FileStore& files, std::string tenant, std::string file_id, const v1::ImportFormat& format)
    : files_(files), tenant_(std::move(tenant)), file_id_(std::move(file_id)), reader_(OptionsOf(format)) {}

absl::Status FileRows::Feed() {
  EMBUDO_ASSIGN_OR_RETURN(const auto piece, files_.Read(tenant_, file_id_, next_piece_, db::After(kReadTimeout)));
  ++next_piece_;
  at_end_ = !piece.has_value();
  // What is wrong with the text is told after the rows that were read from it.
  broken_ = at_end_ ? reader_.Finish() : reader_.Feed(*piece);
  return absl::OkStatus();
}

absl::StatusOr<bool> FileRows::Next(text::CsvRow* row) {
  while (!reader_.Next(row)) {
    if (!broken_.ok()) return broken_;
    if (at_end_) return false;
    EMBUDO_RETURN_IF_ERROR(Feed());
  }
  return true;
}

absl::StatusOr<std::vector<std::string>> FileRows::Header() {
  text::CsvRow row;
  EMBUDO_ASSIGN_OR_RETURN(const bool found, Next(&row));
  if (found) return row.cells;
  return Error(absl::StatusCode::kInvalidArgument, "EMPTY_FILE", "the file has no header line");
}

}  // namespace embudo::capture::events
