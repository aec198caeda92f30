// What holds for every method of every service, read from the descriptors: a new RPC is covered when it is there.

#include <algorithm>
#include <set>

#include "common/base/error.h"
#include "embudo/type/v1/options.pb.h"
#include "google/api/annotations.pb.h"
#include "google/api/field_behavior.pb.h"
#include "google/protobuf/dynamic_message.h"
#include "tests/integration/contract/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using google::protobuf::Descriptor;
using ::testing::Contains;
using ::testing::IsSupersetOf;
using ::testing::UnorderedElementsAreArray;

/// Methods without request_id, since repeating them is harmless: records found by external ids, what is set as a whole,
/// what is counted anew, links, which are kept nowhere, and secrets of which the last counts.
const std::set<std::string> kIdempotent = {
    "BulkUpsertLeads",       "BulkUpsertContacts", "RecordScores",          "UpsertImportedRecords",
    "UndoImportedRecords",   "RecordImport",       "UpdateCaptureSettings", "LoadCompanyList",
    "RebuildFrequencies",    "RescoreLeads",       "CancelOperation",       "CreateQuoteLink",
    "CreateUnsubscribeLink", "RebuildReports",     "BulkAssignLeads",       "BulkReceiveLeads",
    "RecordTenantPurge",     "RecordAuditEntries", "RecordStorageUse",      "BulkCreateTouches"};
/// Reads whose question is too long for an address.
const std::set<std::string> kLongReads = {"SuggestMapping", "WaitOperation", "LookUpSender",    "DryRunRule",
                                          "ExportReport",   "VerifyReports", "CountOwnerLeads", "PreviewMailTemplate"};
/// What happened, in the order in which it happened, or what is worked on, the first in line first: not sorted
/// otherwise.
const std::set<std::string> kHistories = {
    "ListLeadChanges", "ListEvents",       "ListParkedEvents", "ListDeliveries", "ListSubmissions",
    "ListOperations",  "ListTrainingRuns", "ListFrequencies",  "ListPriorities", "ListForecastSnapshots"};
/// Of these, those that are read whole, without a filter.
const std::set<std::string> kUnfiltered = {"ListLeadChanges", "ListParkedEvents",     "ListDeliveries",
                                           "ListSubmissions", "ListTrainingRuns",     "ListFrequencies",
                                           "ListOperations",  "ListForecastSnapshots"};
/// Lists that are as short as a record's life has steps, or as the product has parts, and come whole.
const std::set<std::string> kShortLists = {"ListStageStays", "ListEventTypes", "ListImportPresets", "ListPriorities"};

bool Has(const FieldDescriptor* field, google::api::FieldBehavior behavior) {
  const auto& behaviors = field->options().GetRepeatedExtension(google::api::field_behavior);
  return std::find(behaviors.begin(), behaviors.end(), behavior) != behaviors.end();
}

std::vector<const FieldDescriptor*> RequiredFields(const Descriptor* type) {
  std::vector<const FieldDescriptor*> fields;
  for (int i = 0; i < type->field_count(); ++i) {
    if (Has(type->field(i), google::api::REQUIRED)) fields.push_back(type->field(i));
  }
  return fields;
}

/// Shows roles that no server knows.
class StrangerCredentials : public rpc::Credentials {
 public:
  std::vector<std::pair<std::string, std::string>> Metadata(const rpc::Identity& identity) override {
    return {{"x-embudo-tenant", identity.tenant}, {"x-embudo-actor", "users/guest"}, {"x-embudo-roles", "guest"}};
  }
};

class ContractTest : public AllServicesTest {
 protected:
  /// Calls `check` for every unary method that is served.
  static void EachMethod(const std::function<void(const MethodDescriptor*)>& check) {
    for (const MethodDescriptor* method : methods_) {
      if (method->client_streaming() || method->server_streaming()) continue;
      SCOPED_TRACE(method->full_name());
      check(method);
    }
  }

  static std::vector<Role> RolesOf(const MethodDescriptor* method) {
    const auto& access = method->options().GetExtension(type::v1::access);
    std::vector<Role> roles;
    for (const int role : access.roles()) roles.push_back(static_cast<Role>(role));
    return roles;
  }

  absl::Status Call(const MethodDescriptor* method, Role role, const Message& request) const {
    return As(tenant_, method, role).CallAny(request, New(method->output_type()).get());
  }
  absl::Status CallAllowed(const MethodDescriptor* method, const Message& request) const {
    return Call(method, RolesOf(method).back(), request);
  }

  const std::string tenant_ = suite_->NewTenant();
};

