#include "services/reporting/storage/dimension_sql.h"

#include <algorithm>

#include "services/reporting/storage/lead_table.h"

namespace embudo::reporting::storage {
namespace {

using logic::Dimension;
using logic::Period;
using resource::Kind;

const resource::Field& FieldOf(const Dimension& dimension) { return *LeadTable().FindField(dimension.field); }

std::string ColumnOf(size_t index) { return "t." + LeadTable().columns()[index]; }

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

DimensionSql WriteField(const Dimension& dimension, int number) {
  const resource::Field& field = FieldOf(dimension);
  if (IsSet(field.kind)) {
    const std::string alias = "d" + std::to_string(number);
    return {{alias + ".value"},
            " LEFT JOIN LATERAL unnest(" + ColumnOf(field.columns[0]) + ") AS " + alias + "(value) ON TRUE"};
  }
  DimensionSql sql;
  for (const size_t column : field.columns) sql.expressions.push_back(ColumnOf(column));
  return sql;
}

std::string WritePeriod(const Dimension& dimension, const std::string& zone) {
  const resource::Field& field = FieldOf(dimension);
  const std::string column = ColumnOf(field.columns[0]);
  const std::string local = field.kind == Kind::kTime ? column + " AT TIME ZONE " + zone : column + "::timestamp";
  return "date_trunc('" + Unit(dimension.period) + "', " + local + ")::date";
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

}  // namespace

DimensionSql WriteDimension(const Dimension& dimension, int number, const std::string& zone,
                            const std::function<std::string(const std::string&)>& parameter) {
  switch (dimension.kind) {
    case Dimension::Kind::kField:
      return WriteField(dimension, number);
    case Dimension::Kind::kPeriod:
      return {{WritePeriod(dimension, zone)}, ""};
    case Dimension::Kind::kBand:
      return {{"least(floor(t.probability / 10), 9)::int"}, ""};
    case Dimension::Kind::kCustom:
      break;
  }
  return {{"nullif(t.custom_fields ->> " + parameter(dimension.key) + ", '')"}, ""};
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
  }
  value.display_name = value.value;
  return value;
}

}  // namespace embudo::reporting::storage
