// A person who is erased by the pipeline service is gone from what came in, too.

#include "embudo/pipeline/v1/privacy_service.pb.h"
#include "tests/integration/capture/suite.h"

namespace embudo::testing {
namespace {

using capture::v1::Submission;
using pipeline::v1::ErasePersonRequest;
using pipeline::v1::ErasePersonResponse;

constexpr char kPlanted[] = "qzvanished";
constexpr char kAddress[] = "qzvanished@example.com";

class CaptureErasureTest : public CaptureTest {
 protected:
  /// A form filled in by the person.
  CaptureLeadRequest Form() const {
    CaptureLeadRequest request = ByEmail(kAddress);
    (*request.mutable_payload()->mutable_web_form()->mutable_fields())["message"] = "I am qzvanished";
    return request;
  }
  void Erase() {
    ErasePersonRequest request;
    request.set_email(kAddress);
    request.set_reason("case 7");
    EXPECT_TRUE(Pipeline<ErasePersonResponse>("PrivacyService/ErasePerson", request).done());
  }
  /// Rows of the capture schema that hold the text.
  int Count(const std::string& text) const {
    const auto rows =
        db::Exec(*installation_->sql, "", db::After(kPatience),
                 "SELECT (SELECT count(*) FROM capture.submission WHERE tenant_id = $1"
                 " AND position(convert_to($2, 'UTF8') IN request) > 0)"
                 " + (SELECT count(*) FROM capture.dedupe_key WHERE tenant_id = $1 AND key LIKE '%' || $2 ||"
                 " '%') + (SELECT count(*) FROM capture.lead_key WHERE tenant_id = $1 AND key LIKE '%' || $2 || '%')"
                 " + (SELECT count(*) FROM capture.submission_raw WHERE tenant_id = $1"
                 " AND position(convert_to($2, 'UTF8') IN bytes) > 0)",
                 db::Params::Of(tenant_, text));
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows.ok() ? static_cast<int>((*rows)[0].Int(0)) : -1;
  }
};

TEST_F(CaptureErasureTest, SubmissionsOfThePersonAreEmptied) {
  const CaptureLeadResponse first = CaptureLead(Form());
  CaptureLead(ByEmail("ana@example.com"));
  ASSERT_GE(Count(kPlanted), 2);
  Erase();
  EXPECT_TRUE(Eventually([&] { return Count(kPlanted) == 0; }));
  EXPECT_GE(Count("ana@example.com"), 2);
  capture::v1::GetSubmissionRequest get;
  get.set_name(first.submission());
  const auto submission = Capture<Submission>("CaptureService/GetSubmission", get);
  ASSERT_TRUE(submission.ok()) << submission.status();
  EXPECT_EQ(submission->outcome(), Submission::OUTCOME_CREATED);
  EXPECT_EQ(submission->channel(), Lead::CHANNEL_WEB_FORM);
}

TEST_F(CaptureErasureTest, OthersDoNotBringThePersonBackAndThePersonMay) {
  CaptureLead(Form());
  Erase();
  ASSERT_TRUE(Eventually([&] { return Count(kPlanted) == 0; }));
  CaptureLeadRequest by_hand = ByEmail(kAddress);
  by_hand.mutable_payload()->mutable_manual();
  const CaptureLeadResponse refused = CaptureLead(by_hand);
  EXPECT_EQ(refused.outcome(), Submission::OUTCOME_REJECTED);
  EXPECT_EQ(refused.reason(), "SUPPRESSED");
  EXPECT_EQ(refused.lead(), "");
  EXPECT_EQ(Count(kPlanted), 0);
  const CaptureLeadResponse welcome = CaptureLead(Form());
  EXPECT_EQ(welcome.outcome(), Submission::OUTCOME_CREATED);
  EXPECT_EQ(GetLead(welcome.lead()).email(), kAddress);
}

}  // namespace
}  // namespace embudo::testing
