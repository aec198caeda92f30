#pragma once

#include <map>
#include <memory>
#include <regex>
#include <string>

#include "common/base/ids.h"
#include "google/api/annotations.pb.h"
#include "google/api/resource.pb.h"
#include "google/protobuf/util/field_mask_util.h"
#include "google/protobuf/util/json_util.h"
#include "tests/integration/contract/fixture.h"

namespace embudo::testing {

/// Stands in every text of the tenant that the other must not see.
inline constexpr char kMarker[] = "canary-7f3a91";
inline constexpr int kDepth = 3;

/// The kind of record that the field names, or that it is the name of; empty: none.
inline std::string ResourceTypeOf(const FieldDescriptor* field) {
  const std::string& referred = field->options().GetExtension(google::api::resource_reference).type();
  if (!referred.empty()) return referred;
  if (field->name() != "name") return "";
  return field->containing_type()->options().GetExtension(google::api::resource).type();
}

/// What `parent` begins with: `leads/` of a method whose address holds `{parent=leads/*}`.
inline std::string ParentOf(const MethodDescriptor* method) {
  const auto& http = method->options().GetExtension(google::api::http);
  const std::string& path = http.post().empty() ? http.get() : http.post();
  const size_t at = path.find("{parent=");
  return at == std::string::npos ? "" : path.substr(at + 8, path.find('*', at) - at - 8);
}

/// A text that the field's rules let through.
inline std::string TextFor(const type::v1::Rules& rules) {
  if (rules.uuid()) return Uuid::V7(Clock::System().Now()).ToString();
  if (rules.email()) return std::string(kMarker) + "@example.com";
  for (const char* text : {kMarker, "canary", "EUR"}) {
    if (rules.pattern().empty() || std::regex_match(text, std::regex(rules.pattern()))) return text;
  }
  return kMarker;
}

/// Whether the name's last id is a UUID, which no other tenant has.
inline bool HasOwnId(const std::string& name) { return Uuid::Parse(name.substr(name.rfind('/') + 1)).has_value(); }

/// What one method was answered with.
inline absl::Status CallMethod(const Caller& caller, const MethodDescriptor* method, const Message& request,
                               std::string* answer) {
  const std::string name = method->service()->full_name() + "/" + method->name();
  const std::unique_ptr<Message> response = New(method->output_type());
  if (!method->client_streaming() && !method->server_streaming()) {
    const absl::Status status =
        caller.client().Call(name, caller.identity(), request, response.get(), std::chrono::seconds(20));
    if (status.ok()) *answer = response->ShortDebugString();
    return status;
  }
  const auto stream = caller.client().Stream(name, caller.identity(), std::chrono::seconds(2));
  stream->Write(request);
  stream->WritesDone();
  while (stream->Read(response.get())) *answer += response->ShortDebugString();
  return stream->Finish();
}

/// A tenant with one of each kind of record that a create method makes out of what its fields say they take.
class RecordsTest : public AllServicesTest {
 protected:
  void SetUp() override {
    // Records that others refer to come first; what was refused for lack of them is there in the next round.
    for (int round = 0; round < 3; ++round) {
      for (const MethodDescriptor* method : methods_) {
        if (method->client_streaming() || method->server_streaming()) continue;
        const bool makes = method->name().starts_with("Create") || method->name().starts_with("Capture") ||
                           method->name().starts_with("Schedule") || method->name().starts_with("Enrich");
        const bool shows = method->name().starts_with("List") || method->name().starts_with("Get");
        if ((!makes || method->name() == "CreateTenant") && !shows) continue;
        const std::unique_ptr<Message> request = New(method->input_type());
        FillRequest(method, *request, makes);
        const std::unique_ptr<Message> response = New(method->output_type());
        const std::string name = method->service()->full_name() + "/" + method->name();
        const Caller caller = As(first_, method, type::v1::ROLE_ADMIN);
        if (caller.client().Call(name, caller.identity(), *request, response.get()).ok()) Learn(*response);
      }
    }
  }

