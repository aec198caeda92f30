// What operators see of the installation's tenants: who they are, and what is kept of them.

#include "embudo/capture/v1/import_service.pb.h"
#include "embudo/capture/v1/mail_service.pb.h"
#include "embudo/pipeline/v1/attachment_service.pb.h"
#include "embudo/pipeline/v1/tenant_service.pb.h"
#include "tests/integration/tenancy/tenancy_case.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::ListTenantsRequest;
using pipeline::v1::ListTenantsResponse;
using pipeline::v1::TenantLimits;
using pipeline::v1::TenantStanding;
using ::testing::ElementsAre;

class TenantsTest : public TenancyCase {
 protected:
  static std::vector<std::string> Names(const ListTenantsResponse& page) {
    std::vector<std::string> names;
    for (const auto& tenant : page.tenants()) names.push_back(tenant.name());
    return names;
  }
  static ListTenantsRequest Asking(const std::string& filter, const std::string& order_by = "") {
    ListTenantsRequest request;
    request.set_filter(filter);
    request.set_order_by(order_by);
    return request;
  }
  static TenantLimits Limits(const Tenant& tenant) {
    pipeline::v1::GetTenantLimitsRequest request;
    request.set_name("tenants/" + tenant.id + "/limits");
    return Operator().Must<TenantLimits>(request);
  }
  static absl::Status Upload(const Tenant& tenant, size_t bytes) {
    const auto stream = tenant.capture.Stream("embudo.capture.v1.ImportService/UploadFile");
    capture::v1::UploadFileRequest part;
    part.mutable_metadata()->set_filename("leads.csv");
    stream->Write(part);
    part.set_chunk(std::string(bytes, 'x'));
    stream->Write(part);
    stream->WritesDone();
    capture::v1::File file;
    stream->Read(&file);
    return stream->Finish();
  }
  static capture::v1::ReceiveMailResponse Receive(const Tenant& tenant, const std::string& text) {
    const auto stream = tenant.capture.Stream("embudo.capture.v1.MailService/ReceiveMail");
    capture::v1::ReceiveMailRequest request;
    request.set_content("From: ada@example.com\r\nTo: hello@acme.test\r\nSubject: Engines\r\n\r\n" + text + "\r\n");
    stream->Write(request);
    stream->WritesDone();
    capture::v1::ReceiveMailResponse response;
    EXPECT_TRUE(stream->Read(&response));
    EXPECT_TRUE(stream->Finish().ok());
    return response;
  }

  Tenant first_;
  Tenant second_;
};

TEST_F(TenantsTest, AreListedByPagesFilterAndOrder) {
  const auto call = [](const Tenant& tenant, const std::string& display_name) {
    pipeline::v1::UpdateTenantRequest update;
    update.mutable_tenant()->set_name("tenants/" + tenant.id);
    update.mutable_tenant()->set_display_name(display_name);
    update.mutable_update_mask()->add_paths("display_name");
    tenant.pipeline.Must<type::v1::Tenant>(update);
  };
  call(first_, "Acme");
  call(second_, "Bolts");
  Suspend(second_);
  const std::string these = R"((display_name = "Acme" OR display_name = "Bolts"))";
  const auto all = Operator().Must<ListTenantsResponse>(Asking(these));
  ASSERT_EQ(all.tenants_size(), 2);
  EXPECT_EQ(all.tenants(0).state(), TenantStanding::STATE_ACTIVE);
  EXPECT_FALSE(all.tenants(0).has_suspend_time());
  EXPECT_EQ(all.tenants(1).state(), TenantStanding::STATE_SUSPENDED);
  EXPECT_EQ(FromTimestamp(all.tenants(1).suspend_time()), suite_->clock().Now());
  EXPECT_EQ(all.tenants(0).currency_code(), "USD");
  EXPECT_THAT(Names(Operator().Must<ListTenantsResponse>(Asking("state = SUSPENDED AND " + these))),
              ElementsAre("tenants/" + second_.id));
  EXPECT_THAT(Names(Operator().Must<ListTenantsResponse>(Asking(these, "display_name desc"))),
              ElementsAre("tenants/" + second_.id, "tenants/" + first_.id));

  ListTenantsRequest paged = Asking(these);
  paged.set_page_size(1);
  auto page = Operator().Must<ListTenantsResponse>(paged);
  EXPECT_THAT(Names(page), ElementsAre("tenants/" + first_.id));
  paged.set_page_token(page.next_page_token());
  page = Operator().Must<ListTenantsResponse>(paged);
  EXPECT_THAT(Names(page), ElementsAre("tenants/" + second_.id));
  EXPECT_EQ(page.next_page_token(), "");
  paged.set_filter("");
  EXPECT_THAT(Operator().Call<ListTenantsResponse>(paged),
              IsError(StatusCode::kInvalidArgument, "PAGE_TOKEN_MISMATCH"));
  EXPECT_EQ(Operator().Call<ListTenantsResponse>(Asking("nothing = 1")).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Operator().Call<ListTenantsResponse>(Asking("", "nothing")).status().code(), StatusCode::kInvalidArgument);
  paged = Asking("");
  paged.set_page_size(-1);
  EXPECT_THAT(BadFields(Operator().Call<ListTenantsResponse>(paged).status()), ElementsAre("page_size"));
  // A tenant's administrators learn of no other.
  EXPECT_THAT(first_.pipeline.Call<ListTenantsResponse>(Asking("")),
              IsError(StatusCode::kPermissionDenied, "OPERATOR_REQUIRED"));
}

