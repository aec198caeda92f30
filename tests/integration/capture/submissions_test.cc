// What is kept of what came in: byte by byte, whatever became of it, and to be dealt with again.

#include "services/capture/events/intake.h"
#include "services/capture/events/sweeper.h"
#include "tests/integration/capture/intake_case.h"

namespace embudo::testing {
namespace {

using capture::events::Bringer;
using capture::events::Intake;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SubmissionsTest : public IntakeCase {
 protected:
  void SetUp() override {
    IntakeCase::SetUp();
    store_ = std::make_unique<capture::storage::SubmissionStore>(*pool_);
    intake_ = std::make_unique<Intake>(*store_, *pipeline_, Clock::System());
  }
  /// The service itself, as a form or a mailbox is.
  Bringer Self() const { return {tenant_, capture::events::CaptureIdentity(tenant_), db::After(kPatience)}; }
  absl::StatusOr<capture::v1::GetSubmissionContentResponse> Content(const std::string& submission, int64_t offset) {
    capture::v1::GetSubmissionContentRequest request;
    request.set_name(submission);
    request.set_offset(offset);
    return Capture<capture::v1::GetSubmissionContentResponse>("CaptureService/GetSubmissionContent", request);
  }
  absl::StatusOr<Submission> Replay(const std::string& submission, bool validate_only = false) {
    capture::v1::ReplaySubmissionRequest request;
    request.set_name(submission);
    request.set_validate_only(validate_only);
    return Capture<Submission>("CaptureService/ReplaySubmission", request);
  }
  absl::Status AsRep(const std::string& method, const google::protobuf::Message& request,
                     google::protobuf::Message* response) {
    rpc::Identity rep = admin_;
    rep.roles = {type::v1::ROLE_REP};
    return capture_->Call("embudo.capture.v1.CaptureService/" + method, rep, request, response);
  }

  const std::unique_ptr<db::Pool> pool_ = installation_->database->PoolAs("capture_worker", 4);
  std::unique_ptr<capture::storage::SubmissionStore> store_;
  std::unique_ptr<Intake> intake_;
};

TEST_F(SubmissionsTest, WhatCameIsKeptByteByByte) {
  std::string bytes(2'500'000, 'x');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 % 256);
  const auto taken = intake_->Take(Self(), ByEmail("ada@example.com"), {"message/rfc822", bytes});
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->outcome(), Submission::OUTCOME_CREATED);
  const Submission submission = GetSubmission(taken->submission());
  EXPECT_EQ(submission.raw_content_type(), "message/rfc822");
  EXPECT_EQ(submission.raw_size_bytes(), static_cast<int64_t>(bytes.size()));
  std::string read;
  while (read.size() < bytes.size()) {
    const auto piece = Content(submission.name(), static_cast<int64_t>(read.size()));
    ASSERT_TRUE(piece.ok()) << piece.status();
    EXPECT_EQ(piece->content_type(), "message/rfc822");
    EXPECT_EQ(piece->size_bytes(), static_cast<int64_t>(bytes.size()));
    ASSERT_FALSE(piece->data().empty());
    ASSERT_LE(piece->data().size(), size_t{1} << 20);
    read += piece->data();
  }
  EXPECT_EQ(read, bytes);
  EXPECT_EQ(Content(submission.name(), 1LL << 40)->data(), "");

