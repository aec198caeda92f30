#pragma once

#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "embudo/type/v1/options.pb.h"
#include "google/protobuf/descriptor.h"

namespace embudo::rpc {

struct MessagePlan;

/// What is to be checked of one field; made once from its options.
struct FieldPlan {
  const google::protobuf::FieldDescriptor* field = nullptr;
  bool required = false;
  bool is_text = false;
  bool is_enum = false;
  type::v1::Rules rules;
  std::optional<std::regex> pattern;
  /// Of a message field, if there is something to check inside.
  const MessagePlan* message = nullptr;
};

/// What is to be checked of one message type: the fields that have something to check, and no others.
struct MessagePlan {
  enum class Kind { kOther, kMoney, kDate, kTimestamp };
  Kind kind = Kind::kOther;
  std::vector<FieldPlan> fields;
};

/// The plan of a type, made at first use; it lives as long as the process. Aborts if a field's pattern is not a regular
/// expression. Thread-safe.
const MessagePlan* PlanOf(const google::protobuf::Descriptor* type);

}  // namespace embudo::rpc
