#include "common/rpc/message_plan.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>

#include "google/api/field_behavior.pb.h"

namespace embudo::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

bool HasBehavior(const FieldDescriptor& field, google::api::FieldBehavior behavior) {
  const auto& options = field.options();
  for (int i = 0; i < options.ExtensionSize(google::api::field_behavior); ++i) {
    if (options.GetExtension(google::api::field_behavior, i) == behavior) return true;
  }
  return false;
}

MessagePlan::Kind KindOf(const Descriptor& type) {
  if (type.full_name() == "google.type.Money") return MessagePlan::Kind::kMoney;
  if (type.full_name() == "google.type.Date") return MessagePlan::Kind::kDate;
  if (type.full_name() == "google.protobuf.Timestamp") return MessagePlan::Kind::kTimestamp;
  return MessagePlan::Kind::kOther;
}

std::regex Compile(const FieldDescriptor& field, const std::string& pattern) {
  try {
    return std::regex(pattern, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& e) {
    std::fprintf(stderr, "rpc: pattern of %s: %s\n", field.full_name().c_str(), e.what());
    std::abort();
  }
}

/// The plans so far. Types refer to each other in circles, so plans are made before they are filled.
class Planner {
 public:
  const MessagePlan* PlanOf(const Descriptor* type) {
    const std::lock_guard lock(mutex_);
    const MessagePlan* plan = Make(type);
    while (DropIdleFields()) {
    }
    return plan;
  }

 private:
  MessagePlan* Make(const Descriptor* type) {
    const auto [it, added] = plans_.try_emplace(type);
    MessagePlan* plan = &it->second;
    if (!added) return plan;
    plan->kind = KindOf(*type);
    if (plan->kind != MessagePlan::Kind::kOther) return plan;
    for (int i = 0; i < type->field_count(); ++i) AddField(*type->field(i), plan);
    return plan;
  }

  void AddField(const FieldDescriptor& field, MessagePlan* plan) {
    // What callers cannot set is not theirs to get wrong.
    if (HasBehavior(field, google::api::OUTPUT_ONLY) || HasBehavior(field, google::api::IDENTIFIER)) return;
    FieldPlan check;
    check.field = &field;
    check.required = HasBehavior(field, google::api::REQUIRED);
    check.is_text = field.type() == FieldDescriptor::TYPE_STRING;
    check.is_enum = field.type() == FieldDescriptor::TYPE_ENUM;
    check.rules = field.options().GetExtension(type::v1::rules);
    if (!check.rules.pattern().empty()) check.pattern = Compile(field, check.rules.pattern());
    if (field.message_type() != nullptr) check.message = Make(field.message_type());
    plan->fields.push_back(std::move(check));
  }

  /// Takes out the fields in which there is nothing to check. Returns whether it found any, which may leave others with
  /// nothing to check.
  bool DropIdleFields() {
    const auto idle = [](const FieldPlan& check) {
      const bool inside = check.message != nullptr &&
                          (!check.message->fields.empty() || check.message->kind != MessagePlan::Kind::kOther);
      return !check.required && !check.is_text && !check.is_enum && !inside && check.rules.ByteSizeLong() == 0;
    };
    bool dropped = false;
    for (auto& [type, plan] : plans_) dropped |= std::erase_if(plan.fields, idle) > 0;
    return dropped;
  }

  std::mutex mutex_;
  std::map<const Descriptor*, MessagePlan> plans_;
};

}  // namespace

const MessagePlan* PlanOf(const Descriptor* type) {
  static Planner& planner = *new Planner;
  return planner.PlanOf(type);
}

}  // namespace embudo::rpc
