// What capture's own checks refuse, by code, reason and field. What the contract's options refuse (roles, required
// fields, request ids that are none, other tenants) is looked at for all services together.

#include "embudo/capture/v1/import_mapping_service.pb.h"
#include "tests/integration/capture/suite.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ErrorsTest : public CaptureTest {
 protected:
  static constexpr char kNobody[] = "018f0000-0000-7000-8000-000000000000";
  static constexpr char kCsv[] = "id,title,stage\nD1,Looms,New\nD2,Engines,New\n";

  /// `NOT_FOUND RESOURCE_NOT_FOUND`, with the fields that are named after it; `OK` if it is none.
  template <class Response>
  std::string ErrorOf(const std::string& method, const google::protobuf::Message& request) {
    const absl::Status status = Capture<Response>(method, request).status();
    if (status.ok()) return "OK";
    std::string text = absl::StatusCodeToString(status.code()) + " " + ReasonOf(status);
    google::rpc::BadRequest bad_request;
    const google::rpc::Status sent = ToRpcStatus(status);
    for (const auto& detail : sent.details()) detail.UnpackTo(&bad_request);
    for (const auto& violation : bad_request.field_violations()) text += " " + violation.field();
    return text;
  }
  std::string FileOf(const std::string& content) {
    const auto file = Upload(content);
    EXPECT_TRUE(file.ok()) << file.status();
    return file.ok() ? file->name() : "";
  }
  static capture::v1::ImportMapping Mapping() {
    return MappingFromJson(R"({"target": "TARGET_OPPORTUNITY", "system": "crm", "idColumn": "id",
        "columns": [{"column": "title", "field": "display_name"}],
        "pipeline": {"id": "default", "stageColumn": "stage"}})");
  }
  /// A page token as the service makes them, of any place: eight digits of a check, and the place, in hexadecimal.
  static std::string Forged(const std::string& place, const std::string& query) {
    const uint32_t crc = Crc32c(place, Crc32c(query));
    std::string token;
    char digits[9];
    std::snprintf(digits, sizeof digits, "%08x", crc);
    token += digits;
    for (const char byte : place) {
      std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
      token += digits;
    }
    return token;
  }
};

TEST_F(ErrorsTest, Suggestions) {
  using Response = capture::v1::SuggestMappingResponse;
  constexpr char kMethod[] = "ImportService/SuggestMapping";
  capture::v1::SuggestMappingRequest request;
  request.set_file("files/none");
  EXPECT_EQ(ErrorOf<Response>(kMethod, request), "NOT_FOUND RESOURCE_NOT_FOUND");
  request.set_file(std::string("files/") + kNobody);
  EXPECT_EQ(ErrorOf<Response>(kMethod, request), "NOT_FOUND RESOURCE_NOT_FOUND");
  request.set_file("leads/1");
  EXPECT_EQ(ErrorOf<Response>(kMethod, request), "INVALID_ARGUMENT INVALID_FIELD file");
  request.set_file(FileOf("colour,shape\nred,round\n"));
  EXPECT_EQ(ErrorOf<Response>(kMethod, request), "INVALID_ARGUMENT UNKNOWN_SOURCE file");
  request.set_preset("importPresets/none");
  EXPECT_EQ(ErrorOf<Response>(kMethod, request), "INVALID_ARGUMENT UNKNOWN_SOURCE preset");
  request.set_file(
      FileOf("Id,IsDeleted,Name,StageName,Amount,CloseDate,IsClosed,IsWon\n"
             "0065g00000AAAAA,false,Looms,Negotiation,5000,2024-06-30,false,false\n"));
  request.clear_preset();
  EXPECT_EQ(ErrorOf<Response>(kMethod, request), "OK");
  admin_.tenant = "another";
  EXPECT_EQ(ErrorOf<Response>(kMethod, request), "NOT_FOUND RESOURCE_NOT_FOUND");
}

