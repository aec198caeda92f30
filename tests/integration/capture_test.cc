// Leads from their channels and from files, all the way into the pipeline service.

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/money.h"
#include "common/testing/eventually.h"
#include "common/testing/postgres.h"
#include "common/testing/process.h"
#include "common/testing/redis.h"
#include "common/testing/shared_data.h"
#include "embudo/capture/v1/capture_service.pb.h"
#include "embudo/capture/v1/import_service.pb.h"
#include "embudo/capture/v1/operation_service.pb.h"
#include "embudo/pipeline/v1/contact_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "embudo/pipeline/v1/tenant_service.pb.h"
#include "services/capture/bind.h"
#include "services/capture/storage/migrations.h"
#include "services/pipeline/bind.h"
#include "services/pipeline/storage/migrations.h"
#include "tests/integration/hosted.h"

namespace embudo {
namespace {

using capture::v1::CaptureLeadRequest;
using capture::v1::CaptureLeadResponse;
using capture::v1::ImportMetadata;
using capture::v1::Submission;
using google::longrunning::Operation;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::Hosted;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::StartsWith;
using type::v1::Lead;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

capture::v1::ImportMapping MappingFromJson(const std::string& json) {
  capture::v1::ImportMapping mapping;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &mapping);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return mapping;
}

/// The pipeline and capture services over a database and a Redis of their own.
struct Installation {
  Installation() {
    pipeline = std::make_unique<Hosted>(pipeline::Bind, ConfigOf("pipeline"));
    StartCapture();
  }
  void StartCapture() {
    app::Config config = ConfigOf("capture");
    config.pipeline_target = pipeline->address();
    capture = std::make_unique<Hosted>(capture::Bind, config);
  }
  app::Config ConfigOf(const std::string& service) const {
    app::Config config;
    config.service = service;
    config.postgres = database->conninfo();
    config.redis = redis.address();
    config.threads = 8;
    config.dev_identity = true;
    return config;
  }

  std::unique_ptr<testing::Database> database = testing::Postgres::Shared().CreateDatabase(
      {{"pipeline", &pipeline::storage::Migrations()}, {"capture", &capture::storage::Migrations()}});
  testing::Redis redis;
  std::unique_ptr<db::Pool> sql = database->PoolAs("postgres");
  std::unique_ptr<Hosted> pipeline;
  std::unique_ptr<Hosted> capture;
};

/// Each test has a tenant of its own, with the default pipeline.
class CaptureTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { installation_ = std::make_unique<Installation>(); }
  static void TearDownTestSuite() { installation_.reset(); }

  void SetUp() override {
    pipeline_ = ClientOf(installation_->pipeline->address());
    Connect(installation_->capture->address());
    admin_.tenant = tenant_;
    admin_.actor = "users/admin";
    admin_.roles = {type::v1::ROLE_ADMIN};
    pipeline::v1::CreateTenantRequest request;
    request.mutable_tenant()->set_display_name("Test");
    request.set_tenant_id(tenant_);
    Pipeline<type::v1::Tenant>("TenantService/CreateTenant", request);
  }

  static std::unique_ptr<rpc::Client> ClientOf(const std::string& address) {
    return std::make_unique<rpc::Client>(rpc::ClientOptions{.target = address, .credentials = rpc::DevCredentials()});
  }
  void Connect(const std::string& address) { capture_ = ClientOf(address); }

  template <class Response>
  Response Pipeline(const std::string& method, const google::protobuf::Message& request) {
    auto response = pipeline_->Call<Response>("embudo.pipeline.v1." + method, admin_, request);
    EXPECT_TRUE(response.ok()) << method << ": " << response.status();
    return response.ok() ? *response : Response();
  }
  template <class Response>
  absl::StatusOr<Response> Capture(const std::string& method, const google::protobuf::Message& request) {
    return capture_->Call<Response>("embudo.capture.v1." + method, admin_, request);
  }

