#pragma once

#include <string>
#include <string_view>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace embudo::resource {

/// Repeated messages and maps as jsonb, in protobuf's JSON form with the proto's field names. Protobuf's own converter
/// resolves every type anew at each call, which costs more than the write itself.

/// The field of `message` as JSON: `[…]` for repeated messages, `{…}` for maps and messages, `null` for an unset one.
std::string JsonOfField(const google::protobuf::Message& message, const google::protobuf::FieldDescriptor* field);
/// The inverse: sets the field from JSON that JsonOfField wrote. What it does not know it leaves out.
void SetFieldFromJson(std::string_view json, const google::protobuf::FieldDescriptor* field,
                      google::protobuf::Message* message);

}  // namespace embudo::resource
