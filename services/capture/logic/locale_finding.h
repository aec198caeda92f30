#pragma once

#include <string>
#include <vector>

#include "embudo/capture/v1/import_mapping.pb.h"

namespace embudo::capture::logic {

/// How the dates of a column seem to be written.
struct DateFinding {
  v1::ImportMapping::DateOrder order = v1::ImportMapping::DATE_ORDER_UNSPECIFIED;
  /// Day and month could change places in every value.
  bool ambiguous = false;
  /// A value that shows it.
  std::string example;
};
DateFinding FindDateOrder(const std::vector<std::string>& values);

/// How the numbers of a column seem to be written.
struct NumberFinding {
  /// '.' or ','; empty: there is no number that has one.
  std::string decimal_sign;
  std::string digit_grouping;
  /// Every value that has a sign could be read either way: 1.234.
  bool ambiguous = false;
  std::string example;
};
NumberFinding FindDecimalSign(const std::vector<std::string>& values);

}  // namespace embudo::capture::logic
