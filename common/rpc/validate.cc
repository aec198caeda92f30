#include "common/rpc/validate.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/rpc/message_plan.h"
#include "common/rpc/value_rules.h"

namespace embudo::rpc {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr size_t kMaxViolations = 20;

/// Where a check is: a chain on the stack, turned into text only for a violation.
struct Place {
  const Place* parent = nullptr;
  const FieldDescriptor* field = nullptr;
  int index = -1;
  const std::string* key = nullptr;

  std::string ToString() const {
    std::string out = parent == nullptr ? "" : parent->ToString();
    // The entries of a map are messages of two fields, of which callers know nothing.
    if (!field->containing_type()->options().map_entry()) out += (out.empty() ? "" : ".") + field->name();
    if (key != nullptr) return out + "[\"" + *key + "\"]";
    return index < 0 ? out : out + "[" + std::to_string(index) + "]";
  }
};

class Checker {
 public:
  explicit Checker(RequiredScope scope) : scope_(scope) {}

  void CheckMessage(const Message& message, const MessagePlan& plan, const Place* place) {
    if (plan.kind != MessagePlan::Kind::kOther) return Add(*place, BrokenWellKnown(message, plan.kind));
    const auto& reflection = *message.GetReflection();
    for (const FieldPlan& check : plan.fields) {
      if (violations_.size() >= kMaxViolations) return;
      const Place here{.parent = place, .field = check.field};
      const int count = check.field->is_repeated() ? reflection.FieldSize(message, check.field)
                                                   : static_cast<int>(reflection.HasField(message, check.field));
      if (count == 0) {
        const bool held_to = place == nullptr || scope_ == RequiredScope::kEverywhere;
        if (check.required && held_to) Add(here, "is required");
      } else if (check.field->is_repeated()) {
        CheckItems(message, check, count, here);
      } else {
        CheckOne(message, check, here);
      }
    }
  }

  absl::Status Result() const {
    if (violations_.empty()) return absl::OkStatus();
    const auto& [path, description] = violations_.front();
    std::string text = path + ": " + description;
    if (violations_.size() > 1) text += " (and " + std::to_string(violations_.size() - 1) + " more)";
    Error error(absl::StatusCode::kInvalidArgument, "INVALID_FIELD", text);
    for (const auto& violation : violations_) error.Field(violation.first, violation.second);
    return error;
  }

 private:
  void Add(const Place& place, std::string description) {
    if (description.empty() || violations_.size() >= kMaxViolations) return;
    violations_.emplace_back(place.ToString(), std::move(description));
  }

  void CheckItems(const Message& message, const FieldPlan& check, int count, const Place& place) {
    if (check.rules.max_items() > 0 && count > check.rules.max_items()) {
      // What is too much is not looked at.
      return Add(place, "has " + std::to_string(count) + " items; at most " + std::to_string(check.rules.max_items()));
    }
    for (int i = 0; i < count && violations_.size() < kMaxViolations; ++i) {
      Place item{.parent = place.parent, .field = place.field, .index = i};
      std::string key;
      if (check.field->is_map()) {
        const Message& entry = message.GetReflection()->GetRepeatedMessage(message, check.field, i);
        key = KeyOf(entry);
        item.key = &key;
      }
      CheckOne(message, check, item);
    }
  }

  void CheckOne(const Message& message, const FieldPlan& check, const Place& place) {
    const auto& reflection = *message.GetReflection();
    const FieldDescriptor* field = check.field;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (check.message == nullptr) return;
      const Message& inner = place.index < 0 ? reflection.GetMessage(message, field)
                                             : reflection.GetRepeatedMessage(message, field, place.index);
      CheckMessage(inner, *check.message, &place);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      std::string scratch;
      const std::string& text = place.index < 0
                                    ? reflection.GetStringReference(message, field, &scratch)
                                    : reflection.GetRepeatedStringReference(message, field, place.index, &scratch);
      Add(place, BrokenText(text, check));
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
      const int value = place.index < 0 ? reflection.GetEnumValue(message, field)
                                        : reflection.GetRepeatedEnumValue(message, field, place.index);
      if (field->enum_type()->FindValueByNumber(value) == nullptr) {
        Add(place, std::to_string(value) + " is not a " + field->enum_type()->full_name());
      }
    } else {
      Add(place, BrokenNumber(NumberOf(message, field, place.index), check.rules));
    }
  }

  const RequiredScope scope_;
  std::vector<std::pair<std::string, std::string>> violations_;
};

}  // namespace

RequiredScope RequiredScopeOf(std::string_view method) {
  for (const std::string_view prefix :
       {"Update", "BatchUpdate", "BulkUpsert", "RecordScores", "Capture", "FindDuplicates"}) {
    if (method.starts_with(prefix)) return RequiredScope::kRequestOnly;
  }
  return RequiredScope::kEverywhere;
}

Validator::Validator(const google::protobuf::Descriptor* request, RequiredScope scope)
    : plan_(PlanOf(request)), scope_(scope) {}

absl::Status Validator::Check(const Message& request) const {
  Checker checker(scope_);
  checker.CheckMessage(request, *plan_, nullptr);
  return checker.Result();
}

}  // namespace embudo::rpc
