#pragma once

#include "embudo/pipeline/v1/touch_service.pb.h"
#include "tests/integration/capture/suite.h"

namespace embudo::testing {

/// What the tests of captures look at.
class IntakeCase : public CaptureTest {
 protected:
  using Duplicate = capture::v1::Duplicate;
  using Rule = capture::v1::DuplicateRule;

  std::vector<type::v1::Touch> TouchesOf(const std::string& lead) {
    pipeline::v1::ListTouchesRequest request;
    request.set_parent(lead);
    const auto answer = Pipeline<pipeline::v1::ListTouchesResponse>("TouchService/ListTouches", request);
    return {answer.touches().begin(), answer.touches().end()};
  }
  std::string CreateLead(const Lead& lead) {
    pipeline::v1::CreateLeadRequest request;
    *request.mutable_lead() = lead;
    if (lead.display_name().empty()) request.mutable_lead()->set_display_name("By hand");
    return Pipeline<Lead>("LeadService/CreateLead", request).name();
  }
  static Lead LeadWith(const std::string& company, const std::string& person, const std::string& email = "",
                       const std::string& phone = "") {
    Lead lead;
    lead.set_company_name(company);
    lead.set_contact_name(person);
    lead.set_email(email);
    lead.set_phone(phone);
    return lead;
  }
  CaptureLeadResponse CaptureOf(const Lead& lead) {
    CaptureLeadRequest request;
    *request.mutable_lead() = lead;
    return CaptureLead(request);
  }
  std::vector<Duplicate> DuplicatesOf(const Lead& draft) {
    capture::v1::FindDuplicatesRequest request;
    *request.mutable_draft() = draft;
    const auto answer = Capture<capture::v1::FindDuplicatesResponse>("CaptureService/FindDuplicates", request);
    EXPECT_TRUE(answer.ok()) << answer.status();
    if (!answer.ok()) return {};
    return {answer->duplicates().begin(), answer->duplicates().end()};
  }
  /// Waits until the index of leads knows so many that are like the draft.
  std::vector<Duplicate> WaitForDuplicates(const Lead& draft, size_t wanted) {
    std::vector<Duplicate> found;
    EXPECT_TRUE(Eventually([&] {
      found = DuplicatesOf(draft);
      return found.size() == wanted;
    })) << found.size();
    return found;
  }
  absl::StatusOr<capture::v1::CaptureSettings> SetRules(const std::vector<Rule>& rules, const std::string& etag = "") {
    capture::v1::UpdateCaptureSettingsRequest request;
    request.mutable_settings()->mutable_duplicate_rules()->Add(rules.begin(), rules.end());
    request.mutable_settings()->set_etag(etag);
    return Capture<capture::v1::CaptureSettings>("CaptureService/UpdateCaptureSettings", request);
  }
  static Rule RuleOf(Duplicate::Reason reason, Rule::Action action) {
    Rule rule;
    rule.set_reason(reason);
    rule.set_action(action);
    return rule;
  }
};

}  // namespace embudo::testing
