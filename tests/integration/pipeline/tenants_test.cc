// A tenant as its administrator changes it.

#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/tenant_service.pb.h"
#include "embudo/type/v1/tenant.pb.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::UpdateTenantRequest;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using type::v1::Lead;
using type::v1::Tenant;

class TenantTest : public PipelineTest {
 protected:
  UpdateTenantRequest Update(const std::vector<std::string>& paths = {}) const {
    UpdateTenantRequest request;
    request.mutable_tenant()->set_name("tenants/" + tenant_);
    for (const std::string& path : paths) request.mutable_update_mask()->add_paths(path);
    return request;
  }
  Tenant Get() const {
    pipeline::v1::GetTenantRequest request;
    request.set_name("tenants/" + tenant_);
    return admin_.Must<Tenant>(request);
  }
  std::string PhoneOfNewLead(const std::string& phone) const {
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name("A call");
    request.mutable_lead()->set_phone(phone);
    return admin_.Must<Lead>(request).phone();
  }
};

TEST_F(TenantTest, WhatIsInTheMaskChangesAndIsTold) {
  UpdateTenantRequest request = Update({"time_zone", "event_retention_days"});
  request.mutable_tenant()->set_display_name("Not in the mask");
  request.mutable_tenant()->set_time_zone("Europe/Berlin");
  request.mutable_tenant()->set_event_retention_days(90);
  const Tenant before = Get();
  const Tenant changed = admin_.Must<Tenant>(request);
  EXPECT_EQ(changed.display_name(), before.display_name());
  EXPECT_EQ(changed.time_zone(), "Europe/Berlin");
  EXPECT_EQ(changed.event_retention_days(), 90);
  EXPECT_NE(changed.etag(), before.etag());
  EXPECT_THAT(Get(), SameAs(changed));
  const auto events = EventsAbout(before.name());
  EXPECT_THAT(TypesOf(events), ElementsAre("tenant.created", "tenant.updated"));
  EXPECT_EQ(events.back().previous().tenant().time_zone(), "UTC");
}

TEST_F(TenantTest, ItsRegionHoldsAtOnce) {
  EXPECT_EQ(PhoneOfNewLead("(202) 555-0147"), "+12025550147");
  UpdateTenantRequest request = Update({"region_code"});
  request.mutable_tenant()->set_region_code("DE");
  admin_.Must<Tenant>(request);
  EXPECT_EQ(PhoneOfNewLead("030 901820"), "+4930901820");
}

TEST_F(TenantTest, RefusesWhatNoTenantCanBe) {
  const auto bad = [&](const std::string& path, const std::function<void(Tenant&)>& change) {
    UpdateTenantRequest request = Update({path});
    change(*request.mutable_tenant());
    return BadFields(admin_.Call<Tenant>(request).status());
  };
  EXPECT_THAT(bad("time_zone", [](Tenant& t) { t.set_time_zone("Mars/Olympus"); }), ElementsAre("tenant.time_zone"));
  EXPECT_THAT(bad("event_retention_days", [](Tenant& t) { t.set_event_retention_days(401); }),
              ElementsAre("tenant.event_retention_days"));
  EXPECT_THAT(bad("region_code", [](Tenant& t) { t.set_region_code("Germany"); }), ElementsAre("tenant.region_code"));
  EXPECT_THAT(bad("currency_code", [](Tenant& t) { t.set_currency_code("EUR"); }), ElementsAre("update_mask"));
  EXPECT_EQ(Get().currency_code(), "USD");
}

TEST_F(TenantTest, ItIsItsAdministratorsAlone) {
  UpdateTenantRequest request = Update({"display_name"});
  request.mutable_tenant()->set_display_name("Ours");
  for (const Caller& caller : {manager_, rep_, service_}) {
    EXPECT_THAT(caller.Call<Tenant>(request).status(), IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));
  }
  const Caller stranger = suite().As(suite().NewTenant(), type::v1::ROLE_ADMIN);
  EXPECT_THAT(stranger.Call<Tenant>(request).status(), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_NE(Get().display_name(), "Ours");
}

TEST_F(TenantTest, ARepeatAStaleOneAndOneThatOnlyAsks) {
  UpdateTenantRequest request = Update({"display_name"});
  request.mutable_tenant()->set_display_name("First");
  request.mutable_tenant()->set_etag(Get().etag());
  request.set_validate_only(true);
  EXPECT_EQ(admin_.Must<Tenant>(request).display_name(), "First");
  EXPECT_NE(Get().display_name(), "First");
  request.set_validate_only(false);
  request.set_request_id(NewRequestId());
  const Tenant first = admin_.Must<Tenant>(request);
  EXPECT_THAT(admin_.Must<Tenant>(request), SameAs(first));
  request.set_request_id(NewRequestId());
  EXPECT_THAT(admin_.Call<Tenant>(request).status(), IsError(StatusCode::kAborted, "STALE_ETAG"));
}

}  // namespace
}  // namespace embudo::testing
