#pragma once

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "common/app/free_port.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/money.h"
#include "common/testing/eventually.h"
#include "common/testing/postgres.h"
#include "common/testing/process.h"
#include "common/testing/redis.h"
#include "common/testing/shared_data.h"
#include "common/testing/temp_dir.h"
#include "embudo/capture/v1/capture_service.pb.h"
#include "embudo/capture/v1/import_service.pb.h"
#include "embudo/capture/v1/operation_service.pb.h"
#include "embudo/pipeline/v1/contact_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "embudo/pipeline/v1/tenant_service.pb.h"
#include "services/capture/bind.h"
#include "services/capture/storage/migrations.h"
#include "services/pipeline/bind.h"
#include "services/pipeline/storage/migrations.h"
#include "tests/integration/capture/hosted.h"

namespace embudo::testing {

using capture::v1::CaptureLeadRequest;
using capture::v1::CaptureLeadResponse;
using capture::v1::ImportMetadata;
using capture::v1::Submission;
using google::longrunning::Operation;
using type::v1::Lead;

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

inline capture::v1::ImportMapping MappingFromJson(const std::string& json) {
  capture::v1::ImportMapping mapping;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &mapping);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return mapping;
}

/// The pipeline and capture services, by the machine's clock, over a database and a Redis of their own.
struct CaptureInstallation {
  CaptureInstallation() {
    pipeline = std::make_unique<Hosted>(pipeline::Bind, ConfigOf("pipeline"));
    StartCapture();
  }
  void StartCapture() { capture = std::make_unique<Hosted>(capture::Bind, CaptureConfig(public_address)); }
  /// With an HTTP server for strangers at that address.
  app::Config CaptureConfig(const std::string& http) const {
    app::Config config = ConfigOf("capture");
    config.pipeline_target = pipeline->address();
    const std::string secrets = temp.path() / "link-secret";
    std::ofstream(secrets) << "a secret of at least 32 characters\n";
    // All tests come from one address.
    config.options = {{"public-http-listen", http},
                      {"public-http-address-rate", "1000000"},
                      {"link-secret-file", secrets},
                      {"secrets-dir", temp.path()},
                      {"private-enrichment-providers", private_providers ? "true" : "false"}};
    return config;
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

  TempDir temp;
  bool private_providers = true;
  const std::string public_address = app::WithFreePort("127.0.0.1:0");
  std::unique_ptr<Database> database = Postgres::Shared().CreateDatabase(
      {{"pipeline", &pipeline::storage::Migrations()}, {"capture", &capture::storage::Migrations()}});
  Redis redis;
  std::unique_ptr<db::Pool> sql = database->PoolAs("postgres");
  std::unique_ptr<Hosted> pipeline;
  std::unique_ptr<Hosted> capture;
};

/// Each test has a tenant of its own, with the default pipeline.
class CaptureTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { installation_ = std::make_unique<CaptureInstallation>(); }
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
  /// The oldest first.
  std::vector<type::v1::Message> MessagesOf(const std::string& lead) {
    pipeline::v1::ListMessagesRequest request;
    request.set_parent(lead);
    request.set_order_by("create_time");
    const auto answer = Pipeline<pipeline::v1::ListMessagesResponse>("MessageService/ListMessages", request);
    return {answer.messages().begin(), answer.messages().end()};
  }
  Submission GetSubmission(const std::string& name) {
    capture::v1::GetSubmissionRequest request;
    request.set_name(name);
    const auto submission = Capture<Submission>("CaptureService/GetSubmission", request);
    EXPECT_TRUE(submission.ok()) << submission.status();
    return submission.ok() ? *submission : Submission();
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
    const auto rows = db::Exec(*installation_->sql, "", db::After(kPatience), sql, db::Params::Of(tenant_));
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows.ok() ? (*rows)[0].Int(0) : -1;
  }

  static inline std::unique_ptr<CaptureInstallation> installation_;
  const std::string tenant_ = "t" + Uuid::V7(Clock::System().Now()).ToString();
  rpc::Identity admin_;
  std::unique_ptr<rpc::Client> pipeline_;
  std::unique_ptr<rpc::Client> capture_;
  Operation operation_;
};

}  // namespace embudo::testing
