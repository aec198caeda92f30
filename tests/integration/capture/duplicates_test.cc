// How leads are found to be the same, and what the rules make of it.

#include <map>
#include <optional>
#include <set>

#include "tests/integration/capture/intake_case.h"

namespace embudo::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using type::v1::Message;

class DuplicatesTest : public IntakeCase {};

TEST_F(DuplicatesTest, AHundredIdenticalCapturesLeaveOneLead) {
  constexpr int kCaptures = 100;
  const CaptureLeadRequest request = [] {
    CaptureLeadRequest out;
    *out.mutable_lead() = LeadWith("Acme", "Ada Byron", "ada@acme.example", "+14155552671");
    return out;
  }();
  std::vector<std::string> leads(kCaptures);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kCaptures; ++i) {
    threads.emplace_back([&, i] {
      CaptureLeadRequest mine = request;
      mine.set_request_id(Uuid::V7(Clock::System().Now()).ToString());
      // So many at once are more than a server's queue takes; who is turned away comes again.
      EXPECT_TRUE(Eventually([&] {
        const auto answer = Capture<CaptureLeadResponse>("CaptureService/CaptureLead", mine);
        if (answer.ok()) leads[i] = answer->lead();
        return answer.ok();
      }));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& lead : leads) EXPECT_EQ(lead, leads[0]);
  EXPECT_THAT(ListLeads(), SizeIs(1));
  EXPECT_THAT(TouchesOf(leads[0]), SizeIs(50));  // a page of them
  EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.touch WHERE tenant_id = $1"), kCaptures);
  EXPECT_EQ(CountRows("SELECT count(*) FROM capture.submission WHERE tenant_id = $1 AND outcome = 'CREATED'"), 1);
}

TEST_F(DuplicatesTest, OfManyThatComeAtOnceEachIsDealtWithForItself) {
  constexpr size_t kPersons = 12;
  constexpr size_t kEach = 5;
  std::vector<std::optional<CaptureLeadResponse>> answers(kPersons * kEach);
  absl::Status refused;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < answers.size(); ++i) {
    threads.emplace_back([&, i] {
      CaptureLeadRequest request;
      const std::string person = std::to_string(i % kPersons);
      *request.mutable_lead() = LeadWith("Company " + person, "Ada " + person, "ada" + person + "@acme.example");
      request.set_request_id(Uuid::V7(Clock::System().Now()).ToString());
      EXPECT_TRUE(Eventually([&] {
        const auto answer = Capture<CaptureLeadResponse>("CaptureService/CaptureLead", request);
        if (answer.ok()) answers[i] = *answer;
        return answer.ok();
      }));
    });
  }
  threads.emplace_back([&] {
    CaptureLeadRequest request;
    *request.mutable_lead() = LeadWith("Other", "Bob", "bob@other.example");
    request.mutable_lead()->set_team("teams/none");
    EXPECT_TRUE(Eventually([&] {
      refused = Capture<CaptureLeadResponse>("CaptureService/CaptureLead", request).status();
      return refused.code() != absl::StatusCode::kResourceExhausted;
    }));
  });
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument) << refused;
  std::map<std::string, std::string> lead_of;
  std::map<std::string, int> created;
  for (size_t i = 0; i < answers.size(); ++i) {
    ASSERT_TRUE(answers[i]);
    const std::string person = std::to_string(i % kPersons);
    EXPECT_EQ(lead_of.emplace(person, answers[i]->lead()).first->second, answers[i]->lead()) << person;
    created[person] += answers[i]->outcome() == Submission::OUTCOME_CREATED ? 1 : 0;
  }
  for (const auto& [person, count] : created) EXPECT_EQ(count, 1) << person;
  EXPECT_THAT(ListLeads(), SizeIs(kPersons));
  for (const auto& [person, lead] : lead_of) EXPECT_THAT(TouchesOf(lead), SizeIs(kEach)) << person;
  EXPECT_EQ(CountRows("SELECT count(*) FROM capture.submission WHERE tenant_id = $1 AND outcome = 'REJECTED'"), 1);
  EXPECT_EQ(CountRows("SELECT count(*) FROM capture.submission WHERE tenant_id = $1 AND outcome = ''"), 0);
}

