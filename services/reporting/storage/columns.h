#pragma once

#include <optional>
#include <string>
#include <vector>

namespace embudo::reporting::storage {

/// What reports count: leads, activities on leads, stays of leads in stages.
enum class Cube { kLead, kActivity, kStay };
/// As reporting.rollup has it: `lead`.
std::string CubeName(Cube cube);
std::optional<Cube> CubeNamed(const std::string& name);

/// What amounts and days are told in.
struct Settings {
  std::string currency_code = "USD";
  std::string time_zone = "UTC";
};

/// A text as SQL writes it.
std::string Quote(const std::string& text);
/// A name as SQL writes it.
std::string QuoteName(const std::string& name);

/// A column that reports group or filter by, by its name: a column of reporting.lead (`stage_id`), a period of a time
/// in the tenant's zone (`close_day`, `close_month`), `probability_band`, `custom_fields.<key>`, an element of a set
/// (`tags`, `products`), one of the last touch (`last_source`), one of an activity (`activity_state`, `due_day`) or of
/// a stay (`visited_stage_id`).
struct Column {
  std::string name;
  /// Its value over the facts: `l` is the lead, `x` the activity or stay, `lt` the last touch. Of a set: the array.
  std::string sql;
  /// Its SQL type.
  std::string type = "text";
  bool set = false;
  /// It reads the last touch.
  bool last_touch = false;
  /// Of which cube alone; unset: of all.
  std::optional<Cube> cube;
};

/// nullopt if there is no such column.
std::optional<Column> ColumnNamed(const std::string& name, const Settings& settings);

/// Where the facts of a cube are: ` FROM reporting.lead l …`, without a WHERE.
std::string FactsFrom(Cube cube, const std::vector<Column>& columns);

/// The counts and amounts of one record, by the names that reporting.rollup_row gives them:
///   lead      c1 records, c2 days of its won cycle, c3 cycles known, c4 amounts without a rate, c5 converted;
///             a1 expected, a2 weighted, a3 recurring, a4 monthly recurring revenue
///   activity  c1 records
///   stay      c1 records, c2 in it now, c3 lost in it, c4 stays that ended, c5 their seconds
struct Measure {
  std::string name;
  std::string sql;
};
std::vector<Measure> MeasuresOf(Cube cube, const Settings& settings);

/// Every measure's name, counts first.
const std::vector<std::string>& MeasureNames();

}  // namespace embudo::reporting::storage
