#include "services/reporting/storage/dimension_sql.h"

#include "services/reporting/storage/columns.h"
#include "services/reporting/storage/lead_table.h"

namespace embudo::reporting::storage {
namespace {

using logic::Dimension;
using logic::Period;
using resource::Kind;

const resource::Field& FieldOf(const Dimension& dimension) { return *LeadTable().FindField(dimension.field); }

bool IsSet(Kind kind) { return kind == Kind::kReferenceSet || kind == Kind::kTextSet || kind == Kind::kEnumSet; }

/// What date_trunc calls it.
std::string Unit(Period period) {
  switch (period) {
    case Period::kDay:
      return "day";
    case Period::kWeek:
      return "week";
    case Period::kMonth:
      return "month";
    case Period::kQuarter:
      return "quarter";
    case Period::kYear:
      break;
  }
  return "year";
}

bool IsOfDays(const Dimension& dimension) {
  return dimension.period == Period::kDay || dimension.period == Period::kWeek;
}

logic::Value ReadField(const Dimension& dimension, const db::Row& row, int first) {
  const resource::Field& field = FieldOf(dimension);
  logic::Value value;
  if (!field.pattern) {
    value.value = row.Text(first);
  } else if (!row.Text(first).empty()) {
    std::vector<std::string> ids;
    for (size_t i = 0; i < field.columns.size(); ++i) ids.emplace_back(row.Text(first + static_cast<int>(i)));
    value.reference = true;
    // A record of a pipeline without a stage has no stage.
    if (!ids.back().empty()) value.value = field.pattern->Build(ids);
  }
  return value;
}

logic::Value ReadColumn(const Dimension& dimension, const db::Row& row, int first) {
  logic::Value value;
  value.reference = !dimension.prefixes.empty();
  for (size_t i = 0; i < dimension.columns.size(); ++i) {
    if (value.reference) value.value += dimension.prefixes[i];
    value.value += row.Text(first + static_cast<int>(i));
  }
  return value;
}

}  // namespace

std::vector<std::string> ColumnsOf(const Dimension& dimension, bool by_day) {
  switch (dimension.kind) {
    case Dimension::Kind::kField: {
      std::vector<std::string> columns;
      for (const size_t index : FieldOf(dimension).columns) columns.push_back(LeadTable().columns()[index]);
      return columns;
    }
    case Dimension::Kind::kPeriod:
      return {dimension.field + (by_day || IsOfDays(dimension) ? "_day" : "_month")};
    case Dimension::Kind::kBand:
      return {"probability_band"};
    case Dimension::Kind::kCustom:
      return {"custom_fields." + dimension.key};
    case Dimension::Kind::kColumn:
      break;
  }
  return dimension.columns;
}

std::vector<std::string> Expressions(const Dimension& dimension, bool by_day) {
  const bool set = dimension.kind == Dimension::Kind::kField && IsSet(FieldOf(dimension).kind);
  std::vector<std::string> expressions;
  for (const std::string& column : ColumnsOf(dimension, by_day)) {
    expressions.push_back("t." + QuoteName(set ? "one:" + column : column));
  }
  if (dimension.kind != Dimension::Kind::kPeriod || dimension.period == Period::kDay) return expressions;
  return {"date_trunc('" + Unit(dimension.period) + "', " + expressions[0] + "::timestamp)::date"};
}

logic::Value ReadValue(const Dimension& dimension, const db::Row& row, int first) {
  logic::Value value;
  if (row.IsNull(first)) return value;
  switch (dimension.kind) {
    case Dimension::Kind::kField:
      value = ReadField(dimension, row, first);
      break;
    case Dimension::Kind::kPeriod: {
      const Day day = std::chrono::floor<std::chrono::days>(row.TimeAt(first));
      value.value = logic::PeriodText(dimension.period, day);
      break;
    }
    case Dimension::Kind::kBand:
      value.place = row.Int(first);
      value.value = logic::BandText(static_cast<int>(value.place));
      break;
    case Dimension::Kind::kCustom:
      value.value = row.Text(first);
      break;
    case Dimension::Kind::kColumn:
      value = ReadColumn(dimension, row, first);
      break;
  }
  value.display_name = value.value;
  return value;
}

}  // namespace embudo::reporting::storage