TEST_F(DuplicatesTest, WhatComesAtOnceForLeadsThatAreThereIsAddedToThem) {
  const auto of = [](const std::string& person) {
    CaptureLeadRequest request;
    *request.mutable_lead() = LeadWith("Company " + person, "Ada " + person, "ada" + person + "@acme.example");
    auto& call = *request.mutable_payload()->mutable_phone_call();
    call.set_number("+1415555267" + person);
    request.set_request_id(Uuid::V7(Clock::System().Now()).ToString());
    return request;
  };
  const std::string open = CaptureLead(of("1")).lead();
  const std::string lost = CaptureLead(of("2")).lead();
  pipeline::v1::LoseLeadRequest lose;
  lose.set_name(lost);
  Pipeline<Lead>("LeadService/LoseLead", lose);
  constexpr size_t kEach = 6;
  std::vector<CaptureLeadResponse> answers(2 * kEach);
  std::vector<CaptureLeadRequest> requests;
  for (size_t i = 0; i < answers.size(); ++i) requests.push_back(of(i % 2 == 0 ? "1" : "2"));
  std::vector<std::thread> threads;
  for (size_t i = 0; i < answers.size(); ++i) {
    threads.emplace_back([&, i] {
      EXPECT_TRUE(Eventually([&] {
        const auto answer = Capture<CaptureLeadResponse>("CaptureService/CaptureLead", requests[i]);
        if (answer.ok()) answers[i] = *answer;
        return answer.ok();
      }));
    });
  }
  for (std::thread& thread : threads) thread.join();
  // The story of the lost one has ended: another begins, once.
  std::set<std::string> anew;
  int created = 0;
  for (size_t i = 0; i < answers.size(); ++i) {
    created += answers[i].outcome() == Submission::OUTCOME_CREATED ? 1 : 0;
    if (i % 2 == 1) anew.insert(answers[i].lead());
    if (i % 2 == 1) continue;
    EXPECT_EQ(answers[i].lead(), open);
    EXPECT_EQ(answers[i].outcome(), Submission::OUTCOME_ATTACHED);
  }
  EXPECT_EQ(created, 1);
  ASSERT_THAT(anew, SizeIs(1));
  EXPECT_FALSE(anew.contains(lost));
  EXPECT_THAT(TouchesOf(open), SizeIs(1 + kEach));
  EXPECT_THAT(TouchesOf(lost), SizeIs(1));
  EXPECT_THAT(TouchesOf(*anew.begin()), SizeIs(kEach));
  EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.message WHERE tenant_id = $1 AND type = 'CALL'"), 2 + 2 * kEach);
  // A repeated one gets its answer, and nothing is added.
  EXPECT_EQ(CaptureLead(requests[0]).submission(), answers[0].submission());
  EXPECT_THAT(TouchesOf(open), SizeIs(1 + kEach));
}

