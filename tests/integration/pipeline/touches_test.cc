// Where leads come from: touches, and the catalogue of campaigns, UTM sources and mediums.

#include <algorithm>
#include <thread>

#include "common/base/ids.h"
#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/touch_service.pb.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using type::v1::Campaign;
using type::v1::Lead;
using type::v1::Touch;

class TouchTest : public PipelineTest {
 protected:
  static pipeline::v1::CreateTouchRequest By(const std::string& lead, const std::string& source,
                                             const std::string& medium = "", const std::string& campaign = "") {
    pipeline::v1::CreateTouchRequest request;
    request.set_parent(lead);
    request.mutable_touch()->set_source(source);
    request.mutable_touch()->set_medium(medium);
    request.mutable_touch()->set_campaign(campaign);
    return request;
  }
  Touch Add(const pipeline::v1::CreateTouchRequest& request) const { return service_.Must<Touch>(request); }
  std::vector<std::string> SourcesOf(const std::string& lead) const {
    pipeline::v1::ListTouchesRequest request;
    request.set_parent(lead);
    const auto answer = manager_.Must<pipeline::v1::ListTouchesResponse>(request);
    std::vector<std::string> sources;
    for (const Touch& touch : answer.touches()) sources.push_back(touch.source());
    return sources;
  }
  Lead CreateFrom(const std::string& source, const std::string& medium, const std::string& campaign) const {
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name("A deal");
    request.mutable_lead()->set_source(source);
    request.mutable_lead()->set_medium(medium);
    request.mutable_lead()->set_campaign(campaign);
    return admin_.Must<Lead>(request);
  }
  std::vector<std::string> Campaigns(const std::string& filter = "") const {
    pipeline::v1::ListCampaignsRequest request;
    request.set_filter(filter);
    const auto answer = admin_.Must<pipeline::v1::ListCampaignsResponse>(request);
    std::vector<std::string> codes;
    for (const Campaign& campaign : answer.campaigns()) codes.push_back(campaign.code());
    return codes;
  }
  std::vector<std::string> Sources() const {
    const auto answer = admin_.Must<pipeline::v1::ListUtmSourcesResponse>(pipeline::v1::ListUtmSourcesRequest());
    std::vector<std::string> codes;
    for (const auto& source : answer.utm_sources()) codes.push_back(source.code());
    return codes;
  }
  std::vector<std::string> Mediums() const {
    const auto answer = admin_.Must<pipeline::v1::ListUtmMediumsResponse>(pipeline::v1::ListUtmMediumsRequest());
    std::vector<std::string> codes;
    for (const auto& medium : answer.utm_mediums()) codes.push_back(medium.code());
    return codes;
  }
};

TEST_F(TouchTest, ATouchIsKeptAndTold) {
  const Lead lead = CreateLead();
  auto request = By(lead.name(), "Google", "CPC", "Spring  Sale");
  request.mutable_touch()->set_channel(Lead::CHANNEL_WEB_FORM);
  request.mutable_touch()->set_landing_page("https://acme.example/?utm_source=Google");
  request.mutable_touch()->set_referrer("https://www.google.example/");
  (*request.mutable_touch()->mutable_click_ids())["gclid"] = "x1";
  request.mutable_touch()->set_submission("submissions/1");
  const Touch touch = Add(request);
  EXPECT_TRUE(touch.name().starts_with(lead.name() + "/touches/")) << touch.name();
  EXPECT_EQ(touch.source() + "/" + touch.medium() + "/" + touch.campaign(), "google/cpc/spring sale");
  EXPECT_EQ(touch.touch_time().seconds(), touch.create_time().seconds());
  pipeline::v1::GetTouchRequest get;
  get.set_name(touch.name());
  EXPECT_THAT(manager_.Must<Touch>(get), SameAs(touch));
  EXPECT_EQ(touch.click_ids().at("gclid"), "x1");

  const auto events = EventsAbout(touch.name());
  ASSERT_THAT(TypesOf(events), ElementsAre("touch.created"));
  EXPECT_EQ(events[0].partition_key(), lead.name().substr(6));
  EXPECT_THAT(events[0].data().touch(), SameAs(touch));
}

