// Leads from their channels, all the way into the pipeline service.

#include "tests/integration/capture/suite.h"

namespace embudo::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(CaptureTest, ALeadIsCreatedInItsNormalForm) {
  CaptureLeadRequest request = ByEmail("Moses.Frase@Example.COM");
  request.mutable_lead()->set_company_name("Acme");
  request.mutable_touch()->set_source("Google");
  request.mutable_touch()->set_campaign("Spring");
  (*request.mutable_payload()->mutable_web_form()->mutable_fields())["message"] = "Call me";
  const CaptureLeadResponse response = CaptureLead(request);
  EXPECT_EQ(response.outcome(), Submission::OUTCOME_CREATED);
  const Lead lead = GetLead(response.lead());
  EXPECT_EQ(lead.email(), "moses.frase@example.com");
  EXPECT_EQ(lead.display_name(), "Acme");
  EXPECT_EQ(lead.kind(), Lead::KIND_LEAD);
  EXPECT_EQ(lead.channel(), Lead::CHANNEL_WEB_FORM);
  EXPECT_EQ(lead.source(), "google");
  EXPECT_EQ(lead.campaign(), "spring");

  capture::v1::GetSubmissionRequest get;
  get.set_name(response.submission());
  const auto submission = Capture<Submission>("CaptureService/GetSubmission", get);
  ASSERT_TRUE(submission.ok()) << submission.status();
  EXPECT_EQ(submission->payload().web_form().fields().at("message"), "Call me");
  EXPECT_EQ(submission->lead(), response.lead());
  EXPECT_EQ(submission->channel(), Lead::CHANNEL_WEB_FORM);
}

TEST_F(CaptureTest, TheSamePersonIsAttached) {
  const std::string lead = CaptureLead(ByEmail("ada@example.com")).lead();
  const CaptureLeadResponse again = CaptureLead(ByEmail("ADA+news@example.com"));
  EXPECT_EQ(again.outcome(), Submission::OUTCOME_ATTACHED);
  EXPECT_EQ(again.lead(), lead);
  EXPECT_EQ(CaptureLead(ByEmail("bob@example.com")).outcome(), Submission::OUTCOME_CREATED);
  EXPECT_EQ(ListLeads().size(), 2u);

  capture::v1::ListSubmissionsRequest list;
  list.set_lead(lead);
  list.set_page_size(1);
  const auto first = Capture<capture::v1::ListSubmissionsResponse>("CaptureService/ListSubmissions", list);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_EQ(first->submissions_size(), 1);
  EXPECT_EQ(first->submissions(0).outcome(), Submission::OUTCOME_ATTACHED);
  list.set_page_token(first->next_page_token());
  const auto second = Capture<capture::v1::ListSubmissionsResponse>("CaptureService/ListSubmissions", list);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->submissions(0).outcome(), Submission::OUTCOME_CREATED);
  EXPECT_EQ(second->next_page_token(), "");
  list.set_lead("");
  EXPECT_EQ(ReasonOf(Capture<capture::v1::ListSubmissionsResponse>("CaptureService/ListSubmissions", list).status()),
            "INVALID_FIELD");
}

TEST_F(CaptureTest, ExternalIdsWeighMoreThanAddresses) {
  CaptureLeadRequest request = ByEmail("ada@example.com");
  auto* id = request.mutable_lead()->add_external_ids();
  id->set_system("crm");
  id->set_id("7");
  const std::string lead = CaptureLead(request).lead();
  const std::string other = CaptureLead(ByEmail("bob@example.com")).lead();
  request.mutable_lead()->set_email("bob@example.com");
  EXPECT_EQ(CaptureLead(request).lead(), lead);
  EXPECT_EQ(CaptureLead(ByEmail("bob@example.com")).lead(), other);
}

TEST_F(CaptureTest, ALeadThatCameAnotherWayIsFoundByItsAddress) {
  pipeline::v1::CreateLeadRequest create;
  create.mutable_lead()->set_display_name("By hand");
  create.mutable_lead()->set_email("ada@example.com");
  const std::string lead = Pipeline<Lead>("LeadService/CreateLead", create).name();
  const CaptureLeadResponse response = CaptureLead(ByEmail("ada@example.com"));
  EXPECT_EQ(response.outcome(), Submission::OUTCOME_ATTACHED);
  EXPECT_EQ(response.lead(), lead);
  EXPECT_EQ(CaptureLead(ByEmail("ada+x@example.com")).lead(), lead);
}

