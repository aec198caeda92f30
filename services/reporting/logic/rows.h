#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "services/reporting/logic/figures.h"

namespace embudo::reporting::logic {

/// A record's value of a dimension, as a row shows it.
struct Value {
  /// Empty: none.
  std::string value;
  std::string display_name;
  /// Its place among the dimension's values, where there is one (stages, bands).
  int64_t place = 0;
  /// It is a resource name.
  bool reference = false;
};

/// One combination of values and what the records that have it come to.
struct Row {
  std::vector<Value> values;
  Measures measures;
};

/// Brings rows into the order that the API promises: by dimension after dimension; stages by pipeline and place, other
/// values by place, display name and value; none comes last.
void Sort(std::vector<Row>& rows);

}  // namespace embudo::reporting::logic