  CaptureLeadResponse CaptureLead(const CaptureLeadRequest& request) {
    auto response = Capture<CaptureLeadResponse>("CaptureService/CaptureLead", request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? *response : CaptureLeadResponse();
  }
  static CaptureLeadRequest ByEmail(const std::string& email) {
    CaptureLeadRequest request;
    request.mutable_lead()->set_email(email);
    return request;
  }

  Lead GetLead(const std::string& name) {
    pipeline::v1::GetLeadRequest request;
    request.set_name(name);
    return Pipeline<Lead>("LeadService/GetLead", request);
  }
  std::vector<Lead> ListLeads(const std::string& filter = "") {
    pipeline::v1::ListLeadsRequest request;
    request.set_page_size(1000);
    request.set_filter(filter);
    std::vector<Lead> leads;
    do {
      const auto page = Pipeline<pipeline::v1::ListLeadsResponse>("LeadService/ListLeads", request);
      leads.insert(leads.end(), page.leads().begin(), page.leads().end());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return leads;
  }

  absl::StatusOr<capture::v1::File> Upload(const std::string& content, const std::string& sha256 = "",
                                           size_t chunk = 60000) {
    const auto stream = capture_->Stream("embudo.capture.v1.ImportService/UploadFile", admin_);
    capture::v1::UploadFileRequest request;
    request.mutable_metadata()->set_filename("test.csv");
    request.mutable_metadata()->set_sha256(sha256);
    stream->Write(request);
    for (size_t at = 0; at < content.size(); at += chunk) {
      request.set_chunk(content.substr(at, chunk));
      if (!stream->Write(request)) break;
    }
    stream->WritesDone();
    capture::v1::File file;
    const bool answered = stream->Read(&file);
    const absl::Status status = stream->Finish();
    if (!status.ok()) return status;
    EXPECT_TRUE(answered);
    return file;
  }
  absl::StatusOr<Operation> StartImport(const std::string& csv, const capture::v1::ImportMapping& mapping,
                                        bool dry_run = false) {
    const auto file = Upload(csv);
    if (!file.ok()) return file.status();
    capture::v1::ImportLeadsRequest request;
    request.set_file(file->name());
    *request.mutable_mapping() = mapping;
    request.set_dry_run(dry_run);
    return Capture<Operation>("ImportService/ImportLeads", request);
  }
  static ImportMetadata ProgressOf(const Operation& operation) {
    ImportMetadata progress;
    EXPECT_TRUE(operation.metadata().UnpackTo(&progress));
    return progress;
  }
  Operation WaitFor(const std::string& name) {
    capture::v1::WaitOperationRequest request;
    request.set_name(name);
    request.mutable_timeout()->set_seconds(5);
    Operation operation;
    EXPECT_TRUE(Eventually(
        [&] {
          const auto answer = Capture<Operation>("OperationService/WaitOperation", request);
          if (answer.ok()) operation = *answer;
          return answer.ok() && answer->done();
        },
        std::chrono::minutes(2)));
    return operation;
  }
  ImportMetadata Import(const std::string& csv, const capture::v1::ImportMapping& mapping, bool dry_run = false) {
    const auto started = StartImport(csv, mapping, dry_run);
    EXPECT_TRUE(started.ok()) << started.status();
    if (!started.ok()) return ImportMetadata();
    operation_ = WaitFor(started->name());
    EXPECT_TRUE(operation_.has_response()) << operation_.error().message();
    return ProgressOf(operation_);
  }
  /// As `created/updated/unchanged/refused`.
  static std::string Figures(const ImportMetadata& progress) {
    return std::to_string(progress.created()) + "/" + std::to_string(progress.updated()) + "/" +
           std::to_string(progress.unchanged()) + "/" + std::to_string(progress.refused());
  }
  static std::map<std::string, int64_t> CountsOf(
      const google::protobuf::RepeatedPtrField<capture::v1::ImportIssue>& issues) {
    std::map<std::string, int64_t> counts;
    for (const auto& issue : issues) counts[issue.code() + " " + issue.column()] = issue.count();
    return counts;
  }
  std::string RefusedRows(const std::string& operation, int page_size = 0) {
    capture::v1::DownloadRefusedRowsRequest request;
    request.set_name(operation);
    request.set_page_size(page_size);
    std::string csv;
    do {
      const auto page = Capture<capture::v1::DownloadRefusedRowsResponse>("ImportService/DownloadRefusedRows", request);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) break;
      csv += page->csv();
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return csv;
  }
  int64_t CountRows(const std::string& sql) {
    const auto rows = db::Exec(*installation_->sql, "", db::After(testing::kPatience), sql, db::Params::Of(tenant_));
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows.ok() ? (*rows)[0].Int(0) : -1;
  }

  static inline std::unique_ptr<Installation> installation_;
  const std::string tenant_ = "t" + Uuid::V7(Clock::System().Now()).ToString();
  rpc::Identity admin_;
  std::unique_ptr<rpc::Client> pipeline_;
  std::unique_ptr<rpc::Client> capture_;
  Operation operation_;
};

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

TEST_F(CaptureTest, FilesArriveWhole) {
  std::string content;
  for (int i = 0; i < 100000; ++i) content += std::to_string(i) + ",x\n";
  const auto file = Upload(content);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->size_bytes(), static_cast<int64_t>(content.size()));
  EXPECT_TRUE(Upload(content, file->sha256()).ok());
  const absl::Status wrong = Upload(content, std::string(64, '0')).status();
  EXPECT_THAT(MessageOf(wrong), AllOf(HasSubstr("metadata.sha256"), HasSubstr(file->sha256())));
  EXPECT_EQ(CountRows("SELECT count(*) FROM capture.file WHERE tenant_id = $1"), 2);
  EXPECT_EQ(CountRows("SELECT sum(length(bytes)) FROM capture.file_chunk WHERE tenant_id = $1"),
            2 * static_cast<int64_t>(content.size()));
}

constexpr char kMapping[] = R"({"target": "TARGET_OPPORTUNITY", "system": "crm", "idColumn": "id",
    "columns": [{"column": "title", "field": "display_name"}, {"column": "mail", "field": "email"},
                {"column": "value", "field": "expected_revenue"}, {"column": "opened", "field": "open_time"},
                {"column": "tags", "field": "tags", "missing": "MISSING_CREATE"}],
    "pipeline": {"id": "imported", "displayName": "Imported", "stageColumn": "stage",
                 "stages": [{"id": "talk", "displayName": "Talk"}, {"id": "won", "displayName": "Won", "isWon": true}]}})";

