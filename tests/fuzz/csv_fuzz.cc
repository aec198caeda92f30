#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "common/text/csv.h"

namespace {

using embudo::text::CsvReader;
using embudo::text::CsvRow;

std::vector<CsvRow> ReadAll(std::string_view bytes, size_t chunk, const std::string& encoding = "") {
  embudo::text::CsvOptions options;
  options.encoding = encoding;
  CsvReader reader(options);
  std::vector<CsvRow> rows;
  CsvRow row;
  for (size_t at = 0; at < bytes.size(); at += chunk) {
    if (!reader.Feed(bytes.substr(at, chunk)).ok()) return rows;
    while (reader.Next(&row)) rows.push_back(row);
  }
  if (!reader.Finish().ok()) return rows;
  while (reader.Next(&row)) rows.push_back(row);
  return rows;
}

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

/// Any bytes: no crash, limits held, and the same rows however the bytes are cut.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::vector<CsvRow> whole = ReadAll(bytes, size + 1);
  const std::vector<CsvRow> pieces = ReadAll(bytes, 3);
  Require(whole.size() == pieces.size());
  for (size_t i = 0; i < whole.size(); ++i) {
    Require(whole[i].cells == pieces[i].cells && whole[i].line == pieces[i].line);
    Require(whole[i].number == static_cast<int64_t>(i) + 1);
    Require(!whole[i].cells.empty() && whole[i].cells.size() <= embudo::text::kMaxCsvColumns);
    for (const std::string& cell : whole[i].cells) {
      Require(embudo::text::IsUtf8(cell) && cell.find('\0') == std::string::npos);
    }
  }
  // Every encoding that is found out by a mark, and one that is declared.
  for (const char* mark : {"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"}) {
    const std::string marked = mark + std::string(bytes);
    Require(ReadAll(marked, marked.size()).size() == ReadAll(marked, 5).size());
  }
  Require(ReadAll(bytes, size + 1, "windows-1252").size() == ReadAll(bytes, 4, "windows-1252").size());
  return 0;
}
