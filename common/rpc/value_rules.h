#pragma once

#include <string>

#include "common/rpc/message_plan.h"
#include "google/protobuf/message.h"

namespace embudo::rpc {

// Each returns what is wrong with a value, in words that follow the field's path; empty if nothing is.

std::string BrokenText(const std::string& text, const FieldPlan& check);
std::string BrokenNumber(double value, const type::v1::Rules& rules);
/// google.type.Money, google.type.Date, google.protobuf.Timestamp.
std::string BrokenWellKnown(const google::protobuf::Message& message, MessagePlan::Kind kind);

/// A number or bool of any type; element `index` of a repeated field, or -1.
double NumberOf(const google::protobuf::Message& message, const google::protobuf::FieldDescriptor* field, int index);
/// The key of a map's entry as text.
std::string KeyOf(const google::protobuf::Message& entry);

}  // namespace embudo::rpc
