// What comes twice and what comes late, of all services: the same request id makes one record and gets one answer; a
// change of a record as it was is refused. It goes by the descriptors, so that a new method is looked at without a word
// here.

#include <cstdio>
#include <set>
#include <string>

#include "tests/integration/contract/records.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;

class RepeatTest : public RecordsTest {
 protected:
  static bool IsUnary(const MethodDescriptor* method) {
    return !method->client_streaming() && !method->server_streaming();
  }
  absl::Status Call(const MethodDescriptor* method, const Message& request, Message* response) const {
    const Role role = method->options().GetExtension(type::v1::access).roles_size() == 1
                          ? static_cast<Role>(method->options().GetExtension(type::v1::access).roles(0))
                          : type::v1::ROLE_ADMIN;
    const Caller caller = As(first_, method, role);
    return caller.client().Call(method->service()->full_name() + "/" + method->name(), caller.identity(), request,
                                response);
  }
  static void SetText(Message* message, const char* name, const std::string& text) {
    const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(name);
    ASSERT_NE(field, nullptr) << message->GetTypeName() << "." << name;
    message->GetReflection()->SetString(message, field, text);
  }
  /// The part of an update's request that is the record; nullptr if the request has none.
  static Message* RecordOf(Message* request) {
    const auto* descriptor = request->GetDescriptor();
    if (descriptor->FindFieldByName("update_mask") == nullptr) return nullptr;
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const FieldDescriptor* field = descriptor->field(i);
      if (field->message_type() == nullptr || field->is_repeated() || field->name() == "update_mask") continue;
      return request->GetReflection()->MutableMessage(request, field);
    }
    return nullptr;
  }
};

TEST_F(RepeatTest, TheSameRequestIdIsAnsweredOnce) {
  int made = 0;
  for (const MethodDescriptor* method : methods_) {
    const FieldDescriptor* id = method->input_type()->FindFieldByName("request_id");
    if (!IsUnary(method) || id == nullptr || method->name() == "CreateTenant") continue;
    SCOPED_TRACE(method->full_name());
    const auto request = New(method->input_type());
    FillRequest(method, *request, true);
    SetText(request.get(), "request_id", Uuid::V7(suite_->clock().Now()).ToString());
    const auto first = New(method->output_type());
    if (!Call(method, *request, first.get()).ok()) continue;
    ++made;
    const auto second = New(method->output_type());
    EXPECT_EQ(Call(method, *request, second.get()), absl::OkStatus());
    const FieldDescriptor* name = method->output_type()->FindFieldByName("name");
    if (name != nullptr && name->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      EXPECT_EQ(first->GetReflection()->GetString(*first, name), second->GetReflection()->GetString(*second, name));
    }
    // Another request under the id is told so, and changes nothing.
    for (const char* text : {"display_name", "comment", "text"}) {
      Message* target = request.get();
      for (int i = 0; target == request.get() && i < request->GetDescriptor()->field_count(); ++i) {
        const FieldDescriptor* field = request->GetDescriptor()->field(i);
        if (field->message_type() == nullptr || field->is_repeated() || field->is_map()) continue;
        if (field->message_type()->FindFieldByName(text) == nullptr) continue;
        target = request->GetReflection()->MutableMessage(request.get(), field);
      }
      if (target == request.get()) continue;
      SetText(target, text, "something else");
      EXPECT_THAT(Call(method, *request, second.get()), IsError(StatusCode::kInvalidArgument, "REQUEST_ID_REUSED"));
      break;
    }
  }
  std::printf(" %d methods answered and repeated\n", made);
  EXPECT_GT(made, 40);
}

TEST_F(RepeatTest, AChangeOfARecordAsItWasIsRefused) {
  int refused = 0;
  for (const MethodDescriptor* method : methods_) {
    // What is signed is looked at first: it has a test of its own. So has what operators alone may do.
    if (!IsUnary(method) || method->name() == "AcceptQuote" || method->service()->name() == "TenancyService") continue;
    const auto request = New(method->input_type());
    FillRequest(method, *request, true);
    Message* record = RecordOf(request.get());
    Message* bearer = record != nullptr ? record : request.get();
    const FieldDescriptor* etag = bearer->GetDescriptor()->FindFieldByName("etag");
    if (etag == nullptr) continue;
    SCOPED_TRACE(method->full_name());
    const FieldDescriptor* name = bearer->GetDescriptor()->FindFieldByName("name");
    ASSERT_NE(name, nullptr);
    const auto known = names_.find(ResourceTypeOf(name));
    if (known == names_.end()) {
      std::printf("  no record  %s\n", method->full_name().c_str());
      continue;
    }
    SetText(bearer, "name", known->second);
    SetText(bearer, "etag", "999999");
    const absl::Status status = Call(method, *request, New(method->output_type()).get());
    EXPECT_EQ(status.code(), StatusCode::kAborted) << status;
    EXPECT_EQ(ReasonOf(status), "STALE_ETAG") << status;
    ++refused;
  }
  std::printf(" %d methods refused a stale etag\n", refused);
  EXPECT_GT(refused, 40);
}

}  // namespace
}  // namespace embudo::testing
