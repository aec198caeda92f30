#include "common/privacy/redact.h"

#include <algorithm>
#include <functional>
#include <map>

namespace embudo::privacy {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

/// The personal fields of a kind of record.
struct Fields {
  std::vector<std::string> cleared;
  /// Those that must say something.
  std::vector<std::string> replaced = {};
  /// A repeated field whose `description` may bear the title of a lead.
  std::string lines = {};
};

const std::map<std::string, Fields, std::less<>>& PersonalFields() {
  static const auto& fields = *new std::map<std::string, Fields, std::less<>>{
      {"Lead",
       {{"contact_name", "email", "phone", "job_title", "website", "description", "current_solution", "pain",
         "custom_fields", "external_ids", "lost_note", "override_reason"},
        {"display_name"}}},
      {"Contact",
       {{"email", "phone", "job_title", "website", "external_ids", "other_emails", "other_phones", "address",
         "custom_fields"},
        {"display_name"}}},
      {"Message",
       {{"subject", "body", "from_address", "to_addresses", "cc_addresses", "internet_message_id", "in_reply_to",
         "html_body", "delivery_error", "call", "quoted_body"}}},
      {"Activity", {{"note", "feedback"}, {"summary"}}},
      {"Attachment", {{"sha256"}, {"file_name"}}},
      {"Approval", {{"request_note", "decision_note"}}},
      {"Notification", {{"text"}}},
      {"Quote",
       {{"customer_name", "customer_email", "customer_address", "note", "decline_reason", "signature"}, {}, "lines"}},
      {"Order", {{"customer_name", "customer_email", "customer_address", "cancel_reason", "signature"}, {}, "lines"}},
      {"Touch", {{"landing_page", "referrer", "click_ids"}}},
  };
  return fields;
}

/// nullptr for what is no record that can be personal.
const Fields* FieldsOf(const Message& message) {
  const std::string& name = message.GetDescriptor()->full_name();
  constexpr std::string_view kPackage = "embudo.type.v1.";
  if (!std::string_view(name).starts_with(kPackage)) return nullptr;
  const auto found = PersonalFields().find(std::string_view(name).substr(kPackage.size()));
  return found == PersonalFields().end() ? nullptr : &found->second;
}

const FieldDescriptor* TextField(const Message& message, const char* name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  return field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_STRING ? field : nullptr;
}

std::string Text(const Message& message, const char* name) {
  const FieldDescriptor* field = TextField(message, name);
  return field == nullptr || field->is_repeated() ? "" : message.GetReflection()->GetString(message, field);
}

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool IsSet(const Message& message, const FieldDescriptor* field) {
  return field->is_repeated() ? message.GetReflection()->FieldSize(message, field) > 0
                              : message.GetReflection()->HasField(message, field);
}

bool Replace(Message* record, const std::string& name) {
  const FieldDescriptor* field = record->GetDescriptor()->FindFieldByName(name);
  const std::string text = record->GetReflection()->GetString(*record, field);
  if (text.empty() || text == kErased) return false;
  record->GetReflection()->SetString(record, field, kErased);
  return true;
}

bool Walk(Message* message, const std::function<bool(const Message&)>& has) {
  if (FieldsOf(*message) != nullptr && has(*message)) return Redact(message);
  bool changed = false;
  std::vector<const FieldDescriptor*> set;
  const auto* reflection = message->GetReflection();
  reflection->ListFields(*message, &set);
  for (const FieldDescriptor* field : set) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_map()) continue;
    if (!field->is_repeated()) {
      changed |= Walk(reflection->MutableMessage(message, field), has);
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(*message, field); ++i) {
      changed |= Walk(reflection->MutableRepeatedMessage(message, field, i), has);
    }
  }
  return changed;
}

}  // namespace

bool Person::HasName(std::string_view name) const {
  if (name.empty()) return false;
  // The record itself, and what it is under.
  for (size_t end = name.size(); end != std::string_view::npos && end > 0; end = name.rfind('/', end - 1)) {
    if (names.contains(name.substr(0, end))) return true;
  }
  return false;
}

bool Person::Has(const Message& record) const {
  for (const char* field : {"name", "lead", "contact"}) {
    if (HasName(Text(record, field))) return true;
  }
  for (const char* name : {"email", "other_emails", "from_address", "to_addresses", "cc_addresses", "customer_email"}) {
    const FieldDescriptor* field = TextField(record, name);
    if (field == nullptr) continue;
    const auto* reflection = record.GetReflection();
    const int count = field->is_repeated() ? reflection->FieldSize(record, field) : 1;
    for (int i = 0; i < count; ++i) {
      const std::string text = Lower(field->is_repeated() ? reflection->GetRepeatedString(record, field, i)
                                                          : reflection->GetString(record, field));
      for (const std::string& address : addresses) {
        if (text.find(address) != std::string::npos) return true;
      }
    }
  }
  return false;
}

std::vector<std::string> Person::Marks() const {
  std::vector<std::string> marks(addresses.begin(), addresses.end());
  for (const std::string& name : names) {
    const std::string id = name.substr(name.rfind('/') + 1);
    // What is under a lead bears the lead's id.
    if (std::count(name.begin(), name.end(), '/') == 1 ||
        !HasName(name.substr(0, name.find('/', name.find('/') + 1)))) {
      marks.push_back(id);
    }
  }
  return marks;
}

bool Redact(Message* record) {
  const Fields* fields = FieldsOf(*record);
  if (fields == nullptr) return false;
  bool changed = false;
  const FieldDescriptor* lines = record->GetDescriptor()->FindFieldByName(fields->lines);
  for (int i = 0; lines != nullptr && i < record->GetReflection()->FieldSize(*record, lines); ++i) {
    changed |= Replace(record->GetReflection()->MutableRepeatedMessage(record, lines, i), "description");
  }
  const auto* reflection = record->GetReflection();
  for (const std::string& name : fields->cleared) {
    const FieldDescriptor* field = record->GetDescriptor()->FindFieldByName(name);
    if (!IsSet(*record, field)) continue;
    reflection->ClearField(record, field);
    changed = true;
  }
  for (const std::string& name : fields->replaced) changed |= Replace(record, name);
  return changed;
}

bool RedactIn(const Person& person, Message* message) {
  return Walk(message, [&](const Message& record) { return person.Has(record); });
}

bool RedactAllIn(Message* message) {
  return Walk(message, [](const Message&) { return true; });
}

}  // namespace embudo::privacy
