#include "common/rpc/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "common/base/error.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/tenant_service.pb.h"

namespace embudo::rpc {
namespace {

using pipeline::v1::BatchCreateLeadsRequest;
using pipeline::v1::BulkUpsertLeadsRequest;
using pipeline::v1::CreateLeadRequest;
using pipeline::v1::UpdateLeadRequest;
using testing::ElementsAre;
using testing::IsEmpty;

/// The paths that are complained about.
std::vector<std::string> Wrong(const google::protobuf::Message& request,
                               RequiredScope scope = RequiredScope::kEverywhere) {
  const absl::Status status = Validator(request.GetDescriptor(), scope).Check(request);
  std::vector<std::string> out;
  if (status.ok()) return out;
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), "INVALID_FIELD");
  google::rpc::BadRequest bad_request;
  const google::rpc::Status rpc_status = ToRpcStatus(status);
  for (const auto& detail : rpc_status.details()) detail.UnpackTo(&bad_request);
  for (const auto& violation : bad_request.field_violations()) out.push_back(violation.field());
  return out;
}

CreateLeadRequest GoodLead() {
  CreateLeadRequest request;
  request.mutable_lead()->set_display_name("Forty chairs");
  return request;
}

TEST(ValidateTest, AGoodRequestPasses) {
  CreateLeadRequest request = GoodLead();
  auto& lead = *request.mutable_lead();
  lead.set_email("o'neill+chairs@münchen.example");
  lead.mutable_budget()->set_currency_code("EUR");
  lead.mutable_budget()->set_units(-1);
  lead.mutable_budget()->set_nanos(-500000000);
  lead.mutable_decision_date()->set_year(2028);
  lead.mutable_decision_date()->set_month(2);
  lead.mutable_decision_date()->set_day(29);
  lead.set_probability(100);
  request.set_request_id("0190a0b0-0000-7000-8000-000000000001");
  EXPECT_THAT(Wrong(request), IsEmpty());
}

TEST(ValidateTest, RequiredFieldsAreHeldToEverywhere) {
  EXPECT_THAT(Wrong(CreateLeadRequest()), ElementsAre("lead"));
  CreateLeadRequest request;
  request.mutable_lead();
  EXPECT_THAT(Wrong(request), ElementsAre("lead.display_name"));
}

TEST(ValidateTest, ChangesNeedNotBeWholeRecords) {
  EXPECT_EQ(RequiredScopeOf("UpdateLead"), RequiredScope::kRequestOnly);
  EXPECT_EQ(RequiredScopeOf("BulkUpsertLeads"), RequiredScope::kRequestOnly);
  EXPECT_EQ(RequiredScopeOf("RecordScores"), RequiredScope::kRequestOnly);
  EXPECT_EQ(RequiredScopeOf("CreateLead"), RequiredScope::kEverywhere);
  UpdateLeadRequest request;
  EXPECT_THAT(Wrong(request, RequiredScope::kRequestOnly), ElementsAre("lead"));
  request.mutable_lead()->set_email("nobody");
  EXPECT_THAT(Wrong(request, RequiredScope::kRequestOnly), ElementsAre("lead.email"));
}

TEST(ValidateTest, TellsAllViolationsByPath) {
  BatchCreateLeadsRequest request;
  for (int i = 0; i < 3; ++i) *request.add_requests() = GoodLead();
  auto& lead = *request.mutable_requests(1)->mutable_lead();
  lead.set_email("a@b@");
  lead.set_priority(4);
  lead.mutable_external_ids()->Add()->set_system(std::string(1000, 's'));
  request.mutable_requests(2)->set_request_id("not-a-uuid");
  EXPECT_THAT(Wrong(request), ElementsAre("requests[1].lead.email", "requests[1].lead.priority",
                                          "requests[1].lead.external_ids[0].system",
                                          "requests[1].lead.external_ids[0].id", "requests[2].request_id"));
}

TEST(ValidateTest, TellsTwentyViolationsAtMost) {
  BulkUpsertLeadsRequest request;
  for (int i = 0; i < 100; ++i) request.add_items()->mutable_lead()->set_email("x");
  EXPECT_EQ(Wrong(request, RequiredScope::kRequestOnly).size(), 20U);
}

TEST(ValidateTest, TooManyItemsAreOneViolation) {
  CreateLeadRequest request = GoodLead();
  for (int i = 0; i < 51; ++i) request.mutable_lead()->add_products(std::string("\0", 1));
  EXPECT_THAT(Wrong(request), ElementsAre("lead.products"));
}