TEST_F(CaptureTest, AnImportIsDoneOnceHoweverOftenItRuns) {
  const std::string csv =
      "id,title,mail,value,opened,stage,tags,extra\n"
      "1,One,a@b.com,100,2017-01-01,Talk,hot;new,z\n"
      "2,Two,b@b.com,200,2017-01-02,Won,hot,z\n";
  ImportMetadata progress = Import(csv, MappingFromJson(kMapping));
  EXPECT_EQ(Figures(progress), "2/0/0/0");
  EXPECT_EQ(progress.rows_total(), 2);
  EXPECT_EQ(progress.rows_done(), 2);
  EXPECT_EQ(progress.state(), ImportMetadata::STATE_SUCCEEDED);
  EXPECT_THAT(CountsOf(progress.warnings()),
              AllOf(Contains(Pair("COLUMN_NOT_USED extra", 1)), Contains(Pair("NO_CLOSE_TIME ", 1)),
                    Contains(Pair("RECORD_CREATED tags", 3))));
  const auto before = ListLeads(); EXPECT_EQ(Figures(Import(csv, MappingFromJson(kMapping))), "0/0/2/0");
  const auto after = ListLeads(); for (size_t i = 0; i < 2; ++i) std::cerr << "BEFORE " << before[i].DebugString() << "AFTER " << after[i].DebugString() << "END\n";
  EXPECT_EQ(
      Figures(Import("id,title,mail,value,opened,stage,tags\n2,Two!,b@b.com,200,2017-01-02,Won,hot\n3,Three,,,,Talk,\n",
                     MappingFromJson(kMapping))),
      "1/1/0/0");
  const std::vector<Lead> leads = ListLeads();
  ASSERT_EQ(leads.size(), 3u);
  for (const Lead& lead : leads) {
    EXPECT_EQ(lead.pipeline(), "pipelines/imported");
    EXPECT_EQ(lead.channel(), Lead::CHANNEL_IMPORT);
    if (lead.external_ids(0).id() == "2") {
      EXPECT_EQ(lead.display_name(), "Two!");
      EXPECT_EQ(lead.state(), Lead::STATE_WON);
      EXPECT_EQ(ToNumeric(lead.expected_revenue()) + lead.expected_revenue().currency_code(), "200USD");
      EXPECT_EQ(FormatTime(FromTimestamp(lead.open_time())), "2017-01-02T00:00:00.000000Z");
      EXPECT_THAT(lead.tags(), ElementsAre("tags/hot"));
    }
  }
}