TEST_F(ContractTest, EveryMethodTellsWhoMayCallItAndItsHttpForm) {
  EachMethod([](const MethodDescriptor* method) {
    ASSERT_TRUE(method->options().HasExtension(type::v1::access));
    EXPECT_FALSE(RolesOf(method).empty());
    ASSERT_TRUE(method->options().HasExtension(google::api::http));
    const auto& http = method->options().GetExtension(google::api::http);
    EXPECT_NE(http.pattern_case(), google::api::HttpRule::PATTERN_NOT_SET);
    bool reads = false;
    for (const char* verb :
         {"Get", "List", "BatchGet", "Search", "Find", "Download", "Explain", "Analyze", "Compare", "Show"}) {
      reads = reads || method->name().starts_with(verb);
    }
    EXPECT_EQ(http.has_get(), reads);
  });
}

TEST_F(ContractTest, WithoutTheRoleNothingIsDone) {
  EachMethod([&](const MethodDescriptor* method) {
    const auto request = New(method->input_type());
    const auto allowed = RolesOf(method);
    for (const Role role : {type::v1::ROLE_REP, type::v1::ROLE_MANAGER, type::v1::ROLE_ADMIN, type::v1::ROLE_SERVICE}) {
      if (std::find(allowed.begin(), allowed.end(), role) != allowed.end()) continue;
      EXPECT_THAT(Call(method, role, *request), IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"))
          << type::v1::Role_Name(role);
    }
    rpc::Client stranger(
        {.target = suite_->target(ServiceOf(method)), .credentials = std::make_shared<StrangerCredentials>()});
    const Caller guest(stranger, As(tenant_, method, type::v1::ROLE_ADMIN).identity());
    EXPECT_THAT(guest.CallAny(*request, New(method->output_type()).get()),
                IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));
  });
}

TEST_F(ContractTest, EachMissingRequiredFieldIsNamed) {
  int with_body = 0;
  EachMethod([&](const MethodDescriptor* method) {
    const auto required = RequiredFields(method->input_type());
    if (required.empty()) return;
    auto request = New(method->input_type());
    std::vector<std::string> names;
    for (const FieldDescriptor* field : required) names.push_back(field->name());
    const absl::Status status = CallAllowed(method, *request);
    EXPECT_THAT(status, IsError(StatusCode::kInvalidArgument, "INVALID_FIELD"));
    EXPECT_THAT(BadFields(status), UnorderedElementsAreArray(names));
    if (!method->name().starts_with("Create")) return;

    // What a new record needs is named too, by its path.
    std::vector<std::string> inner;
    for (const FieldDescriptor* field : required) {
      if (field->message_type() == nullptr) continue;
      request->GetReflection()->MutableMessage(request.get(), field);
      for (const FieldDescriptor* part : RequiredFields(field->message_type())) {
        inner.push_back(field->name() + "." + part->name());
      }
    }
    EXPECT_THAT(BadFields(CallAllowed(method, *request)), IsSupersetOf(inner));
    with_body += inner.empty() ? 0 : 1;
  });
  EXPECT_GE(with_body, 11);
}

TEST_F(ContractTest, EveryChangeTakesARequestIdAndRefusesAMalformedOne) {
  EachMethod([&](const MethodDescriptor* method) {
    if (method->options().GetExtension(google::api::http).has_get() || kIdempotent.contains(method->name()) ||
        kLongReads.contains(method->name())) {
      return;
    }
    auto request = New(method->input_type());
    const FieldDescriptor* id = method->input_type()->FindFieldByName("request_id");
    ASSERT_NE(id, nullptr);
    for (const char* malformed : {"x", "018f0000-0000-7000-8000-00000000000", "018f0000000070008000000000000000"}) {
      request->GetReflection()->SetString(request.get(), id, malformed);
      const absl::Status status = CallAllowed(method, *request);
      EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status;
      EXPECT_THAT(BadFields(status), Contains("request_id")) << malformed;
    }
  });
}

TEST_F(ContractTest, EveryListHasPages) {
  int lists = 0;
  EachMethod([&](const MethodDescriptor* method) {
    if (!method->name().starts_with("List") || kShortLists.contains(method->name())) return;
    ++lists;
    std::vector<std::string> fields = {"page_size", "page_token"};
    if (!kUnfiltered.contains(method->name())) fields.emplace_back("filter");
    if (!kHistories.contains(method->name())) fields.emplace_back("order_by");
    for (const std::string& name : fields) {
      ASSERT_NE(method->input_type()->FindFieldByName(name), nullptr) << name;
    }
    ASSERT_NE(method->output_type()->FindFieldByName("next_page_token"), nullptr);
    auto request = New(method->input_type());
    request->GetReflection()->SetInt32(request.get(), method->input_type()->FindFieldByName("page_size"), -1);
    const absl::Status status = CallAllowed(method, *request);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(BadFields(status), Contains("page_size"));
  });
  EXPECT_GE(lists, 11);
}

}  // namespace
}  // namespace embudo::testing
