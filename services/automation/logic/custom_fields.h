#pragma once

#include <string>
#include <vector>

#include "common/filter/filter.h"
#include "embudo/automation/v1/rule.pb.h"
#include "embudo/type/v1/custom_field.pb.h"

namespace embudo::automation::logic {

/// A custom field that a request names, and where in the request.
struct CustomFieldUse {
  std::string path;
  type::v1::CustomField::Target target = type::v1::CustomField::TARGET_LEAD;
  std::string key;
};

/// Those that a rule names: in its trigger, its conditions, and the fields that it sets. The rule is valid (Validate).
std::vector<CustomFieldUse> CustomFieldsOf(const v1::Rule& rule, const filter::Resolver& resolver);

}  // namespace embudo::automation::logic
