#include "common/text/csv.h"

#include <csv.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "common/base/error.h"

namespace embudo::text {
namespace {

/// How much of a file is looked at to find its delimiter out.
constexpr size_t kSniffBytes = 64 << 10;
constexpr size_t kSniffRecords = 30;
constexpr std::string_view kDelimiters = ",;\t|";

struct Mark {
  std::string_view bytes;
  const char* encoding;
};
// UTF-32's before UTF-16's, since it begins with it.
constexpr std::array<Mark, 5> kMarks = {{{{"\xff\xfe\0\0", 4}, "utf-32le"},
                                         {{"\0\0\xfe\xff", 4}, "utf-32be"},
                                         {"\xef\xbb\xbf", ""},
                                         {"\xff\xfe", "utf-16le"},
                                         {"\xfe\xff", "utf-16be"}}};
/// How much is looked at to tell the encoding, so that it does not depend on how the bytes were cut.
constexpr size_t kEncodingBytes = 256;

/// UTF-16 without a mark shows as a NUL in every second byte.
const char* GuessUtf16(std::string_view bytes) {
  const size_t pairs = std::min(bytes.size(), kEncodingBytes) / 2;
  size_t low = 0;
  size_t high = 0;
  for (size_t i = 0; i < pairs; ++i) {
    low += bytes[2 * i] == '\0' ? 1 : 0;
    high += bytes[2 * i + 1] == '\0' ? 1 : 0;
  }
  if (pairs >= 2 && high * 2 > pairs && low == 0) return "utf-16le";
  if (pairs >= 2 && low * 2 > pairs && high == 0) return "utf-16be";
  return "";
}

/// A cell may not grow past the limit: the parser then fails for want of memory.
void* LimitedRealloc(void* pointer, size_t size) {
  return size > kMaxCsvCellBytes ? nullptr : std::realloc(pointer, size);
}

int NoSpaces(unsigned char) { return 0; }

/// The number of cells of each of the first records of `text`, if `delimiter` splits it. The last record may be cut off
/// and is left out, unless it is the only one.
std::vector<size_t> CellCounts(std::string_view text, char delimiter) {
  std::vector<size_t> counts;
  size_t cells = 1;
  bool quoted = false;
  bool blank = true;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (!quoted && c == delimiter) ++cells;
    if (quoted || (c != '\n' && c != '\r')) {
      blank = false;
      continue;
    }
    if (!blank) counts.push_back(cells);
    if (counts.size() == kSniffRecords) return counts;
    cells = 1;
    blank = true;
  }
  if (counts.empty() && !blank) counts.push_back(cells);
  return counts;
}

CsvProblem WidthProblem(const std::vector<std::string>& cells, size_t width) {
  if (cells.size() < width) return CsvProblem::kTooFewCells;
  // Programs that write a delimiter too many at the end lose nothing.
  const bool more = std::any_of(cells.begin() + static_cast<std::ptrdiff_t>(width), cells.end(),
                                [](const std::string& cell) { return !cell.empty(); });
  return more ? CsvProblem::kTooManyCells : CsvProblem::kNone;
}

int64_t LineBreaksIn(std::string_view text) {
  int64_t breaks = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n' || (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n'))) ++breaks;
  }
  return breaks;
}

}  // namespace

/// libcsv's state machine.
struct CsvReader::Parser {
  csv_parser state{};

