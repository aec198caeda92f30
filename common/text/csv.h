#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/text/unicode.h"

struct csv_parser;

namespace embudo::text {

/// What is wrong with a row. It is delivered all the same; the first problem found is told.
enum class CsvProblem {
  kNone,
  kTooFewCells,     ///< fewer than the first row
  kTooManyCells,    ///< more than the first row, not all of the rest empty
  kTooManyColumns,  ///< more than kMaxCsvColumns; the rest is left out
  kTooLong,         ///< more than kMaxCsvRowBytes; cells beyond are left empty
  kUnclosedQuote,   ///< the file ends inside its quotes
  kNul,             ///< has a NUL character, which is left out
};

constexpr size_t kMaxCsvCellBytes = 1 << 20;
constexpr size_t kMaxCsvRowBytes = 4 << 20;
constexpr size_t kMaxCsvColumns = 500;

struct CsvRow {
  /// 1-based; blank lines are no rows. The header is row 1.
  int64_t number = 0;
  /// The line that it begins in, 1-based: cells may contain line breaks.
  int64_t line = 0;
  /// UTF-8, without NUL.
  std::vector<std::string> cells;
  CsvProblem problem = CsvProblem::kNone;
  /// Of kNul: the cell that has it.
  size_t problem_cell = 0;
};

struct CsvOptions {
  /// 0: found out from the first lines, among , ; tab |. Excel's first line `sep=;` is honoured.
  char delimiter = 0;
  /// As ICU calls it. Empty: UTF-8, or UTF-16/32 if it begins with their mark; cells that are not UTF-8 are
  /// Windows-1252.
  std::string encoding;
};

/// Reads delimited text as it arrives: feed bytes, take rows. RFC 4180 and what programs make of it: LF, CR or CRLF,
/// quotes inside unquoted cells, line breaks inside quotes. Memory does not grow with the file. Not thread-safe.
class CsvReader {
 public:
  explicit CsvReader(CsvOptions options = {});
  ~CsvReader();
  CsvReader(CsvReader&&) noexcept;
  CsvReader& operator=(CsvReader&&) = delete;

  /// INVALID_ARGUMENT, reasons UNKNOWN_ENCODING and CELL_TOO_LONG, which names the line where that cell began (its
  /// quote is likely never closed); rows before that can still be taken, and nothing more can be fed.
  absl::Status Feed(std::string_view bytes);
  /// No more bytes will come.
  absl::Status Finish();
  /// Takes the next row; false if there is none for now.
  bool Next(CsvRow* row);

  /// Known when the first row is there.
  char delimiter() const { return delimiter_; }

 private:
  struct Parser;

  absl::Status Decode(std::string_view bytes, bool last);
  absl::Status Sniff(bool last);
  absl::Status Parse(std::string_view utf8);
  void OnCell(std::string_view cell);
  void OnRowEnd(int terminator);

  CsvOptions options_;
  char delimiter_ = 0;
  absl::Status failed_;
  /// Bytes whose encoding is not known yet, then text whose delimiter is not.
  std::string head_;
  bool encoding_known_ = false;
  std::unique_ptr<ToUtf8> converter_;
  bool sniffed_ = false;
  /// The header has NULs too: some exports have one after every character.
  bool strip_nul_ = false;
  std::unique_ptr<Parser> parser_;

  CsvRow row_;
  size_t row_bytes_ = 0;
  size_t columns_ = 0;
  int64_t line_ = 1;
  int64_t rows_read_ = 0;
  /// Cells of the first row.
  size_t width_ = 0;
  int last_terminator_ = 0;
  std::deque<CsvRow> rows_;
};

/// Finds the delimiter out from the beginning of a file: the one of , ; tab | that splits its first records into most
/// cells of one number. A comma if none does.
char SniffDelimiter(std::string_view text);

/// One record, ended by CRLF, cells quoted where needed: what CsvReader reads back as the same cells.
std::string CsvLine(const std::vector<std::string>& cells, char delimiter = ',');

}  // namespace embudo::text