  EXPECT_EQ(ReasonOf(Content(CaptureLead(ByEmail("bob@example.com")).submission(), 0).status()), "NO_RAW_CONTENT");
  capture::v1::GetSubmissionContentRequest request;
  request.set_name(submission.name());
  capture::v1::GetSubmissionContentResponse response;
  EXPECT_EQ(AsRep("GetSubmissionContent", request, &response).code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(
      intake_
          ->Take(Self(), ByEmail("x@example.com"), {"text/plain", std::string(capture::storage::kMaxRawBytes + 1, 'x')})
          .status()
          .code(),
      absl::StatusCode::kInvalidArgument);
}

TEST_F(SubmissionsTest, WhatBecomesNoLeadIsKeptWithItsReason) {
  const std::string lead = CaptureLead(ByEmail("ada@example.com")).lead();
  CaptureLeadRequest request;
  request.mutable_payload()->mutable_email()->set_subject("Undelivered");
  request.set_request_id(Uuid::V7(Clock::System().Now()).ToString());
  const auto kept = intake_->Keep(Self(), request, Submission::OUTCOME_IGNORED, "a bounce", lead, {"text/plain", "x"});
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->lead(), lead);
  EXPECT_EQ(kept->reason(), "a bounce");
  const Submission submission = GetSubmission(kept->submission());
  EXPECT_EQ(submission.outcome(), Submission::OUTCOME_IGNORED);
  EXPECT_EQ(submission.channel(), Lead::CHANNEL_EMAIL);
  // The same again is the first one, whatever is said of it.
  const auto again = intake_->Keep(Self(), request, Submission::OUTCOME_SPAM, "spam");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->submission(), kept->submission());
  EXPECT_EQ(again->outcome(), Submission::OUTCOME_IGNORED);
  const auto spam = intake_->Keep(Self(), CaptureLeadRequest(), Submission::OUTCOME_SPAM, "a honeypot was filled in");
  ASSERT_TRUE(spam.ok()) << spam.status();
  EXPECT_EQ(GetSubmission(spam->submission()).lead(), "");
  EXPECT_THAT(ListLeads(), SizeIs(1));
}

TEST_F(SubmissionsTest, OneThatWasRejectedIsReplayedOnce) {
  CaptureLeadRequest request = ByEmail("ada@example.com");
  (*request.mutable_payload()->mutable_web_form()->mutable_fields())["x"] = "y";
  const auto spam = intake_->Keep(Self(), request, Submission::OUTCOME_SPAM, "looked like it");
  ASSERT_TRUE(spam.ok()) << spam.status();
  const auto foreseen = Replay(spam->submission(), true);
  ASSERT_TRUE(foreseen.ok()) << foreseen.status();
  EXPECT_EQ(foreseen->outcome(), Submission::OUTCOME_CREATED);
  EXPECT_EQ(GetSubmission(spam->submission()).outcome(), Submission::OUTCOME_SPAM);
  EXPECT_THAT(ListLeads(), IsEmpty());

  const auto replayed = Replay(spam->submission());
  ASSERT_TRUE(replayed.ok()) << replayed.status();
  EXPECT_EQ(replayed->outcome(), Submission::OUTCOME_CREATED);
  EXPECT_EQ(replayed->reason(), "");
  EXPECT_EQ(GetLead(replayed->lead()).email(), "ada@example.com");
  const auto again = Replay(spam->submission());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->SerializeAsString(), replayed->SerializeAsString());
  EXPECT_THAT(ListLeads(), SizeIs(1));
  EXPECT_THAT(TouchesOf(replayed->lead()), SizeIs(1));

  EXPECT_EQ(Replay("submissions/" + Uuid::V7(Clock::System().Now()).ToString()).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(Replay("leads/x").status()), "INVALID_FIELD");
}

