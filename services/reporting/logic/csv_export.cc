#include "services/reporting/logic/csv_export.h"

#include <charconv>

#include "common/base/money.h"
#include "embudo/reporting/v1/reporting_service.pb.h"

namespace embudo::reporting::logic {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::string Cell(const std::string& text) {
  // Spreadsheets take what begins so for a formula.
  const bool formula = !text.empty() && std::string("=+-@\t\r").find(text[0]) != std::string::npos;
  const std::string safe = formula ? "'" + text : text;
  if (safe.find_first_of(",\"\r\n") == std::string::npos) return safe;
  std::string quoted = "\"";
  for (const char c : safe) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string Line(const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) line += (i == 0 ? "" : ",") + cells[i];
  return line + "\r\n";
}

std::string DoubleText(double value) {
  char text[64];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  return error == std::errc() ? std::string(text, end) : "";
}

/// The number in a field; empty where it is unset.
std::string NumberIn(const Message& message, const FieldDescriptor* field) {
  const auto* reflection = message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64:
      return std::to_string(reflection->GetInt64(message, field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection->HasField(message, field) ? DoubleText(reflection->GetDouble(message, field)) : "";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (!reflection->HasField(message, field)) return "";
      return ToNumeric(static_cast<const google::type::Money&>(reflection->GetMessage(message, field)));
    default:
      return "";
  }
}

bool IsMeasure(const FieldDescriptor* field) {
  if (field->is_repeated()) return false;
  return field->cpp_type() == FieldDescriptor::CPPTYPE_INT64 || field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE ||
         field->message_type() == google::type::Money::descriptor();
}

std::string CurrencyIn(const Message& measures) {
  for (int i = 0; i < measures.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = measures.GetDescriptor()->field(i);
    if (field->is_repeated() || field->message_type() != google::type::Money::descriptor()) continue;
    const auto& money = static_cast<const google::type::Money&>(measures.GetReflection()->GetMessage(measures, field));
    if (!money.currency_code().empty()) return money.currency_code();
  }
  return "";
}

}  // namespace

std::vector<std::string> CsvLines(const Message& response, const std::vector<std::string>& group_by) {
  const auto* rows = response.GetDescriptor()->FindFieldByName("rows");
  const auto* total = response.GetDescriptor()->FindFieldByName("total");
  const auto* dimensions = rows->message_type()->FindFieldByName("dimensions");
  const auto* measures = rows->message_type()->FindFieldByName("measures");
  std::vector<std::string> header;
  for (const std::string& name : group_by) {
    header.push_back(Cell(name));
    header.push_back(Cell(name + "_display_name"));
  }
  std::vector<const FieldDescriptor*> fields;
  for (int i = 0; i < measures->message_type()->field_count(); ++i) {
    const FieldDescriptor* field = measures->message_type()->field(i);
    if (!IsMeasure(field)) continue;
    fields.push_back(field);
    header.push_back(field->name());
  }
  header.emplace_back("currency");
  std::vector<std::string> lines = {Line(header)};
  const auto* reflection = response.GetReflection();
  const std::string currency = CurrencyIn(reflection->GetMessage(response, total));
  const auto add = [&](const Message& numbers, std::vector<std::string> cells) {
    for (const FieldDescriptor* field : fields) cells.push_back(NumberIn(numbers, field));
    cells.push_back(currency);
    lines.push_back(Line(cells));
  };
  if (group_by.empty()) add(reflection->GetMessage(response, total), {});
  for (int i = 0; i < reflection->FieldSize(response, rows); ++i) {
    const Message& row = reflection->GetRepeatedMessage(response, rows, i);
    std::vector<std::string> cells;
    for (int d = 0; d < row.GetReflection()->FieldSize(row, dimensions); ++d) {
      const auto& value =
          static_cast<const v1::DimensionValue&>(row.GetReflection()->GetRepeatedMessage(row, dimensions, d));
      cells.push_back(Cell(value.value()));
      cells.push_back(Cell(value.display_name()));
    }
    add(row.GetReflection()->GetMessage(row, measures), std::move(cells));
  }
  return lines;
}

}  // namespace embudo::reporting::logic
