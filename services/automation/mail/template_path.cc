#include "services/automation/mail/template_path.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "embudo/type/v1/user.pb.h"
#include "google/api/resource.pb.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/type/date.pb.h"
#include "google/type/money.pb.h"
#include "google/type/postal_address.pb.h"
#include "services/automation/mail/template_odoo.h"

namespace embudo::automation::mail {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr size_t kMaxHops = 4;
constexpr std::array<std::string_view, 8> kReadable = {
    "embudo.dev/Contact",  "embudo.dev/User",    "embudo.dev/Team", "embudo.dev/Stage",
    "embudo.dev/Pipeline", "embudo.dev/Product", "embudo.dev/Tag",  "embudo.dev/LostReason"};

std::string TypeOfReference(const FieldDescriptor* field) {
  return field->options().GetExtension(google::api::resource_reference).type();
}

const Descriptor* RecordOf(const std::string& resource_type) {
  const std::string type = resource_type.substr(resource_type.find('/') + 1);
  return google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName("embudo.type.v1." + type);
}

std::vector<std::string> Split(const std::string& path) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= path.size();) {
    const size_t dot = std::min(path.find('.', at), path.size());
    parts.push_back(path.substr(at, dot - at));
    at = dot + 1;
  }
  return parts;
}

/// "a lead", "a contact" …
std::string Noun(const Descriptor* record) {
  std::string noun;
  for (const char c : record->name()) {
    if (c >= 'A' && c <= 'Z' && !noun.empty()) noun += ' ';
    noun += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return "a " + noun;
}

/// The kind of what a field holds; false if it is nothing to write into a mail.
bool KindOf(const FieldDescriptor* field, ValueKind& kind) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
    case FieldDescriptor::CPPTYPE_ENUM:
      kind = ValueKind::kText;
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      kind = ValueKind::kBool;
      break;
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      const Descriptor* type = field->message_type();
      if (type == google::type::Money::descriptor()) {
        kind = ValueKind::kMoney;
      } else if (type == google::type::Date::descriptor()) {
        kind = ValueKind::kDate;
      } else if (type == google::protobuf::Timestamp::descriptor()) {
        kind = ValueKind::kTime;
      } else {
        return false;
      }
      break;
    }
    default:
      kind = ValueKind::kNumber;
  }
  if (field->is_repeated() && kind != ValueKind::kText) return false;
  if (field->is_repeated()) kind = ValueKind::kList;
  return field->type() != FieldDescriptor::TYPE_BYTES;
}

/// Walks the descriptors along a path.
class Binder {
 public:
  Binder(BoundPath& bound, std::string& error) : bound_(bound), error_(error) {}

  bool Run(const Descriptor* root, const std::vector<std::string>& parts) {
    record_ = root;
    for (size_t i = 1; i < parts.size(); ++i) {
      if (field_ != nullptr && !Enter()) return false;
      if (!Step(parts[i])) return false;
      if (field_->is_map()) return Key(parts, i + 1);
    }
    // A record by itself is what people call it.
    if (field_ == nullptr || !TypeOfReference(field_).empty()) {
      if (field_ != nullptr && !Enter()) return false;
      if (!Step("display_name")) return false;
    }
    if (KindOf(field_, bound_.kind)) {
      if (listed_) bound_.kind = ValueKind::kList;
      return true;
    }
    error_ = "\"" + field_->name() + "\" is nothing that a mail can say";
    return false;
  }

 private:
  /// Into the record that the last field names, or the address that it is.
  bool Enter() {
    listed_ = listed_ || field_->is_repeated();
    if (field_->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
        field_->message_type() == google::type::PostalAddress::descriptor()) {
      record_ = field_->message_type();
      return true;
    }
    const std::string type = TypeOfReference(field_);
    if (!IsReadable(type)) {
      error_ = "\"" + field_->name() + "\" has no fields of its own";
      return false;
    }
    if (++hops_ > kMaxHops) {
      error_ = "leads too far away";
      return false;
    }
    record_ = RecordOf(type);
    return true;
  }