TEST_F(TouchTest, TheFirstMakesTheLeadsSourceAndLaterOnesLeaveIt) {
  const Lead lead = CreateLead();
  Add(By(lead.name(), "google", "cpc"));
  suite().Advance(std::chrono::minutes(1));
  Add(By(lead.name(), "newsletter", "email", "may"));
  const Lead now = GetLead(lead.name());
  EXPECT_EQ(now.source() + "/" + now.medium() + "/" + now.campaign(), "google/cpc/");
  EXPECT_THAT(SourcesOf(lead.name()), ElementsAre("google", "newsletter"));

  // Of a lead that names its source, even the first changes nothing.
  const Lead named = CreateFrom("", "Fair", "");
  Add(By(named.name(), "google", "cpc"));
  EXPECT_EQ(GetLead(named.name()).source() + "/" + GetLead(named.name()).medium(), "/fair");
  // Nor does one that comes after a touch that named none.
  const Lead direct = CreateLead();
  Add(By(direct.name(), ""));
  Add(By(direct.name(), "google"));
  EXPECT_EQ(GetLead(direct.name()).source(), "");
}

TEST_F(TouchTest, WhatIsNamedIsEnteredInTheCatalogueOnce) {
  CreateFrom("Google", "CPC", "Spring");
  CreateFrom("google", "cpc", "SPRING");
  Add(By(CreateLead().name(), "bing", "CPC", "Summer"));
  EXPECT_THAT(Campaigns(), ElementsAre("spring", "summer"));
  EXPECT_THAT(Sources(), ElementsAre("bing", "google"));
  EXPECT_THAT(Mediums(), ElementsAre("cpc"));
  EXPECT_THAT(Campaigns("code = \"Spring\""), ElementsAre("spring"));
  std::vector<std::string> types = TypesOf(Events());
  EXPECT_EQ(std::count(types.begin(), types.end(), "campaign.created"), 2);
  EXPECT_EQ(std::count(types.begin(), types.end(), "utm_source.created"), 2);
  EXPECT_EQ(std::count(types.begin(), types.end(), "utm_medium.created"), 1);
}

TEST_F(TouchTest, UpdatesBatchesAndImportsEnterTheirsToo) {
  const Lead lead = CreateLead();
  pipeline::v1::UpdateLeadRequest update;
  update.mutable_lead()->set_name(lead.name());
  update.mutable_lead()->set_campaign("By Update");
  update.set_validate_only(true);
  admin_.Must<Lead>(update);
  EXPECT_THAT(Campaigns(), IsEmpty());
  update.set_validate_only(false);
  admin_.Must<Lead>(update);
  pipeline::v1::BatchUpdateLeadsRequest batch;
  *batch.add_requests() = update;
  batch.mutable_requests(0)->mutable_lead()->set_campaign("by batch");
  admin_.Must<pipeline::v1::BatchLeadsResponse>(batch);
  pipeline::v1::BatchCreateLeadsRequest create;
  create.add_requests()->mutable_lead()->set_display_name("A deal");
  create.mutable_requests(0)->mutable_lead()->set_campaign("by creation");
  admin_.Must<pipeline::v1::BatchCreateLeadsResponse>(create);
  pipeline::v1::BulkUpsertLeadsRequest upsert;
  Lead& good = *upsert.add_items()->mutable_lead();
  good.set_display_name("A deal");
  good.set_campaign("By  Import");
  good.add_external_ids()->set_system("crm");
  good.mutable_external_ids(0)->set_id("1");
  upsert.add_items()->mutable_lead()->set_campaign("refused");
  service_.Must<pipeline::v1::BulkUpsertLeadsResponse>(upsert);
  EXPECT_THAT(Campaigns(), UnorderedElementsAre("by update", "by batch", "by creation", "by import"));
}

TEST_F(TouchTest, ManyThatSeeACodeAtOnceMakeOneRecord) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { CreateFrom("Race", "", ""); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(Sources(), ElementsAre("race"));
}

