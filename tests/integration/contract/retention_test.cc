// How long what names persons is kept: nothing goes by itself unless a tenant wants it, and only what is over.

#include "embudo/pipeline/v1/contact_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/retention_service.pb.h"
#include "tests/integration/contract/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::ApplyRetentionResponse;
using pipeline::v1::RetentionSettings;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using type::v1::Contact;
using type::v1::Lead;

class RetentionTest : public AllServicesTest {
 protected:
  RetentionSettings Update(const RetentionSettings& settings) const {
    pipeline::v1::UpdateRetentionSettingsRequest request;
    *request.mutable_retention_settings() = settings;
    request.mutable_retention_settings()->set_name("retentionSettings/default");
    return admin_.Must<RetentionSettings>(request);
  }
  ApplyRetentionResponse Apply(bool validate_only) const {
    pipeline::v1::ApplyRetentionRequest request;
    request.set_name("retentionSettings/default");
    request.set_validate_only(validate_only);
    return admin_.Must<ApplyRetentionResponse>(request);
  }
  Contact MakeContact(const std::string& name) const {
    pipeline::v1::CreateContactRequest request;
    request.mutable_contact()->set_kind(Contact::KIND_PERSON);
    request.mutable_contact()->set_display_name(name);
    request.mutable_contact()->set_email(name + "@example.com");
    return admin_.Must<Contact>(request);
  }
  Lead MakeLead(const std::string& contact) const {
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name("of " + contact);
    request.mutable_lead()->set_contact(contact);
    return admin_.Must<Lead>(request);
  }
  void Lose(const Lead& lead) const {
    pipeline::v1::LoseLeadRequest request;
    request.set_name(lead.name());
    admin_.Must<Lead>(request);
  }

  const std::string tenant_ = suite_->NewTenant();
  const Caller admin_ = suite_->As(tenant_, type::v1::ROLE_ADMIN);
};

TEST_F(RetentionTest, PersonsOfLostLeadsGoWhenTheirTimeIsOver) {
  const Contact lost = MakeContact("lost");
  Lose(MakeLead(lost.name()));
  const Contact both = MakeContact("both");
  Lose(MakeLead(both.name()));
  MakeLead(both.name());
  const Contact open = MakeContact("open");
  MakeLead(open.name());
  MakeContact("alone");

  suite_->Advance(std::chrono::hours(24 * 40));
  EXPECT_THAT(Apply(true).contacts(), IsEmpty());  // nobody wants it
  RetentionSettings settings;
  settings.set_lost_lead_days(41);
  EXPECT_EQ(Update(settings).lost_lead_days(), 41);
  EXPECT_THAT(Apply(true).contacts(), IsEmpty());
  settings.set_lost_lead_days(39);
  Update(settings);
  EXPECT_THAT(Apply(true).contacts(), ElementsAre(lost.name()));
  EXPECT_THAT(Apply(false).contacts(), ElementsAre(lost.name()));
  EXPECT_THAT(Apply(true).contacts(), IsEmpty());
  EXPECT_EQ(suite_
                ->Query("SELECT count(*) FROM pipeline.contact WHERE tenant_id = $1 AND email = 'lost@example.com'",
                        db::Params::Of(tenant_))[0]
                .Int(0),
            0);
  EXPECT_EQ(suite_
                ->Query("SELECT count(*) FROM pipeline.erasure WHERE tenant_id = $1 AND reason = 'retention'",
                        db::Params::Of(tenant_))[0]
                .Int(0),
            1);
  pipeline::v1::GetContactRequest get;
  get.set_name(both.name());
  EXPECT_EQ(admin_.Must<Contact>(get).email(), "both@example.com");
}

TEST_F(RetentionTest, TheAuditLogIsCutAtTheDayThatTheTenantWants) {
  RetentionSettings settings;
  settings.set_audit_days(29);
  pipeline::v1::UpdateRetentionSettingsRequest request;
  *request.mutable_retention_settings() = settings;
  request.mutable_retention_settings()->set_name("retentionSettings/default");
  EXPECT_THAT(BadFields(admin_.Call<RetentionSettings>(request).status()),
              ElementsAre("retention_settings.audit_days"));
  settings.set_audit_days(30);
  const RetentionSettings kept = Update(settings);
  suite_->Query(
      "INSERT INTO pipeline.audit_entry (tenant_id, audit_entry_id, create_time, actor, roles, method, subject, code,"
      " reason, call_id, peer) SELECT $1, 'e' || n, $2::timestamptz - n * interval '1 day', '', '', '', '', '', '', '',"
      " '' FROM generate_series(28, 33) n",
      db::Params::Of(tenant_, suite_->clock().Now()));
  EXPECT_EQ(Apply(true).audit_entries(), 3);
  EXPECT_EQ(Apply(false).audit_entries(), 3);
  EXPECT_EQ(Apply(true).audit_entries(), 0);
  *request.mutable_retention_settings() = kept;
  Update(settings);
  EXPECT_THAT(admin_.Call<RetentionSettings>(request), IsError(StatusCode::kAborted, "STALE_ETAG"));
  request.mutable_retention_settings()->set_name("retentionSettings/other");
  EXPECT_THAT(admin_.Call<RetentionSettings>(request), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

}  // namespace
}  // namespace embudo::testing