TEST_F(CaptureTest, AClosedLeadIsFollowedByANewOne) {
  const std::string lead = CaptureLead(ByEmail("ada@example.com")).lead();
  pipeline::v1::LoseLeadRequest lose;
  lose.set_name(lead);
  Pipeline<Lead>("LeadService/LoseLead", lose);
  const CaptureLeadResponse next = CaptureLead(ByEmail("ada@example.com"));
  EXPECT_EQ(next.outcome(), Submission::OUTCOME_CREATED);
  EXPECT_NE(next.lead(), lead);
  EXPECT_EQ(CaptureLead(ByEmail("ada@example.com")).lead(), next.lead());

  pipeline::v1::DeleteLeadRequest remove;
  remove.set_name(next.lead());
  Pipeline<Lead>("LeadService/DeleteLead", remove);
  EXPECT_EQ(CaptureLead(ByEmail("ada@example.com")).outcome(), Submission::OUTCOME_CREATED);
}

TEST_F(CaptureTest, TwoThatRaceEndAsOneLead) {
  constexpr int kRacers = 8;
  std::vector<CaptureLeadResponse> responses(kRacers);
  for (int round = 0; round < 5; ++round) {
    std::vector<std::thread> racers;
    for (int i = 0; i < kRacers; ++i) {
      racers.emplace_back([&, i] {
        responses[static_cast<size_t>(i)] = CaptureLead(ByEmail("racer" + std::to_string(round) + "@example.com"));
      });
    }
    for (std::thread& racer : racers) racer.join();
    int created = 0;
    for (const CaptureLeadResponse& response : responses) {
      EXPECT_EQ(response.lead(), responses[0].lead());
      created += response.outcome() == Submission::OUTCOME_CREATED ? 1 : 0;
    }
    EXPECT_EQ(created, 1);
  }
  EXPECT_EQ(ListLeads().size(), 5u);
  EXPECT_EQ(CountRows("SELECT count(*) FROM capture.submission WHERE tenant_id = $1 AND outcome <> ''"), 5 * kRacers);
}

TEST_F(CaptureTest, ARequestIdIsDoneOnce) {
  CaptureLeadRequest request;
  request.mutable_lead()->set_contact_name("Nobody's address");
  request.set_request_id(Uuid::V7(Clock::System().Now()).ToString());
  const CaptureLeadResponse first = CaptureLead(request);
  EXPECT_EQ(CaptureLead(request).SerializeAsString(), first.SerializeAsString());
  EXPECT_EQ(ListLeads().size(), 1u);
  request.mutable_lead()->set_contact_name("Another");
  EXPECT_EQ(ReasonOf(Capture<CaptureLeadResponse>("CaptureService/CaptureLead", request).status()),
            "REQUEST_ID_REUSED");
}

TEST_F(CaptureTest, NothingIsThrownAway) {
  CaptureLeadRequest request;
  (*request.mutable_payload()->mutable_web_form()->mutable_fields())["x"] = "y";
  const CaptureLeadResponse response = CaptureLead(request);
  EXPECT_EQ(response.outcome(), Submission::OUTCOME_REJECTED);
  EXPECT_THAT(response.reason(), HasSubstr("names neither a person nor a company"));
  EXPECT_EQ(response.lead(), "");
  capture::v1::GetSubmissionRequest get;
  get.set_name(response.submission());
  EXPECT_EQ(Capture<Submission>("CaptureService/GetSubmission", get)->payload().web_form().fields().at("x"), "y");
  EXPECT_THAT(ListLeads(), IsEmpty());
  EXPECT_EQ(Capture<CaptureLeadResponse>("CaptureService/CaptureLead", ByEmail("not mail")).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(CaptureTest, ValidateOnlyDoesNothing) {
  CaptureLeadRequest request = ByEmail("ada@example.com");
  request.set_validate_only(true);
  EXPECT_EQ(CaptureLead(request).outcome(), Submission::OUTCOME_CREATED);
  EXPECT_EQ(CountRows("SELECT count(*) FROM capture.submission WHERE tenant_id = $1"), 0);
  const std::string lead = CaptureLead(ByEmail("ada@example.com")).lead();
  const CaptureLeadResponse foreseen = CaptureLead(request);
  EXPECT_EQ(foreseen.outcome(), Submission::OUTCOME_ATTACHED);
  EXPECT_EQ(foreseen.lead(), lead);
}

TEST_F(CaptureTest, OtherTenantsSeeNothing) {
  const CaptureLeadResponse response = CaptureLead(ByEmail("ada@example.com"));
  const auto file = Upload("id,stage\n");
  rpc::Identity stranger = admin_;
  stranger.tenant = "other-" + tenant_.substr(0, 20);
  capture::v1::GetSubmissionRequest get;
  get.set_name(response.submission());
  EXPECT_EQ(capture_->Call<Submission>("embudo.capture.v1.CaptureService/GetSubmission", stranger, get).status().code(),
            absl::StatusCode::kNotFound);
  capture::v1::GetFileRequest get_file;
  get_file.set_name(file->name());
  EXPECT_EQ(
      capture_->Call<capture::v1::File>("embudo.capture.v1.ImportService/GetFile", stranger, get_file).status().code(),
      absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace embudo::testing