TEST_F(TouchTest, ACodeIsUnique) {
  pipeline::v1::CreateCampaignRequest request;
  request.mutable_campaign()->set_display_name("Spring Sale");
  request.set_campaign_id("spring");
  EXPECT_EQ(admin_.Must<Campaign>(request).code(), "spring sale");
  request.set_campaign_id("other");
  request.mutable_campaign()->set_code("SPRING sale");
  const auto taken = admin_.Call<Campaign>(request);
  EXPECT_THAT(taken, IsError(StatusCode::kAlreadyExists, "RESOURCE_EXISTS"));
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(taken.status()).resource_name(), "campaigns/spring");

  // A deleted one gives its code back, and who names it makes it anew.
  pipeline::v1::DeleteCampaignRequest remove;
  remove.set_name("campaigns/spring");
  admin_.Must<Campaign>(remove);
  EXPECT_THAT(Campaigns(), IsEmpty());
  CreateFrom("", "", "Spring Sale");
  EXPECT_THAT(Campaigns(), ElementsAre("spring sale"));
}

TEST_F(TouchTest, ACampaignHasACostAndDays) {
  pipeline::v1::CreateCampaignRequest request;
  request.mutable_campaign()->set_display_name("Fair");
  request.mutable_campaign()->mutable_cost()->set_units(1200);
  request.mutable_campaign()->mutable_start_date()->set_year(2026);
  request.mutable_campaign()->mutable_start_date()->set_month(5);
  request.mutable_campaign()->mutable_start_date()->set_day(2);
  *request.mutable_campaign()->mutable_end_date() = request.campaign().start_date();
  const Campaign campaign = manager_.Must<Campaign>(request);
  EXPECT_EQ(campaign.cost().units(), 1200);
  EXPECT_EQ(campaign.cost().currency_code(), "USD");
  request.mutable_campaign()->set_display_name("Other");
  request.mutable_campaign()->mutable_end_date()->set_day(1);
  EXPECT_THAT(BadFields(manager_.Call<Campaign>(request).status()), ElementsAre("campaign.end_date"));
}

TEST_F(TouchTest, AMergeMovesTouches) {
  const Lead first = CreateLead();
  const Lead second = CreateLead();
  Add(By(first.name(), "google"));
  suite().Advance(std::chrono::minutes(1));
  const Touch moved = Add(By(second.name(), "bing"));
  pipeline::v1::MergeLeadsRequest merge;
  merge.add_names(first.name());
  merge.add_names(second.name());
  merge.set_survivor(first.name());
  admin_.Must<Lead>(merge);
  EXPECT_THAT(SourcesOf(first.name()), ElementsAre("google", "bing"));
  EXPECT_THAT(SourcesOf(second.name()), ElementsAre("google", "bing"));
  pipeline::v1::GetTouchRequest get;
  get.set_name(moved.name());
  EXPECT_TRUE(manager_.Must<Touch>(get).name().starts_with(first.name()));
  // What comes for the one that is gone, comes to the survivor.
  EXPECT_TRUE(Add(By(second.name(), "fair")).name().starts_with(first.name() + "/"));
}

TEST_F(TouchTest, IsRefusedWithReasons) {
  const Lead lead = CreateLead();
  auto request = By(lead.name(), "google");
  EXPECT_THAT(rep_.Call<Touch>(request), IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));
  request.mutable_touch()->set_source(std::string(201, 'x'));
  EXPECT_THAT(BadFields(service_.Call<Touch>(request).status()), ElementsAre("touch.source"));
  EXPECT_THAT(service_.Call<Touch>(By("leads/" + Uuid::V7(Clock::System().Now()).ToString(), "google")),
              IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_THAT(suite()
                  .As(suite().NewTenant(), type::v1::ROLE_SERVICE, "services/capture")
                  .Call<Touch>(By(lead.name(), "google")),
              IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));

  request = By(lead.name(), "google");
  request.set_validate_only(true);
  service_.Must<Touch>(request);
  EXPECT_THAT(SourcesOf(lead.name()), IsEmpty());
  EXPECT_THAT(Sources(), IsEmpty());
  EXPECT_EQ(GetLead(lead.name()).source(), "");
  request.set_validate_only(false);
  request.set_request_id(NewRequestId());
  const Touch first = Add(request);
  EXPECT_THAT(Add(request), SameAs(first));
  EXPECT_THAT(SourcesOf(lead.name()), SizeIs(1));
  request.set_request_id("");
  request.set_touch_id(first.name().substr(first.name().rfind('/') + 1));
  EXPECT_THAT(service_.Call<Touch>(request), IsError(StatusCode::kAlreadyExists, "RESOURCE_EXISTS"));
}

}  // namespace
}  // namespace embudo::testing