TEST_F(DuplicatesTest, OnlyNamesAreOneLeadTooWhereNothingElseIsKnown) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 10; ++i) threads.emplace_back([&] { CaptureOf(LeadWith("Acme Inc", "Ada Byron")); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(ListLeads(), SizeIs(1));
  // Another address is another lead, which may be the same.
  WaitForDuplicates(LeadWith("Acme", "Ada Byron"), 1);
  const CaptureLeadResponse other = CaptureOf(LeadWith("ACME", "Ada Byron", "ada@acme.example"));
  EXPECT_EQ(other.outcome(), Submission::OUTCOME_CREATED);
  EXPECT_THAT(other.duplicates(), SizeIs(1));
}

TEST_F(DuplicatesTest, LeadsThatCameByOtherWaysAreFoundByEachReason) {
  Lead known = LeadWith("Betasoloin GmbH", "Darcel Schlecht", "darcel@betasoloin.example", "(415) 555-2671");
  known.add_external_ids()->set_system("crm");
  known.mutable_external_ids(0)->set_id("7");
  const std::string lead = CreateLead(known);
  WaitForDuplicates(LeadWith("", "", "darcel+x@BETASOLOIN.example"), 1);

  const auto reasons = [&](const Lead& draft) {
    std::vector<int> found;
    for (const Duplicate& duplicate : DuplicatesOf(draft)) {
      EXPECT_EQ(duplicate.lead(), lead);
      EXPECT_EQ(duplicate.state(), Lead::STATE_OPEN);
      found.insert(found.end(), duplicate.reasons().begin(), duplicate.reasons().end());
    }
    return found;
  };
  EXPECT_THAT(reasons(LeadWith("", "", "darcel+x@BETASOLOIN.example")),
              ElementsAre(Duplicate::REASON_EMAIL, Duplicate::REASON_COMPANY_DOMAIN));
  EXPECT_THAT(reasons(LeadWith("", "", "", "+1-415-555-2671 ext 3")), ElementsAre(Duplicate::REASON_PHONE));
  EXPECT_THAT(reasons(LeadWith("Betasolion", "Schlecht, Darcel")), ElementsAre(Duplicate::REASON_COMPANY_AND_PERSON));
  EXPECT_THAT(reasons(LeadWith("", "", "anna@betasoloin.example")), ElementsAre(Duplicate::REASON_COMPANY_DOMAIN));
  Lead by_id;
  by_id.add_external_ids()->set_system("crm");
  by_id.mutable_external_ids(0)->set_id("7");
  EXPECT_THAT(reasons(by_id), ElementsAre(Duplicate::REASON_EXTERNAL_ID));
  EXPECT_THAT(reasons(LeadWith("Betasoloin", "Anna Snelling")), IsEmpty());

  // A lead is no duplicate of itself.
  capture::v1::FindDuplicatesRequest request;
  request.set_lead(lead);
  const auto itself = Capture<capture::v1::FindDuplicatesResponse>("CaptureService/FindDuplicates", request);
  ASSERT_TRUE(itself.ok()) << itself.status();
  EXPECT_THAT(itself->duplicates(), IsEmpty());
}

TEST_F(DuplicatesTest, TheIndexFollowsEditsEndsAndDeletions) {
  const std::string lead = CreateLead(LeadWith("", "", "ada@gmail.com"));
  WaitForDuplicates(LeadWith("", "", "ada@gmail.com"), 1);
  pipeline::v1::UpdateLeadRequest update;
  update.mutable_lead()->set_name(lead);
  update.mutable_lead()->set_email("bob@gmail.com");
  Pipeline<Lead>("LeadService/UpdateLead", update);
  WaitForDuplicates(LeadWith("", "", "bob@gmail.com"), 1);
  EXPECT_EQ(CountRows("SELECT count(*) FROM capture.dedupe_key WHERE tenant_id = $1 AND key = 'ada@gmail.com'"), 0);
  pipeline::v1::LoseLeadRequest lose;
  lose.set_name(lead);
  Pipeline<Lead>("LeadService/LoseLead", lose);
  EXPECT_TRUE(Eventually([&] {
    const auto found = DuplicatesOf(LeadWith("", "", "bob@gmail.com"));
    return found.size() == 1 && found[0].state() == Lead::STATE_LOST;
  }));
  capture::v1::FindDuplicatesRequest open;
  *open.mutable_draft() = LeadWith("", "", "bob@gmail.com");
  open.set_open_only(true);
  EXPECT_THAT(Capture<capture::v1::FindDuplicatesResponse>("CaptureService/FindDuplicates", open)->duplicates(),
              IsEmpty());
  pipeline::v1::DeleteLeadRequest remove;
  remove.set_name(lead);
  Pipeline<Lead>("LeadService/DeleteLead", remove);
  WaitForDuplicates(LeadWith("", "", "bob@gmail.com"), 0);
  EXPECT_EQ(CountRows("SELECT count(*) FROM capture.dedupe_key WHERE tenant_id = $1"), 0);
  EXPECT_EQ(CountRows("SELECT count(*) FROM capture.lead_key WHERE tenant_id = $1"), 0);
}

TEST_F(DuplicatesTest, WhatMayBeTheSameIsFlagged) {
  const std::string known = CreateLead(LeadWith("Acme", "Ada Byron", "ada@acme.example", "+14155552671"));
  WaitForDuplicates(LeadWith("", "", "ada@acme.example"), 1);
  const CaptureLeadResponse response = CaptureOf(LeadWith("", "Bob", "bob@other.example", "415 555 2671"));
  EXPECT_EQ(response.outcome(), Submission::OUTCOME_CREATED);
  ASSERT_THAT(response.duplicates(), SizeIs(1));
  EXPECT_EQ(response.duplicates(0).lead(), known);
  EXPECT_THAT(response.duplicates(0).reasons(), ElementsAre(Duplicate::REASON_PHONE));
  const auto messages = MessagesOf(response.lead());
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(messages[0].type(), Message::TYPE_INTERNAL_NOTE);
  EXPECT_EQ(messages[0].subject(), "Possible duplicate");
  EXPECT_THAT(messages[0].body(), HasSubstr(known + ": the same phone number"));
  EXPECT_THAT(GetSubmission(response.submission()).duplicates(), SizeIs(1));
  // Another person of the company is another lead, and nobody is told.
  EXPECT_THAT(CaptureOf(LeadWith("Acme", "Carl", "carl@acme.example")).duplicates(), IsEmpty());
}

TEST_F(DuplicatesTest, TheTenantsRulesDecide) {
  const std::string known = CreateLead(LeadWith("Acme", "Ada Byron", "ada@acme.example", "+14155552671"));
  WaitForDuplicates(LeadWith("", "", "ada@acme.example"), 1);
  ASSERT_TRUE(SetRules({RuleOf(Duplicate::REASON_EMAIL, Rule::ACTION_CREATE)}).ok());
  const CaptureLeadResponse another = CaptureOf(LeadWith("", "", "ada@acme.example"));
  EXPECT_EQ(another.outcome(), Submission::OUTCOME_CREATED);
  ASSERT_TRUE(SetRules({RuleOf(Duplicate::REASON_PHONE, Rule::ACTION_ATTACH)}).ok());
  const CaptureLeadResponse attached = CaptureOf(LeadWith("", "", "bob@other.example", "+1 415 555 2671"));
  EXPECT_EQ(attached.outcome(), Submission::OUTCOME_ATTACHED);
  EXPECT_EQ(attached.lead(), known);
  ASSERT_TRUE(SetRules({RuleOf(Duplicate::REASON_COMPANY_AND_PERSON, Rule::ACTION_ATTACH)}).ok());
  EXPECT_EQ(CaptureOf(LeadWith("ACME Inc", "Byron, Ada", "a.byron@home.example")).lead(), known);

  Rule by_channel = RuleOf(Duplicate::REASON_EMAIL, Rule::ACTION_CREATE);
  by_channel.set_channel(Lead::CHANNEL_WEB_FORM);
  ASSERT_TRUE(SetRules({by_channel}).ok());
  CaptureLeadRequest form = ByEmail("carl@acme.example");
  (*form.mutable_payload()->mutable_web_form()->mutable_fields())["x"] = "y";
  const std::string first = CaptureLead(form).lead();
  EXPECT_NE(CaptureLead(form).lead(), first);
  EXPECT_EQ(CaptureLead(ByEmail("carl@acme.example")).outcome(), Submission::OUTCOME_ATTACHED);
}

TEST_F(DuplicatesTest, LeadsThatWereApartAreMergedWhereTheRulesSaySo) {
  CaptureLeadRequest by_id;
  by_id.mutable_lead()->add_external_ids()->set_system("crm");
  by_id.mutable_lead()->mutable_external_ids(0)->set_id("7");
  const std::string first = CaptureLead(by_id).lead();
  const std::string second = CaptureLead(ByEmail("ada@example.com")).lead();
  ASSERT_NE(first, second);
  ASSERT_TRUE(SetRules({RuleOf(Duplicate::REASON_EMAIL, Rule::ACTION_MERGE)}).ok());
  by_id.mutable_lead()->set_email("ada@example.com");
  const CaptureLeadResponse merged = CaptureLead(by_id);
  EXPECT_EQ(merged.outcome(), Submission::OUTCOME_MERGED);
  EXPECT_EQ(GetLead(first).name(), merged.lead());
  EXPECT_EQ(GetLead(second).name(), merged.lead());
  EXPECT_EQ(GetLead(merged.lead()).email(), "ada@example.com");
  EXPECT_THAT(TouchesOf(merged.lead()), SizeIs(3));
  EXPECT_EQ(CaptureLead(by_id).outcome(), Submission::OUTCOME_ATTACHED);
  EXPECT_EQ(CaptureLead(ByEmail("ada@example.com")).lead(), merged.lead());
}

TEST_F(DuplicatesTest, AnExternalIdThatCameAnotherWayIsFoundAtOnce) {
  Lead known;
  known.add_external_ids()->set_system("crm");
  known.mutable_external_ids(0)->set_id("9");
  for (int i = 0; i < 5; ++i) {
    known.mutable_external_ids(0)->set_id(std::to_string(i));
    const std::string lead = CreateLead(known);
    const CaptureLeadResponse response = CaptureOf(known);
    EXPECT_EQ(response.lead(), lead);
    EXPECT_EQ(response.outcome(), Submission::OUTCOME_ATTACHED);
  }
  // A lead that has ended keeps its ids; what comes after it is a new one all the same.
  const std::string ended = ListLeads()[0].name();
  known.mutable_external_ids(0)->CopyFrom(GetLead(ended).external_ids(0));
  pipeline::v1::DeleteLeadRequest remove;
  remove.set_name(ended);
  Pipeline<Lead>("LeadService/DeleteLead", remove);
  const CaptureLeadResponse after = CaptureOf(known);
  EXPECT_EQ(after.outcome(), Submission::OUTCOME_CREATED);
  EXPECT_EQ(CaptureOf(known).lead(), after.lead());
}

TEST_F(DuplicatesTest, SettingsHaveAnEtagAndDefaults) {
  const auto before = Capture<capture::v1::CaptureSettings>("CaptureService/GetCaptureSettings",
                                                            capture::v1::GetCaptureSettingsRequest());
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_THAT(before->duplicate_rules(), IsEmpty());
  EXPECT_THAT(before->default_duplicate_rules(), SizeIs(6));
  const auto saved = SetRules({RuleOf(Duplicate::REASON_EMAIL, Rule::ACTION_FLAG)}, before->etag());
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_NE(saved->etag(), before->etag());
  EXPECT_EQ(ReasonOf(SetRules({}, before->etag()).status()), "STALE_ETAG");
  ASSERT_TRUE(SetRules({}, saved->etag()).ok());
  EXPECT_EQ(ReasonOf(SetRules({Rule()}).status()), "INVALID_FIELD");
  rpc::Identity rep = admin_;
  rep.roles = {type::v1::ROLE_REP};
  capture::v1::UpdateCaptureSettingsRequest request;
  request.mutable_settings();
  EXPECT_EQ(
      capture_
          ->Call<capture::v1::CaptureSettings>("embudo.capture.v1.CaptureService/UpdateCaptureSettings", rep, request)
          .status()
          .code(),
      absl::StatusCode::kPermissionDenied);
}

TEST_F(DuplicatesTest, ARequestIsALeadOrADraft) {
  const auto find = [&](const capture::v1::FindDuplicatesRequest& request) {
    return Capture<capture::v1::FindDuplicatesResponse>("CaptureService/FindDuplicates", request).status();
  };
  capture::v1::FindDuplicatesRequest request;
  EXPECT_EQ(ReasonOf(find(request)), "INVALID_FIELD");
  request.set_lead("leads/" + Uuid::V7(Clock::System().Now()).ToString());
  EXPECT_EQ(find(request).code(), absl::StatusCode::kNotFound);
  request.mutable_draft();
  EXPECT_EQ(ReasonOf(find(request)), "INVALID_FIELD");
  request.clear_lead();
  request.mutable_draft()->set_email("nonsense");
  EXPECT_EQ(ReasonOf(find(request)), "INVALID_FIELD");
}

}  // namespace
}  // namespace embudo::testing