TEST_F(CaptureTest, BadRowsAreToldAndGoodOnesKept) {
  const ImportMetadata progress = Import(
      "id,title,mail,value,opened,stage,tags\n"
      "1,One,a@b.com,100,2017-01-01,Talk,\n"
      "2,\"Two, too\",nobody,lots,2017-13-01,Talk,\n"
      ",Three,,,,Talk,\n"
      "4,Four,,,,Nowhere,\n"
      "5,Five,,-5,2017-01-05,Talk,,,surplus\n"
      "6,Six,c@b.com,600,2017-01-06,Talk,\n",
      MappingFromJson(kMapping));
  EXPECT_EQ(Figures(progress), "2/0/0/4");
  EXPECT_EQ(progress.rows_done(), 6);
  EXPECT_THAT(CountsOf(progress.errors()), ElementsAre(Pair("INVALID_AMOUNT value", 1), Pair("INVALID_DATE opened", 1),
                                                       Pair("INVALID_EMAIL mail", 1), Pair("MISSING_ID id", 1),
                                                       Pair("TOO_MANY_CELLS ", 1), Pair("UNKNOWN_STAGE stage", 1)));
  EXPECT_EQ(ListLeads().size(), 2u);
  const std::string refused = RefusedRows(operation_.name());
  EXPECT_EQ(
      refused,
      "row_number,error_code,error,id,title,mail,value,opened,stage,tags\r\n"
      "3,INVALID_EMAIL,\"mail: \"\"nobody\"\" is not an email address: there is no @ after the name; value: "
      "\"\"lots\"\" is not an amount; opened: \"\"2017-13-01\"\" is not a date: month 13\",2,\"Two, too\",nobody,lots,"
      "2017-13-01,Talk,\r\n"
      "4,MISSING_ID,id: the row has no id,,Three,,,,Talk,\r\n"
      "5,UNKNOWN_STAGE,\"stage: no stage is called \"\"Nowhere\"\"\",4,Four,,,,Nowhere,\r\n"
      "6,TOO_MANY_CELLS,the row has more cells than the header,5,Five,,-5,2017-01-05,Talk,,,surplus\r\n");
  EXPECT_EQ(RefusedRows(operation_.name(), 1), refused);
  // Mended, the refused rows alone come in by the same mapping.
  EXPECT_EQ(Figures(Import("row_number,error_code,error,id,title,mail,value,opened,stage,tags\n"
                           "3,,,2,\"Two, too\",x@b.com,7,2017-12-01,Talk,\n",
                           MappingFromJson(kMapping))),
            "1/0/0/0");
}

TEST_F(CaptureTest, ARowThatOnlyTheServiceRefusesStandsAlone) {
  // The contract takes no tag list of more than 100; the mapping knows nothing of that.
  std::string tags;
  for (int i = 0; i < 120; ++i) tags += "t" + std::to_string(i) + ";";
  std::string csv = "id,title,mail,value,opened,stage,tags\n";
  for (int i = 1; i <= 20; ++i) {
    csv += std::to_string(i) + ",Lead,,,,Talk," + (i == 13 ? tags : "") + "\n";
  }
  const ImportMetadata progress = Import(csv, MappingFromJson(kMapping));
  EXPECT_EQ(Figures(progress), "19/0/0/1");
  ASSERT_EQ(progress.errors_size(), 1);
  EXPECT_EQ(progress.errors(0).column(), "tags");
  EXPECT_EQ(progress.errors(0).examples(0).row(), 14);
}