TEST(ValidateTest, LengthCountsCharactersAndNotBytes) {
  CreateLeadRequest request;
  std::string name;
  for (int i = 0; i < 500; ++i) name += "ü";
  request.mutable_lead()->set_display_name(name);
  EXPECT_THAT(Wrong(request), IsEmpty());
  request.mutable_lead()->set_display_name(name + "x");
  EXPECT_THAT(Wrong(request), ElementsAre("lead.display_name"));
}

TEST(ValidateTest, NumbersHaveBounds) {
  CreateLeadRequest request = GoodLead();
  for (const double wrong : {-0.01, 100.01, std::numeric_limits<double>::quiet_NaN()}) {
    request.mutable_lead()->set_probability(wrong);
    EXPECT_THAT(Wrong(request), ElementsAre("lead.probability")) << wrong;
  }
}

TEST(ValidateTest, PatternsMatchTheWholeText) {
  pipeline::v1::CreateTenantRequest request;
  request.mutable_tenant()->set_display_name("Acme");
  request.set_tenant_id("acme");
  request.mutable_tenant()->set_currency_code("EUR");
  EXPECT_THAT(Wrong(request), IsEmpty());
  request.mutable_tenant()->set_currency_code("EURO");
  EXPECT_THAT(Wrong(request), ElementsAre("tenant.currency_code"));
}

TEST(ValidateTest, MapsAreLookedInto) {
  CreateLeadRequest request = GoodLead();
  (*request.mutable_lead()->mutable_custom_fields())["region"].set_string_value(std::string("a\0b", 3));
  EXPECT_THAT(Wrong(request), ElementsAre("lead.custom_fields[\"region\"].string_value"));
}

TEST(ValidateTest, WhatCallersCannotSetIsNotLookedAt) {
  CreateLeadRequest request = GoodLead();
  request.mutable_lead()->set_name(std::string("\0", 1));
  request.mutable_lead()->mutable_create_time()->set_nanos(-1);
  EXPECT_THAT(Wrong(request), IsEmpty());
}

TEST(ValidateTest, TextHasNoNul) {
  CreateLeadRequest request = GoodLead();
  request.mutable_lead()->set_description(std::string("a\0b", 3));
  EXPECT_THAT(Wrong(request), ElementsAre("lead.description"));
}

TEST(ValidateTest, EnumsHaveTheirValuesOnly) {
  CreateLeadRequest request = GoodLead();
  request.mutable_lead()->set_channel(static_cast<type::v1::Lead::Channel>(99));
  EXPECT_THAT(Wrong(request), ElementsAre("lead.channel"));
}

TEST(ValidateTest, MoneyHasACurrencyAndOneSign) {
  CreateLeadRequest request = GoodLead();
  auto& money = *request.mutable_lead()->mutable_budget();
  money.set_currency_code("eur");
  EXPECT_THAT(Wrong(request), ElementsAre("lead.budget"));
  money.set_currency_code("EUR");
  money.set_units(1);
  money.set_nanos(-1);
  EXPECT_THAT(Wrong(request), ElementsAre("lead.budget"));
  money.set_nanos(1000000000);
  EXPECT_THAT(Wrong(request), ElementsAre("lead.budget"));
}

TEST(ValidateTest, DatesAreRealAndWhole) {
  CreateLeadRequest request = GoodLead();
  auto& date = *request.mutable_lead()->mutable_decision_date();
  date.set_year(2027);
  date.set_month(2);
  EXPECT_THAT(Wrong(request), ElementsAre("lead.decision_date"));
  date.set_day(29);
  EXPECT_THAT(Wrong(request), ElementsAre("lead.decision_date"));
  date.set_day(28);
  EXPECT_THAT(Wrong(request), IsEmpty());
}

TEST(ValidateTest, MailAddressesLookLikeSome) {
  CreateLeadRequest request = GoodLead();
  for (const char* wrong : {"jane", "@acme.example", "jane@", "jane@.example", "ja ne@acme.example", "jane@a..b",
                            "<jane@acme.example>", "a@b.example,c@d.example"}) {
    request.mutable_lead()->set_email(wrong);
    EXPECT_THAT(Wrong(request), ElementsAre("lead.email")) << wrong;
  }
}

}  // namespace
}  // namespace embudo::rpc
