#include "tools/cli/output.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cstdlib>
#include <ostream>

#include "common/base/clock.h"
#include "common/base/money.h"
#include "common/text/csv.h"

namespace embudo::cli {
namespace {

/// Characters, not bytes: continuation bytes of UTF-8 take no room.
size_t WidthOf(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }));
}

int64_t ToInt(const Json& value) {
  // Protobuf's JSON form writes 64 bits as text.
  if (value.is_string()) return std::strtoll(value.get<std::string>().c_str(), nullptr, 10);
  return value.is_number() ? value.get<int64_t>() : 0;
}

/// google.type.Money and google.type.Date as people write them; any other object as JSON.
std::string ObjectText(const Json& value) {
  if (value.contains("currency_code")) {
    google::type::Money money;
    money.set_units(ToInt(At(value, "units")));
    money.set_nanos(static_cast<int32_t>(ToInt(At(value, "nanos"))));
    return ToNumeric(money) + " " + value["currency_code"].get<std::string>();
  }
  if (value.contains("year") && value.contains("day")) {
    google::type::Date date;
    date.set_year(static_cast<int32_t>(ToInt(value["year"])));
    date.set_month(static_cast<int32_t>(ToInt(At(value, "month"))));
    date.set_day(static_cast<int32_t>(ToInt(value["day"])));
    return FormatDate(date);
  }
  return value.dump();
}

/// A cell of a table is one line.
std::string OneLine(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r' || c == '\t') c = ' ';
  }
  return text;
}

std::string LineText(const std::vector<std::string>& cells, const std::vector<size_t>& widths,
                     const std::vector<bool>& right) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string padding(widths[i] - WidthOf(cells[i]), ' ');
    line += (i == 0 ? "" : "  ") + (right[i] ? padding + cells[i] : cells[i] + padding);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::vector<std::string> CellTexts(const Json& row, const std::vector<Column>& columns) {
  std::vector<std::string> cells;
  for (const Column& column : columns) cells.push_back(CellText(At(row, column.path)));
  return cells;
}

}  // namespace

void Output::Rows(const std::vector<Json>& rows, const std::vector<Column>& columns) {
  if (format_ == Format::kJson) {
    out_ << Json(rows).dump(2) << '\n';
    return;
  }
  std::vector<std::string> titles;
  for (const Column& column : columns) titles.push_back(format_ == Format::kCsv ? column.path : column.title);
  if (format_ == Format::kCsv) {
    out_ << text::CsvLine(titles);
    for (const Json& row : rows) out_ << text::CsvLine(CellTexts(row, columns));
    return;
  }
  std::vector<std::vector<Json>> cells;
  for (const Json& row : rows) {
    auto& of_row = cells.emplace_back();
    for (const Column& column : columns) of_row.push_back(At(row, column.path));
  }
  out_ << TableText(titles, cells);
}

void Output::Object(const Json& object) {
  if (format_ == Format::kJson) {
    out_ << object.dump(2) << '\n';
    return;
  }
  std::vector<Column> columns;
  size_t width = 0;
  for (const auto& [name, value] : object.items()) {
    columns.push_back({name, name});
    width = std::max(width, WidthOf(name));
  }
  if (format_ == Format::kCsv) return Rows({object}, columns);
  for (const auto& [name, value] : object.items()) {
    out_ << name << std::string(width - WidthOf(name) + 2, ' ') << CellText(value) << '\n';
  }
}

std::string TableText(const std::vector<std::string>& titles, const std::vector<std::vector<Json>>& rows) {
  std::vector<size_t> widths;
  std::vector<bool> right;
  for (size_t i = 0; i < titles.size(); ++i) {
    widths.push_back(WidthOf(titles[i]));
    right.push_back(std::all_of(rows.begin(), rows.end(),
                                [&](const auto& row) { return row[i].is_number() || row[i].is_null(); }) &&
                    std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row[i].is_number(); }));
  }
  std::vector<std::vector<std::string>> lines = {titles};
  for (const auto& row : rows) {
    auto& cells = lines.emplace_back();
    for (size_t i = 0; i < row.size(); ++i) {
      cells.push_back(OneLine(CellText(row[i])));
      widths[i] = std::max(widths[i], WidthOf(cells.back()));
    }
  }
  std::string text;
  for (const auto& line : lines) text += LineText(line, widths, right);
  return text;
}

std::string CellText(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object()) return ObjectText(value);
  if (value.is_number_float()) {
    std::string number = value.dump();
    return number.ends_with(".0") ? number.substr(0, number.size() - 2) : number;
  }
  const bool texts =
      value.is_array() && std::all_of(value.begin(), value.end(), [](const Json& item) { return item.is_string(); });
  if (!texts) return value.dump();
  std::string out;
  for (const Json& item : value) out += (out.empty() ? "" : ", ") + item.get<std::string>();
  return out;
}

Json At(const Json& object, std::string_view path) {
  // A member may have a dot in its name (`custom_fields.region`).
  if (const auto whole = object.find(std::string(path)); whole != object.end()) return *whole;
  const size_t dot = path.find('.');
  if (dot == std::string_view::npos) return nullptr;
  const auto member = object.find(std::string(path.substr(0, dot)));
  return member == object.end() || !member->is_object() ? Json() : At(*member, path.substr(dot + 1));
}

Json ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok()) return nullptr;
  return Json::parse(text, nullptr, false);
}

Json ToNumber(const google::type::Money& money) {
  if (money.nanos() == 0) return money.units();
  return static_cast<double>(money.units()) + money.nanos() / 1e9;
}

}  // namespace embudo::cli