TEST_F(CaptureTest, ADryRunWritesNothing) {
  const std::string csv = "id,title,mail,value,opened,stage,tags\n1,One,,,,Talk,hot\n2,Two,,,,Talk,\nx,,,,,Nowhere,\n";
  EXPECT_EQ(Figures(Import(csv, MappingFromJson(kMapping), /*dry_run=*/true)), "2/0/0/1");
  EXPECT_THAT(ListLeads(), IsEmpty());
  EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.pipeline WHERE tenant_id = $1"), 1);
  EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.tag WHERE tenant_id = $1"), 0);
  Import(csv, MappingFromJson(kMapping));
  EXPECT_EQ(
      Figures(Import("id,title,mail,value,opened,stage,tags\n1,One,,,,Talk,hot\n2,Zwei,,,,Talk,\n3,Three,,,,Talk,\n",
                     MappingFromJson(kMapping), /*dry_run=*/true)),
      "1/1/1/0");
  EXPECT_EQ(ListLeads().size(), 2u);
}

TEST_F(CaptureTest, AWrongMappingIsRefusedAtOnce) {
  auto mapping = MappingFromJson(kMapping);
  mapping.mutable_columns(0)->set_column("name");
  mapping.mutable_columns(1)->set_field("mail");
  const absl::Status status = StartImport("id,title,mail,value,opened,stage,tags\n", mapping).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), "INVALID_MAPPING");
  EXPECT_THAT(MessageOf(status),
              AllOf(HasSubstr("the file has no column \"name\"; it has: id, title, mail"), HasSubstr("and 1 more")));
  EXPECT_EQ(ReasonOf(StartImport("", MappingFromJson(kMapping)).status()), "EMPTY_FILE");
  capture::v1::ImportLeadsRequest missing;
  missing.set_file("files/" + Uuid::V7(Clock::System().Now()).ToString());
  *missing.mutable_mapping() = MappingFromJson(kMapping);
  EXPECT_EQ(Capture<Operation>("ImportService/ImportLeads", missing).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(CountRows("SELECT count(*) FROM capture.import_job WHERE tenant_id = $1"), 0);
}

TEST_F(CaptureTest, AFileThatBreaksOffFailsAfterItsGoodRows) {
  const std::string csv = "id,title,mail,value,opened,stage,tags\n1,One,,,,Talk,\n2,\"" + std::string(3 << 20, 'x');
  const auto started = StartImport(csv, MappingFromJson(kMapping));
  ASSERT_TRUE(started.ok()) << started.status();
  const Operation operation = WaitFor(started->name());
  ASSERT_TRUE(operation.has_error());
  EXPECT_THAT(operation.error().message(), HasSubstr("the cell that begins in line 3 is longer than 1 MiB"));
  EXPECT_EQ(ProgressOf(operation).created(), 1);
  EXPECT_EQ(ProgressOf(operation).state(), ImportMetadata::STATE_FAILED);
  EXPECT_EQ(ListLeads().size(), 1u);
}

TEST_F(CaptureTest, ARequestIdStartsOneImport) {
  const auto file = Upload("id,title,mail,value,opened,stage,tags\n1,One,,,,Talk,\n");
  capture::v1::ImportLeadsRequest request;
  request.set_file(file->name());
  *request.mutable_mapping() = MappingFromJson(kMapping);
  request.set_request_id(Uuid::V7(Clock::System().Now()).ToString());
  const auto first = Capture<Operation>("ImportService/ImportLeads", request);
  const auto again = Capture<Operation>("ImportService/ImportLeads", request);
  ASSERT_TRUE(first.ok() && again.ok());
  EXPECT_EQ(first->name(), again->name());
  request.set_dry_run(true);
  EXPECT_EQ(ReasonOf(Capture<Operation>("ImportService/ImportLeads", request).status()), "REQUEST_ID_REUSED");
  WaitFor(first->name());
  capture::v1::ListOperationsRequest list;
  EXPECT_EQ(Capture<capture::v1::ListOperationsResponse>("OperationService/ListOperations", list)->operations_size(),
            1);
}

