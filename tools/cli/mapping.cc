#include "tools/cli/mapping.h"

#include "common/base/error.h"

namespace embudo::cli {

absl::Status AddMappings(const std::vector<std::string>& arguments,
                         google::protobuf::RepeatedPtrField<capture::v1::FieldMapping>* mappings) {
  for (const std::string& argument : arguments) {
    const size_t equals = argument.rfind('=');
    if (equals == std::string::npos || equals + 1 == argument.size()) {
      return InvalidField("map", "\"" + argument + "\" is not source=field");
    }
    capture::v1::FieldMapping& mapping = *mappings->Add();
    mapping.set_source(argument.substr(0, equals));
    std::string field = argument.substr(equals + 1);
    if (field.ends_with('!')) {
      mapping.set_required(true);
      field.pop_back();
    }
    const size_t colon = field.find(':');
    if (colon != std::string::npos) mapping.set_constant(field.substr(colon + 1));
    mapping.set_field(field.substr(0, colon));
  }
  return absl::OkStatus();
}

}  // namespace embudo::cli