  bool Step(const std::string& name) {
    const FieldDescriptor* field = record_->FindFieldByName(name);
    // What people call it, not its resource name.
    if (name == "name" && record_->FindFieldByName("display_name") != nullptr) {
      field = record_->FindFieldByName("display_name");
    }
    if (field == nullptr || name == "etag") {
      error_ = "\"" + name + "\" is no field of " + Noun(record_);
      return false;
    }
    field_ = field;
    bound_.fields.push_back(field);
    return true;
  }

  bool Key(const std::vector<std::string>& parts, size_t next) {
    const FieldDescriptor* value = field_->message_type()->FindFieldByName("value");
    if (next + 1 != parts.size() || parts[next].empty() || listed_ ||
        value->message_type() != google::protobuf::Value::descriptor()) {
      error_ = "\"" + field_->name() + "\" wants the key of one field behind it";
      return false;
    }
    bound_.key = parts[next];
    bound_.kind = ValueKind::kAny;
    return true;
  }

  BoundPath& bound_;
  std::string& error_;
  const Descriptor* record_ = nullptr;
  const FieldDescriptor* field_ = nullptr;
  size_t hops_ = 0;
  bool listed_ = false;
};

/// The names that a reference of a record holds.
std::vector<std::string> NamesIn(const Message& record, const FieldDescriptor* field) {
  const auto* reflection = record.GetReflection();
  std::vector<std::string> names;
  if (field->is_repeated()) {
    for (int i = 0; i < reflection->FieldSize(record, field); ++i) {
      names.push_back(reflection->GetRepeatedString(record, field, i));
    }
  } else if (std::string name = reflection->GetString(record, field); !name.empty()) {
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace

bool IsReadable(const std::string& resource_type) {
  return std::find(kReadable.begin(), kReadable.end(), resource_type) != kReadable.end();
}

bool BindPath(const std::string& path, BoundPath& bound, std::string& error) {
  std::vector<std::string> parts = Split(path);
  if (parts[0] == "object") {
    if (!FromOdoo(parts, error)) return false;
  }
  if (path == "unsubscribe_link") {
    bound.root = BoundPath::Root::kUnsubscribeLink;
    return true;
  }
  if (path == "today") {
    bound.root = BoundPath::Root::kToday;
    bound.kind = ValueKind::kDate;
    return true;
  }
  if (parts[0] == "lead") return Binder(bound, error).Run(type::v1::Lead::descriptor(), parts);
  if (parts[0] == "sender") {
    bound.root = BoundPath::Root::kSender;
    return Binder(bound, error).Run(type::v1::User::descriptor(), parts);
  }
  error = "\"" + parts[0] + "\" is not known: a field begins with lead, sender, object, today or unsubscribe_link";
  return false;
}

std::vector<std::pair<std::string, std::string>> MissingRecords(const BoundPath& path, const type::v1::Lead& lead,
                                                                const std::string& sender, const Records& records) {
  std::vector<std::pair<std::string, std::string>> missing;
  std::vector<const Message*> at;
  if (path.root == BoundPath::Root::kLead) at.push_back(&lead);
  if (path.root == BoundPath::Root::kSender && !sender.empty()) {
    const auto found = records.find(sender);
    if (found == records.end()) return {{"embudo.dev/User", sender}};
    if (found->second != nullptr) at.push_back(found->second.get());
  }
  for (size_t i = 0; i + 1 < path.fields.size(); ++i) {
    const std::string type = TypeOfReference(path.fields[i]);
    if (type.empty()) break;  // an address: nothing to read behind it
    std::vector<const Message*> next;
    for (const Message* record : at) {
      for (const std::string& name : NamesIn(*record, path.fields[i])) {
        const auto found = records.find(name);
        if (found == records.end()) {
          missing.emplace_back(type, name);
        } else if (found->second != nullptr) {
          next.push_back(found->second.get());
        }
      }
    }
    at = std::move(next);
  }
  return missing;
}

}  // namespace embudo::automation::mail