TEST_F(CaptureTest, RowsOfOneIdStayInOrder) {
  std::string csv = "id,title,mail,value,opened,stage,tags\n";
  for (int i = 0; i < 3000; ++i) csv += std::to_string(i % 7) + ",Title " + std::to_string(i) + ",,,,Talk,\n";
  EXPECT_EQ(Figures(Import(csv, MappingFromJson(kMapping))), "7/2993/0/0");
  for (const Lead& lead : ListLeads()) {
    const int id = std::stoi(lead.external_ids(0).id());
    const int last = 2999 - (2999 - id) % 7;
    EXPECT_EQ(lead.display_name(), "Title " + std::to_string(last));
  }
}

TEST_F(CaptureTest, AnImportCanBeCancelled) {
  std::string csv = "id,title,mail,value,opened,stage,tags\n";
  for (int i = 0; i < 60000; ++i) csv += std::to_string(i) + ",Title,,,,Talk,\n";
  const auto started = StartImport(csv, MappingFromJson(kMapping));
  ASSERT_TRUE(started.ok()) << started.status();
  capture::v1::GetOperationRequest get;
  get.set_name(started->name());
  ASSERT_TRUE(Eventually(
      [&] { return ProgressOf(*Capture<Operation>("OperationService/GetOperation", get)).rows_done() > 0; }));
  capture::v1::CancelOperationRequest cancel;
  cancel.set_name(started->name());
  ASSERT_TRUE(Capture<Operation>("OperationService/CancelOperation", cancel).ok());
  const Operation operation = WaitFor(started->name());
  EXPECT_EQ(operation.error().code(), 1);
  EXPECT_EQ(ProgressOf(operation).state(), ImportMetadata::STATE_CANCELLED);
  const int64_t done = ProgressOf(operation).rows_done();
  EXPECT_LT(done, 60000);
  EXPECT_GE(CountRows("SELECT count(*) FROM pipeline.lead WHERE tenant_id = $1"), done);
}

// The whole of the real export, by the mappings of the repository.
class MavenTest : public CaptureTest {
 protected:
  std::string Data(const std::string& file) { return ReadFile(*testing::SharedData("maven_crm/" + file)); }
  static capture::v1::ImportMapping Mapping(const std::string& name) {
    return MappingFromJson(ReadFile("tests/data/maven/" + name + ".mapping.json"));
  }
  void ImportCatalogues() {
    EXPECT_EQ(Figures(Import(Data("sales_teams.csv"), Mapping("sales_teams"))), "35/0/0/0");
    EXPECT_EQ(Figures(Import(Data("products.csv"), Mapping("products"))), "7/0/0/0");
    EXPECT_EQ(Figures(Import(Data("accounts.csv"), Mapping("accounts"))), "85/0/0/0");
  }
  void ExpectPipeline() {
    const auto count = [&](const std::string& condition) {
      return CountRows("SELECT count(*) FROM pipeline.lead WHERE tenant_id = $1 AND " + condition);
    };
    EXPECT_EQ(count("true"), 8800);
    EXPECT_EQ(count("state = 'WON' AND stage_id = 'won' AND probability = 100"), 4238);
    EXPECT_EQ(count("state = 'LOST' AND stage_id = 'engaging' AND probability = 0"), 2473);
    EXPECT_EQ(count("state = 'OPEN' AND stage_id = 'engaging'"), 1589);
    EXPECT_EQ(count("state = 'OPEN' AND stage_id = 'prospecting'"), 500);
    EXPECT_EQ(count("company_id IS NULL"), 1425);
    EXPECT_EQ(count("owner_id IS NULL OR team_id IS NULL OR office = ''"), 0);
    EXPECT_EQ(CountRows("SELECT count(DISTINCT owner_id) FROM pipeline.lead WHERE tenant_id = $1"), 30);
    EXPECT_EQ(CountRows("SELECT sum(expected_revenue) FROM pipeline.lead WHERE tenant_id = $1 AND state = 'WON'"),
              10005534);
    EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.lead WHERE tenant_id = $1 AND close_time::date = '2017-03-01'"
                        " AND open_time::date = '2016-10-20'"),
              CountRows("SELECT count(*) FROM pipeline.lead WHERE tenant_id = $1 AND close_time = '2017-03-01'"
                        " AND open_time = '2016-10-20'"));
  }
};

