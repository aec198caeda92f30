#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/message.h"
#include "google/type/money.pb.h"
#include "nlohmann/json.hpp"

namespace embudo::cli {

/// Objects keep the order in which their members were set.
using Json = nlohmann::ordered_json;

/// CloudEvents are for the commands that print events.
enum class Format { kTable, kJson, kCsv, kCloudEvents };

/// A column of a table: its title, and where its value is in a row (`email`, `contact.name`).
struct Column {
  std::string title;
  std::string path;
};

/// Writes what a command found, in the format that was asked for.
class Output {
 public:
  Output(Format format, std::ostream& out) : format_(format), out_(out) {}

  Format format() const { return format_; }
  std::ostream& stream() { return out_; }

  /// Rows: an aligned table, one JSON array, or CSV with a header. The columns are those of table and CSV; JSON has
  /// all.
  void Rows(const std::vector<Json>& rows, const std::vector<Column>& columns);
  /// One record: a name and a value a line, one JSON object, or CSV with a header.
  void Object(const Json& object);

 private:
  const Format format_;
  std::ostream& out_;
};

/// A table's text: titles, then rows, in columns as wide as their widest cell. Numbers stand right.
std::string TableText(const std::vector<std::string>& titles, const std::vector<std::vector<Json>>& rows);
/// How a value is shown in a cell.
std::string CellText(const Json& value);
/// The value at a path; null if there is none.
Json At(const Json& object, std::string_view path);

/// A message in protobuf's JSON form, its fields named as in the proto.
Json ToJson(const google::protobuf::Message& message);
/// An amount as a number: exact where it is whole, else the nearest double.
Json ToNumber(const google::type::Money& money);

}  // namespace embudo::cli