TEST_F(SubmissionsTest, AReplayReadsTheContentByTheMappingThatIsThereNow) {
  CaptureLeadRequest request;
  request.mutable_payload()->mutable_webhook()->set_hook("hooks/1");
  const auto rejected = intake_->Take(Self(), request, {"application/json", "{\"mail\": \"ada@example.com\"}"});
  ASSERT_TRUE(rejected.ok()) << rejected.status();
  EXPECT_EQ(rejected->outcome(), Submission::OUTCOME_REJECTED);
  const std::string id = rejected->submission().substr(rejected->submission().find('/') + 1);
  const auto same = intake_->Replay(Self(), id, false);
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_EQ(same->outcome(), Submission::OUTCOME_REJECTED);

  intake_->ReadBy(capture::v1::Payload::kWebhook,
                  [](const Bringer&, const capture::storage::SubmissionRecord& submission,
                     const capture::events::Raw& raw) -> absl::StatusOr<CaptureLeadRequest> {
                    EXPECT_EQ(raw.content_type, "application/json");
                    EXPECT_THAT(raw.bytes, HasSubstr("ada@example.com"));
                    CaptureLeadRequest mended = submission.request;
                    mended.mutable_lead()->set_email("ada@example.com");
                    return mended;
                  });
  const auto mended = intake_->Replay(Self(), id, false);
  ASSERT_TRUE(mended.ok()) << mended.status();
  EXPECT_EQ(mended->outcome(), Submission::OUTCOME_CREATED);
  EXPECT_EQ(GetLead(mended->lead()).channel(), Lead::CHANNEL_WEBHOOK);
}

TEST_F(SubmissionsTest, WhatThePipelineRefusesIsToldAndKept) {
  CaptureLeadRequest request = ByEmail("ada@example.com");
  request.mutable_lead()->set_team("teams/none");
  EXPECT_EQ(Capture<CaptureLeadResponse>("CaptureService/CaptureLead", request).status().code(),
            absl::StatusCode::kInvalidArgument);
  capture::v1::ListSubmissionsRequest list;
  const auto kept = Capture<capture::v1::ListSubmissionsResponse>("CaptureService/ListSubmissions", list);
  ASSERT_TRUE(kept.ok()) << kept.status();
  ASSERT_THAT(kept->submissions(), SizeIs(1));
  EXPECT_EQ(kept->submissions(0).outcome(), Submission::OUTCOME_REJECTED);
  EXPECT_THAT(kept->submissions(0).reason(), HasSubstr("there is no teams/none"));
  // Once the team is there, it can be replayed.
  pipeline::v1::CreateTeamRequest team;
  team.mutable_team()->set_display_name("None");
  team.set_team_id("none");
  Pipeline<type::v1::Team>("TeamService/CreateTeam", team);
  const auto replayed = Replay(kept->submissions(0).name());
  ASSERT_TRUE(replayed.ok()) << replayed.status();
  EXPECT_EQ(replayed->outcome(), Submission::OUTCOME_CREATED);
  EXPECT_THAT(ListLeads(), SizeIs(1));
}

TEST_F(SubmissionsTest, WhatBrokeOffIsTakenUpAgain) {
  capture::storage::SubmissionRecord submission;
  submission.request = ByEmail("ada@example.com");
  submission.channel = Lead::CHANNEL_API;
  const auto begun = store_->Begin(tenant_, submission, {}, Clock::System().Now(), db::After(kPatience));
  ASSERT_TRUE(begun.ok()) << begun.status();
  EXPECT_THAT(ListLeads(), IsEmpty());
  capture::events::Sweeper sweeper(*store_, *intake_, Clock::System(),
                                   {.age = std::chrono::milliseconds(0), .every = std::chrono::milliseconds(50)});
  sweeper.Start();
  EXPECT_TRUE(
      Eventually([&] { return GetSubmission("submissions/" + begun->id).outcome() == Submission::OUTCOME_CREATED; }));
  sweeper.Stop();
  EXPECT_THAT(ListLeads(), SizeIs(1));
  EXPECT_EQ(GetSubmission("submissions/" + begun->id).lead(), "leads/" + begun->lead_id);
}

TEST_F(SubmissionsTest, AThrowAwayAddressIsToldOf) {
  const CaptureLeadResponse response = CaptureLead(ByEmail("x@mailinator.com"));
  EXPECT_THAT(response.warnings(), SizeIs(1));
  EXPECT_THAT(GetSubmission(response.submission()).warnings(), SizeIs(1));
}

}  // namespace
}  // namespace embudo::testing