TEST_F(MavenTest, ComesInWholeAndOnce) {
  if (!testing::SharedData("maven_crm")) GTEST_SKIP() << testing::kNoSharedData;
  ImportCatalogues();
  const ImportMetadata progress = Import(Data("sales_pipeline.csv"), Mapping("sales_pipeline"));
  EXPECT_EQ(Figures(progress), "8800/0/0/0");
  EXPECT_THAT(CountsOf(progress.warnings()),
              ElementsAre(Pair("ALIAS_USED product", 1480), Pair("EMPTY_CELL account", 1425),
                          Pair("EMPTY_CELL engage_date", 500)));
  ExpectPipeline();
  EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.contact WHERE tenant_id = $1 AND company_id IS NOT NULL"), 15);
  EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.\"user\" WHERE tenant_id = $1 AND 'MANAGER' = ANY (roles)"), 6);
  EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.membership WHERE tenant_id = $1"), 35);

  EXPECT_EQ(Figures(Import(Data("sales_teams.csv"), Mapping("sales_teams"))), "0/0/35/0");
  EXPECT_EQ(Figures(Import(Data("products.csv"), Mapping("products"))), "0/0/7/0");
  EXPECT_EQ(Figures(Import(Data("accounts.csv"), Mapping("accounts"))), "0/0/85/0");
  EXPECT_EQ(Figures(Import(Data("accounts.csv"), Mapping("accounts"), /*dry_run=*/true)), "0/0/85/0");
  EXPECT_EQ(Figures(Import(Data("sales_pipeline.csv"), Mapping("sales_pipeline"))), "0/0/8800/0");
  EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.event WHERE tenant_id = $1 AND type = 'lead.updated'"), 0);
}

// kill -9 in mid-import, several times: the next worker goes on, nothing is lost or there twice.
TEST_F(MavenTest, OutlivesItsWorker) {
  if (!testing::SharedData("maven_crm")) GTEST_SKIP() << testing::kNoSharedData;
  ImportCatalogues();
  installation_->capture.reset();
  testing::TempDir directory;
  const auto start = [&](int number) {
    const std::string output = directory.path() / ("capture" + std::to_string(number));
    auto process = testing::Process::Start(
        {.command = {EMBUDO_BIN_DIR "/embudo-capture", "--listen=127.0.0.1:0", "--metrics-listen=", "--dev-identity",
                     "--postgres=" + installation_->database->conninfo(),
                     "--pipeline=" + installation_->pipeline->address(), "--import-batch-rows=100",
                     "--import-lease-ms=1000"},
         .environment = {},
         .output = output});
    EXPECT_TRUE(process.ok()) << process.status();
    EXPECT_TRUE((*process)->WaitForOutput("\"address\":\"")) << (*process)->Output();
    const std::string text = (*process)->Output();
    const size_t begin = text.find("\"address\":\"") + 11;
    Connect(text.substr(begin, text.find('"', begin) - begin));
    return std::move(*process);
  };
  auto process = start(0);
  const auto started = StartImport(Data("sales_pipeline.csv"), Mapping("sales_pipeline"));
  ASSERT_TRUE(started.ok()) << started.status();
  const auto rows_done = [&] {
    capture::v1::GetOperationRequest get;
    get.set_name(started->name());
    const auto operation = Capture<Operation>("OperationService/GetOperation", get);
    return operation.ok() ? ProgressOf(*operation).rows_done() : -1;
  };
  for (int kill = 1; kill <= 3; ++kill) {
    ASSERT_TRUE(Eventually([&] { return rows_done() >= kill * 1500; }));
    process->Kill();
    process = start(kill);
  }
  const Operation operation = WaitFor(started->name());
  process->Kill();
  ASSERT_TRUE(operation.has_response()) << operation.error().message();
  EXPECT_EQ(Figures(ProgressOf(operation)), "8800/0/0/0");
  EXPECT_EQ(ProgressOf(operation).rows_done(), 8800);
  EXPECT_THAT(CountsOf(ProgressOf(operation).warnings()),
              ElementsAre(Pair("ALIAS_USED product", 1480), Pair("EMPTY_CELL account", 1425),
                          Pair("EMPTY_CELL engage_date", 500)));
  ExpectPipeline();
  installation_->StartCapture();
}

}  // namespace
}  // namespace embudo