TEST_F(TenantsTest, WhatCameInCountsTowardsTheirStorage) {
  ASSERT_TRUE(Upload(first_, 5000).ok());
  Receive(first_, std::string(3000, 'm'));
  const auto captured = [&](const Tenant& tenant) {
    const TenantLimits limits = Limits(tenant);
    for (const auto& use : limits.storage_uses()) {
      if (use.service() == "capture") return use.bytes();
    }
    return int64_t{0};
  };
  suite_->Restart("capture");
  first_ = Tenant{.id = first_.id};
  ASSERT_TRUE(Eventually([&] { return captured(first_) > 8000; })) << Limits(first_).DebugString();
  const TenantLimits counted = Limits(first_);
  EXPECT_EQ(counted.used_storage_bytes(), captured(first_));
  EXPECT_EQ(captured(first_),
            Number(first_,
                   "SELECT (SELECT sum(size_bytes) FROM capture.file WHERE tenant_id = $1)::bigint"
                   " + (SELECT sum(length(bytes)) FROM capture.submission_raw WHERE tenant_id = $1)::bigint"
                   " + (SELECT sum(length(request)) FROM capture.submission WHERE tenant_id = $1)::bigint"));
  EXPECT_EQ(captured(second_), 0);

  // Files are refused when there is no room for them, here and there; what comes in is not.
  pipeline::v1::UpdateTenantLimitsRequest update;
  update.mutable_limits()->set_name(counted.name());
  update.mutable_limits()->set_storage_bytes(counted.used_storage_bytes() + 100);
  Operator().Must<TenantLimits>(update);
  const absl::Status full = Upload(first_, 101);
  EXPECT_THAT(full, IsError(StatusCode::kResourceExhausted, "TENANT_STORAGE_LIMIT"));
  const auto quota = DetailOf<google::rpc::QuotaFailure>(full);
  ASSERT_EQ(quota.violations_size(), 1);
  EXPECT_EQ(quota.violations(0).subject(), "tenants/" + first_.id);
  EXPECT_EQ(quota.violations(0).description(),
            "the tenant's limit is " + std::to_string(counted.used_storage_bytes() + 100) + " bytes of storage");
  EXPECT_TRUE(Upload(first_, 100).ok());
  const std::string lead = Receive(first_, std::string(3000, 'n')).lead();
  EXPECT_NE(lead, "");
  const auto stream = first_.pipeline.Stream("embudo.pipeline.v1.AttachmentService/UploadAttachment");
  pipeline::v1::UploadAttachmentRequest file;
  file.set_parent(lead);
  file.set_file_name("a.txt");
  file.set_content(std::string(101, 'x'));
  stream->Write(file);
  stream->WritesDone();
  type::v1::Attachment attachment;
  stream->Read(&attachment);
  EXPECT_THAT(stream->Finish(), IsError(StatusCode::kResourceExhausted, "TENANT_STORAGE_LIMIT"));
  // A service speaks for itself, and for the installation.
  pipeline::v1::RecordStorageUseRequest record;
  record.set_service("capture");
  *record.mutable_measure_time() = ToTimestamp(suite_->clock().Now());
  auto& use = *record.add_uses();
  use.set_name("tenants/" + second_.id);
  use.set_bytes(7);
  EXPECT_THAT(
      suite_->As("", type::v1::ROLE_SERVICE, "services/scoring").Call<pipeline::v1::RecordStorageUseResponse>(record),
      IsError(StatusCode::kPermissionDenied, "OTHER_SERVICE"));
  EXPECT_THAT(second_.Own("pipeline").Call<pipeline::v1::RecordStorageUseResponse>(record),
              IsError(StatusCode::kPermissionDenied, "OPERATOR_REQUIRED"));
  suite_->As("", type::v1::ROLE_SERVICE, "services/capture").Must<pipeline::v1::RecordStorageUseResponse>(record);
  EXPECT_EQ(captured(second_), 7);
}

}  // namespace
}  // namespace embudo::testing