TEST_F(ErrorsTest, PresetsComeInPagesAndNoTokenLeadsBeyondThem) {
  using Response = capture::v1::ListImportPresetsResponse;
  constexpr char kMethod[] = "ImportService/ListImportPresets";
  capture::v1::ListImportPresetsRequest request;
  const auto all = Capture<Response>(kMethod, request);
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_GT(all->import_presets_size(), 20);
  EXPECT_THAT(all->next_page_token(), IsEmpty());
  request.set_page_size(7);
  int found = 0;
  do {
    const auto page = Capture<Response>(kMethod, request);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const auto& preset : page->import_presets()) {
      EXPECT_EQ(preset.name(), all->import_presets(found++).name());
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(found, all->import_presets_size());
  request.set_page_token("none");
  EXPECT_EQ(ErrorOf<Response>(kMethod, request), "INVALID_ARGUMENT INVALID_FIELD page_token");
  for (const char* place : {"-5", "x", "", "99999999999999999999", "1x"}) {
    request.set_page_token(Forged(place, "importPresets"));
    EXPECT_EQ(ErrorOf<Response>(kMethod, request), "INVALID_ARGUMENT INVALID_FIELD page_token") << place;
  }
  request.set_page_token(Forged("4000000000", "importPresets"));
  const auto beyond = Capture<Response>(kMethod, request);
  ASSERT_TRUE(beyond.ok()) << beyond.status();
  EXPECT_EQ(beyond->import_presets_size(), 0);
}

TEST_F(ErrorsTest, ImportsAndWhatBecameOfTheirRows) {
  capture::v1::ImportLeadsRequest import;
  import.set_file(FileOf(kCsv));
  EXPECT_EQ(ErrorOf<Operation>("ImportService/ImportLeads", import), "INVALID_ARGUMENT INVALID_FIELD mapping");
  *import.mutable_mapping() = Mapping();
  import.set_saved_mapping("importMappings/none");
  EXPECT_EQ(ErrorOf<Operation>("ImportService/ImportLeads", import), "INVALID_ARGUMENT INVALID_FIELD mapping");
  import.clear_mapping();
  EXPECT_EQ(ErrorOf<Operation>("ImportService/ImportLeads", import), "NOT_FOUND RESOURCE_NOT_FOUND");
  import.clear_saved_mapping();
  *import.mutable_mapping() = Mapping();
  import.mutable_mapping()->mutable_rows()->set_column("colour");
  import.mutable_mapping()->mutable_rows()->add_values("red");
  import.mutable_mapping()->mutable_columns(0)->set_field("nothing");
  EXPECT_EQ(ErrorOf<Operation>("ImportService/ImportLeads", import),
            "INVALID_ARGUMENT INVALID_MAPPING mapping.rows.column mapping.columns[0].field");
  *import.mutable_mapping() = Mapping();
  import.set_request_id(Uuid::V7(Clock::System().Now()).ToString());
  const auto first = Capture<Operation>("ImportService/ImportLeads", import);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(Capture<Operation>("ImportService/ImportLeads", import)->name(), first->name());
  import.set_dry_run(true);
  EXPECT_EQ(ErrorOf<Operation>("ImportService/ImportLeads", import), "INVALID_ARGUMENT REQUEST_ID_REUSED request_id");
  WaitFor(first->name());

  capture::v1::DownloadImportResultsRequest results;
  capture::v1::DownloadRefusedRowsRequest refused;
  using Results = capture::v1::DownloadImportResultsResponse;
  using Refused = capture::v1::DownloadRefusedRowsResponse;
  const std::string of_results = "ImportService/DownloadImportResults";
  const std::string of_refused = "ImportService/DownloadRefusedRows";
  for (const std::string name : {"files/x", "operations/"}) {
    results.set_name(name);
    refused.set_name(name);
    EXPECT_EQ(ErrorOf<Results>(of_results, results).substr(0, 16), "INVALID_ARGUMENT") << name;
    EXPECT_EQ(ErrorOf<Refused>(of_refused, refused).substr(0, 16), "INVALID_ARGUMENT") << name;
  }
  results.set_name(std::string("operations/") + kNobody);
  refused.set_name(results.name());
  EXPECT_EQ(ErrorOf<Results>(of_results, results), "NOT_FOUND RESOURCE_NOT_FOUND");
  EXPECT_EQ(ErrorOf<Refused>(of_refused, refused), "NOT_FOUND RESOURCE_NOT_FOUND");
  results.set_name(first->name());
  refused.set_name(first->name());
  EXPECT_EQ(ErrorOf<Results>(of_results, results), "OK");
  EXPECT_EQ(ErrorOf<Refused>(of_refused, refused), "OK");
  for (const char* place : {"-5", "x", "99999999999999999999"}) {
    results.set_page_token(Forged(place, first->name()));
    refused.set_page_token(Forged(place, first->name()));
    EXPECT_EQ(ErrorOf<Results>(of_results, results), "INVALID_ARGUMENT INVALID_FIELD page_token") << place;
    EXPECT_EQ(ErrorOf<Refused>(of_refused, refused), "INVALID_ARGUMENT INVALID_FIELD page_token") << place;
  }
  results.clear_page_token();
  admin_.tenant = "another";
  EXPECT_EQ(ErrorOf<Results>(of_results, results), "NOT_FOUND RESOURCE_NOT_FOUND");
  refused.clear_page_token();
  EXPECT_EQ(ErrorOf<Refused>(of_refused, refused), "NOT_FOUND RESOURCE_NOT_FOUND");
}

TEST_F(ErrorsTest, Submissions) {
  capture::v1::GetSubmissionRequest get;
  capture::v1::GetSubmissionContentRequest content;
  capture::v1::ReplaySubmissionRequest replay;
  const auto errors = [&](const std::string& name) {
    get.set_name(name);
    content.set_name(name);
    replay.set_name(name);
    return std::vector<std::string>{
        ErrorOf<Submission>("CaptureService/GetSubmission", get),
        ErrorOf<capture::v1::GetSubmissionContentResponse>("CaptureService/GetSubmissionContent", content),
        ErrorOf<Submission>("CaptureService/ReplaySubmission", replay)};
  };
  const std::string wrong = "INVALID_ARGUMENT INVALID_FIELD name";
  const std::string none = "NOT_FOUND RESOURCE_NOT_FOUND";
  EXPECT_THAT(errors("leads/1"), ElementsAre(wrong, wrong, wrong));
  EXPECT_THAT(errors("submissions/1"), ElementsAre(none, none, none));
  EXPECT_THAT(errors(std::string("submissions/") + kNobody), ElementsAre(none, none, none));
  const std::string kept = CaptureLead(ByEmail("ada@example.com")).submission();
  EXPECT_EQ(errors(kept)[0], "OK");
  EXPECT_EQ(errors(kept)[2], "OK");
  content.set_offset(-1);
  EXPECT_EQ(
      ErrorOf<capture::v1::GetSubmissionContentResponse>("CaptureService/GetSubmissionContent", content).substr(0, 16),
      "INVALID_ARGUMENT");
  content.clear_offset();
  capture::v1::ListSubmissionsRequest list;
  list.set_lead("contacts/1");
  EXPECT_EQ(ErrorOf<capture::v1::ListSubmissionsResponse>("CaptureService/ListSubmissions", list),
            "INVALID_ARGUMENT INVALID_FIELD lead");
  admin_.tenant = "another";
  EXPECT_THAT(errors(kept), ElementsAre(none, none, none));
}

TEST_F(ErrorsTest, CapturesAndDuplicates) {
  using Response = capture::v1::FindDuplicatesResponse;
  capture::v1::FindDuplicatesRequest find;
  EXPECT_EQ(ErrorOf<Response>("CaptureService/FindDuplicates", find).substr(0, 16), "INVALID_ARGUMENT");
  find.set_lead(std::string("leads/") + kNobody);
  EXPECT_EQ(ErrorOf<Response>("CaptureService/FindDuplicates", find), "NOT_FOUND RESOURCE_NOT_FOUND");
  CaptureLeadRequest wrong;
  wrong.mutable_lead()->set_email("nonsense");
  EXPECT_EQ(ErrorOf<CaptureLeadResponse>("CaptureService/CaptureLead", wrong),
            "INVALID_ARGUMENT INVALID_FIELD lead.email");
  CaptureLeadRequest once = ByEmail("ada@example.com");
  once.set_request_id(Uuid::V7(Clock::System().Now()).ToString());
  const CaptureLeadResponse first = CaptureLead(once);
  EXPECT_EQ(CaptureLead(once).submission(), first.submission());
  once.mutable_lead()->set_email("eva@example.com");
  EXPECT_EQ(ErrorOf<CaptureLeadResponse>("CaptureService/CaptureLead", once),
            "INVALID_ARGUMENT REQUEST_ID_REUSED request_id");
  capture::v1::UpdateCaptureSettingsRequest settings;
  settings.mutable_settings()->add_duplicate_rules();
  EXPECT_EQ(ErrorOf<capture::v1::CaptureSettings>("CaptureService/UpdateCaptureSettings", settings).substr(0, 16),
            "INVALID_ARGUMENT");
  settings.mutable_settings()->mutable_duplicate_rules(0)->set_action(capture::v1::DuplicateRule::ACTION_FLAG);
  settings.mutable_settings()->set_etag("7");
  EXPECT_EQ(ErrorOf<capture::v1::CaptureSettings>("CaptureService/UpdateCaptureSettings", settings),
            "ABORTED STALE_ETAG");
}

}  // namespace
}  // namespace embudo::testing