  /// Fills what a request needs: names of the first tenant's records where it takes some, the marker as text. All the
  /// names that it takes, or sparingly only those that it must have.
  // NOLINTNEXTLINE(misc-no-recursion): bounded by depth
  void Fill(Message& message, int depth, bool sparing = false) const {
    const auto* descriptor = message.GetDescriptor();
    const auto* reflection = message.GetReflection();
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const FieldDescriptor* field = descriptor->field(i);
      const auto known = names_.find(ResourceTypeOf(field));
      const bool refers = known != names_.end() && field->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
      const bool wanted = IsRequired(field) || (!sparing && (refers || field->name() == "name"));
      if (field->is_map() || !wanted) continue;
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
        if (!ResourceTypeOf(field).empty() && !refers) continue;
        const std::string text = refers ? known->second : TextFor(field->options().GetExtension(type::v1::rules));
        field->is_repeated() ? reflection->AddString(&message, field, text)
                             : reflection->SetString(&message, field, text);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && depth < kDepth) {
        Fill(field->is_repeated() ? *reflection->AddMessage(&message, field)
                                  : *reflection->MutableMessage(&message, field),
             depth + 1, sparing);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM && !field->is_repeated()) {
        reflection->SetEnumValue(&message, field, 1);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT32 && !field->is_repeated()) {
        reflection->SetInt32(&message, field, 1);
      }
    }
  }

  /// What a new record needs beyond what its fields say of themselves.
  static const std::map<std::string, std::string>& Particulars() {
    static const std::map<std::string, std::string> particulars = {
        {"CreateActivity", R"({"activity": {"summary": "canary-7f3a91"}})"},
        {"CreateMessage", R"({"message": {"body": "canary-7f3a91"}})"},
        {"CreateTarget", R"({"target": {"startDate": {"year": 2026, "month": 6, "day": 1}}})"},
        {"CreateExchangeRate",
         R"({"exchangeRate": {"startDate": {"year": 2026, "month": 6, "day": 1}, "rate": "1.25"}})"},
        {"UpdateExchangeRate",
         R"({"exchangeRate": {"startDate": {"year": 2026, "month": 6, "day": 1}, "rate": "1.25"}})"},
        {"CreateCriterion", R"({"criterion": {"filter": "priority > 1"}})"},
        {"CreateHook", R"({"hook": {"fields": [{"source": "mail", "field": "email"}]}})"},
        {"CreateEnrichmentProvider", R"({"enrichmentProvider": {"companyList": {}}})"},
        {"CreateWebhook", R"({"webhook": {"uri": "https://93.184.216.34/"}})"},
        {"CreateTerritory", R"({"territory": {"users": ["$user"]}})"},
        {"CreateMailTemplate", R"({"mailTemplate": {"textBody": "canary-7f3a91"}})"},
        {"CreateRule", R"({"rule": {"trigger": {"leadCreated": {}}, "actions": [{"stop": {}}]}})"}};
    return particulars;
  }

  /// Sets the fields that are set in `overlay`, lists as a whole.
  // NOLINTNEXTLINE(misc-no-recursion): as deep as the overlay
  static void Lay(const Message& overlay, Message& message) {
    std::vector<const FieldDescriptor*> fields;
    overlay.GetReflection()->ListFields(overlay, &fields);
    for (const FieldDescriptor* field : fields) {
      if (field->message_type() != nullptr && !field->is_repeated()) {
        Lay(overlay.GetReflection()->GetMessage(overlay, field),
            *message.GetReflection()->MutableMessage(&message, field));
        continue;
      }
      message.GetReflection()->ClearField(&message, field);
      google::protobuf::FieldMask mask;
      mask.add_paths(field->name());
      google::protobuf::util::FieldMaskUtil::MergeMessageTo(overlay, mask, {}, &message);
    }
  }

  void FillRequest(const MethodDescriptor* method, Message& request, bool sparing) const {
    Fill(request, 0, sparing);
    if (const auto particular = Particulars().find(method->name()); particular != Particulars().end()) {
      std::string json = particular->second;
      const size_t user = json.find("$user");
      if (user != std::string::npos) json.replace(user, 5, names_.at("embudo.dev/User"));
      const auto overlay = New(method->input_type());
      ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, overlay.get()).ok()) << json;
      Lay(*overlay, request);
    }
    const FieldDescriptor* parent = request.GetDescriptor()->FindFieldByName("parent");
    const std::string prefix = ParentOf(method);
    if (parent == nullptr || prefix.empty()) return;
    for (const auto& [type, name] : names_) {
      const bool below = name.find('/', prefix.size()) != std::string::npos;
      if (name.starts_with(prefix) && !below) request.GetReflection()->SetString(&request, parent, name);
    }
  }

  /// Takes the names of the records in an answer down.
  // NOLINTNEXTLINE(misc-no-recursion): as deep as the answer
  void Learn(const Message& message) {
    const auto* reflection = message.GetReflection();
    std::vector<const FieldDescriptor*> fields;
    reflection->ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      const std::string type = ResourceTypeOf(field);
      if (field->name() == "name" && !type.empty() && !field->is_repeated()) {
        // An id that is this record's alone tells more than one that every tenant has.
        std::string& known = names_[type];
        if (!HasOwnId(known)) known = reflection->GetString(message, field);
      }
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_map()) continue;
      if (!field->is_repeated()) Learn(reflection->GetMessage(message, field));
      for (int i = 0; field->is_repeated() && i < reflection->FieldSize(message, field); ++i) {
        Learn(reflection->GetRepeatedMessage(message, field, i));
      }
    }
  }

  const std::string first_ = suite_->NewTenant();
  /// By their type: of the tenant's records, one of each.
  std::map<std::string, std::string> names_;
};

}  // namespace embudo::testing