  explicit Parser(char delimiter) {
    csv_init(&state, CSV_REPALL_NL);
    csv_set_delim(&state, static_cast<unsigned char>(delimiter));
    csv_set_space_func(&state, NoSpaces);  // it would strip white space otherwise
    csv_set_realloc_func(&state, LimitedRealloc);
    csv_set_blk_size(&state, 4096);
  }
  ~Parser() { csv_free(&state); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  static void Cell(void* data, size_t size, void* reader) {
    static_cast<CsvReader*>(reader)->OnCell({static_cast<const char*>(data), size});
  }
  static void RowEnd(int terminator, void* reader) { static_cast<CsvReader*>(reader)->OnRowEnd(terminator); }
};

CsvReader::CsvReader(CsvOptions options) : options_(std::move(options)) {}
CsvReader::~CsvReader() = default;
CsvReader::CsvReader(CsvReader&&) noexcept = default;

absl::Status CsvReader::Feed(std::string_view bytes) {
  if (failed_.ok()) failed_ = Decode(bytes, /*last=*/false);
  return failed_;
}

absl::Status CsvReader::Finish() {
  if (!failed_.ok()) return failed_;
  failed_ = Decode({}, /*last=*/true);
  if (!failed_.ok() || !parser_) return failed_;
  csv_set_opts(&parser_->state, CSV_REPALL_NL | CSV_STRICT | CSV_STRICT_FINI);
  if (csv_fini(&parser_->state, Parser::Cell, Parser::RowEnd, this) != 0) {
    row_.problem = CsvProblem::kUnclosedQuote;
    csv_set_opts(&parser_->state, CSV_REPALL_NL);
    csv_fini(&parser_->state, Parser::Cell, Parser::RowEnd, this);
  }
  return absl::OkStatus();
}

bool CsvReader::Next(CsvRow* row) {
  if (rows_.empty()) return false;
  *row = std::move(rows_.front());
  rows_.pop_front();
  return true;
}

absl::Status CsvReader::Decode(std::string_view bytes, bool last) {
  std::string begin;
  if (!encoding_known_) {
    head_ += bytes;
    if (head_.size() < kEncodingBytes && !last) return absl::OkStatus();
    begin.swap(head_);
    bytes = begin;
    std::string encoding = options_.encoding;
    const auto mark = std::find_if(kMarks.begin(), kMarks.end(), [&](const Mark& candidate) {
      return bytes.substr(0, candidate.bytes.size()) == candidate.bytes;
    });
    if (mark != kMarks.end()) {
      bytes.remove_prefix(mark->bytes.size());
      encoding = mark->encoding;
    } else if (encoding.empty()) {
      encoding = GuessUtf16(bytes);
    }
    if (!encoding.empty()) {
      EMBUDO_ASSIGN_OR_RETURN(ToUtf8 converter, ToUtf8::Make(encoding));
      converter_ = std::make_unique<ToUtf8>(std::move(converter));
    }
    encoding_known_ = true;
  }
  std::string converted;
  if (converter_) {
    converter_->Convert(bytes, last, &converted);
    bytes = converted;
  }
  if (sniffed_) return Parse(bytes);
  head_ += bytes;
  return Sniff(last);
}

absl::Status CsvReader::Sniff(bool last) {
  if (head_.size() < kSniffBytes && !last) return absl::OkStatus();
  sniffed_ = true;
  std::string text = std::exchange(head_, {});
  std::string_view rest = text;
  delimiter_ = options_.delimiter;
  constexpr std::string_view kExcelLine = "sep=";
  const size_t after = kExcelLine.size() + 1;
  if (rest.size() > after && rest.substr(0, kExcelLine.size()) == kExcelLine &&
      (rest[after] == '\r' || rest[after] == '\n')) {
    if (delimiter_ == 0) delimiter_ = rest[kExcelLine.size()];
    rest.remove_prefix(rest.substr(after, 2) == "\r\n" ? after + 2 : after + 1);
    ++line_;
  }
  if (delimiter_ == 0) delimiter_ = SniffDelimiter(rest.substr(0, kSniffBytes));
  parser_ = std::make_unique<Parser>(delimiter_);
  strip_nul_ = rest.substr(0, rest.find('\n')).find('\0') != std::string_view::npos;
  return Parse(rest);
}

absl::Status CsvReader::Parse(std::string_view utf8) {
  // No text has a NUL, and PostgreSQL takes none.
  std::string without_nul;
  if (strip_nul_ && utf8.find('\0') != std::string_view::npos) {
    std::remove_copy(utf8.begin(), utf8.end(), std::back_inserter(without_nul), '\0');
    utf8 = without_nul;
  }
  const size_t parsed = csv_parse(&parser_->state, utf8.data(), utf8.size(), Parser::Cell, Parser::RowEnd, this);
  if (parsed == utf8.size()) return absl::OkStatus();
  const std::string line = std::to_string(line_);
  return Error(absl::StatusCode::kInvalidArgument, "CELL_TOO_LONG",
               "the cell that begins in line " + line + " is longer than 1 MiB; is its quote never closed?")
      .Meta("line", line);
}

void CsvReader::OnCell(std::string_view cell) {
  if (columns_ == 0) row_.line = line_;
  last_terminator_ = 0;
  line_ += LineBreaksIn(cell);
  row_bytes_ += cell.size();
  if (++columns_ > kMaxCsvColumns) {
    row_.problem = CsvProblem::kTooManyColumns;
    return;
  }
  if (row_bytes_ > kMaxCsvRowBytes) {
    row_.problem = CsvProblem::kTooLong;
    cell = {};
  }
  row_.cells.push_back(IsUtf8(cell) ? std::string(cell) : Windows1252ToUtf8(cell));
  std::string& text = row_.cells.back();
  if (text.find('\0') == std::string::npos) return;
  text.erase(std::remove(text.begin(), text.end(), '\0'), text.end());
  if (row_.problem != CsvProblem::kNone) return;
  row_.problem = CsvProblem::kNul;
  row_.problem_cell = row_.cells.size() - 1;
}

void CsvReader::OnRowEnd(int terminator) {
  const bool second_half = terminator == '\n' && last_terminator_ == '\r';
  last_terminator_ = terminator;
  if (columns_ > 0) {
    row_.number = ++rows_read_;
    if (rows_read_ == 1) width_ = row_.cells.size();
    if (row_.problem == CsvProblem::kNone) row_.problem = WidthProblem(row_.cells, width_);
    rows_.push_back(std::move(row_));
    row_ = CsvRow();
    row_bytes_ = 0;
    columns_ = 0;
  }
  if (!second_half && terminator >= 0) ++line_;
}

char SniffDelimiter(std::string_view text) {
  char best = ',';
  size_t best_score = 0;
  for (const char candidate : kDelimiters) {
    const std::vector<size_t> counts = CellCounts(text, candidate);
    if (counts.empty() || counts.front() < 2) continue;
    const auto same = static_cast<size_t>(std::count(counts.begin(), counts.end(), counts.front()));
    // Records that all agree weigh more than many cells: a text with commas in it splits unevenly.
    const size_t score = same * 10000 / counts.size() * 1000 + counts.front();
    if (score > best_score) {
      best_score = score;
      best = candidate;
    }
  }
  return best;
}

std::string CsvLine(const std::vector<std::string>& cells, char delimiter) {
  const std::string special = std::string("\"\r\n") + delimiter;
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += delimiter;
    const std::string& cell = cells[i];
    // A single empty cell needs quotes too, or its line would be a blank one.
    const bool quote = cell.find_first_of(special) != std::string::npos || (cells.size() == 1 && cell.empty());
    if (!quote) {
      line += cell;
      continue;
    }
    std::string quoted(cell.size() * 2 + 2, '\0');
    quoted.resize(csv_write(quoted.data(), quoted.size(), cell.data(), cell.size()));
    line += quoted;
  }
  return line + "\r\n";
}

}  // namespace embudo::text
