// How long events are kept, and what a reader is told that comes too late.

#include "embudo/pipeline/v1/event_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/subscription_service.pb.h"
#include "embudo/pipeline/v1/tenant_service.pb.h"
#include "google/rpc/error_details.pb.h"
#include "services/pipeline/bind.h"
#include "services/pipeline/events/maintenance.h"
#include "services/pipeline/storage/migrations.h"
#include "tests/integration/pipeline/consumer.h"
#include "tests/integration/pipeline/tailer.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::ListEventsRequest;
using pipeline::v1::ListEventsResponse;
using pipeline::v1::TailRequest;
using pipeline::v1::TailResponse;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using type::v1::Lead;

/// A suite of its own, since weeks go by.
class RetentionTest : public ::testing::Test {
 protected:
  struct Tenant {
    Caller admin;
    std::string start;  ///< cursor before its first lead
  };

  Tenant NewTenant(int days) {
    const std::string id = "keeps-" + std::to_string(days);
    Tenant tenant{suite_.As(id, type::v1::ROLE_ADMIN), ""};
    pipeline::v1::CreateTenantRequest request;
    request.set_tenant_id(id);
    request.mutable_tenant()->set_display_name(id);
    request.mutable_tenant()->set_event_retention_days(days);
    tenant.admin.Must<type::v1::Tenant>(request);
    WaitUntilPositioned();
    tenant.start = tenant.admin.Must<ListEventsResponse>(AllPages()).cursor();
    return tenant;
  }
  void Keep(const Tenant& tenant, int days) {
    suite_.Query("UPDATE pipeline.tenant SET event_retention_days = $2::int WHERE tenant_id = $1",
                 db::Params::Of(tenant.admin.identity().tenant, days));
  }
  static ListEventsRequest AllPages() {
    ListEventsRequest request;
    request.set_page_size(1000);
    return request;
  }
  std::string CreateLead(const Tenant& tenant, const std::string& title) {
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name(title);
    std::string name = tenant.admin.Must<Lead>(request).name();
    WaitUntilPositioned();
    return name;
  }
  void WaitUntilPositioned() {
    EXPECT_TRUE(Eventually([&] { return suite_.Query("SELECT FROM pipeline.event_pending").empty(); }));
  }
  /// Titles of the leads of which the creation is listed.
  static std::vector<std::string> Titles(const Tenant& tenant, const std::string& cursor = "") {
    ListEventsRequest request = AllPages();
    request.set_filter("type = \"lead.created\"");
    if (!cursor.empty()) request.set_cursor(cursor);
    std::vector<std::string> titles;
    const auto response = tenant.admin.Must<ListEventsResponse>(request);
    for (const auto& event : response.events()) titles.push_back(event.data().lead().display_name());
    return titles;
  }
  /// The earliest cursor that each way to read from `cursor` on answers with.
  static std::string EarliestInsteadOf(const Tenant& tenant, const std::string& cursor) {
    const auto expired = IsError(StatusCode::kOutOfRange, "CURSOR_EXPIRED");
    const absl::Status status = Tailer(tenant.admin, Tailer::Cursor(cursor)).WaitForEnd();
    EXPECT_THAT(status, expired);
    ListEventsRequest list;
    list.set_cursor(cursor);
    EXPECT_THAT(tenant.admin.Call<ListEventsResponse>(list).status(), expired);
    pipeline::v1::CreateSubscriptionRequest create;
    create.mutable_subscription()->set_display_name("Index");
    create.mutable_subscription()->set_start(type::v1::Subscription::START_EARLIEST);
    pipeline::v1::SeekSubscriptionRequest seek;
    seek.set_name(tenant.admin.Must<type::v1::Subscription>(create).name());
    seek.set_cursor(cursor);
    EXPECT_THAT(tenant.admin.Call<pipeline::v1::SeekSubscriptionResponse>(seek).status(), expired);
    const auto info = DetailOf<google::rpc::ErrorInfo>(status);
    return info.metadata().contains("earliest_cursor") ? info.metadata().at("earliest_cursor") : "";
  }
  bool HasDay(const std::string& day) {
    return !suite_.Query("SELECT FROM pg_class WHERE relname = 'event_" + day + "'").empty();
  }

  Suite suite_{std::vector<ServiceUnderTest>{{"pipeline", pipeline::Bind, &pipeline::storage::Migrations()}}};
};

TEST_F(RetentionTest, ATenantsDaysAreItsOwn) {
  const Tenant standard = NewTenant(0);
  const Tenant brief = NewTenant(5);
  for (const Tenant& tenant : {standard, brief}) CreateLead(tenant, "First");
  suite_.Advance(std::chrono::days(10));
  for (const Tenant& tenant : {standard, brief}) CreateLead(tenant, "Second");

  EXPECT_THAT(Titles(standard, standard.start), ElementsAre("First", "Second"));
  EXPECT_THAT(Titles(brief), ElementsAre("Second"));
  const std::string earliest = EarliestInsteadOf(brief, brief.start);
  EXPECT_THAT(Titles(brief, earliest), ElementsAre("Second"));
  Tailer tail(brief.admin, Tailer::Cursor(earliest));
  ASSERT_TRUE(tail.WaitForEvents(1));
  EXPECT_EQ(tail.events()[0].data().lead().display_name(), "Second");
  const Time kept = FromTimestamp(tail.responses()[0].started().earliest_time());
  EXPECT_GE(kept, suite_.clock().Now() - std::chrono::days(6));
  // A time before what is kept means the oldest that is.
  TailRequest at;
  *at.mutable_start()->mutable_time() = ToTimestamp(suite_.clock().Now() - std::chrono::days(20));
  Tailer timed(brief.admin, at);
  ASSERT_TRUE(timed.WaitForEvents(1));
  EXPECT_EQ(timed.events()[0].data().lead().display_name(), "Second");
}

TEST_F(RetentionTest, DaysThatNobodyKeepsAreDropped) {
  const Tenant tenant = NewTenant(0);
  const std::string lead = CreateLead(tenant, "First");
  const std::string quiet = tenant.admin.Must<ListEventsResponse>(AllPages()).cursor();
  ASSERT_TRUE(HasDay("20260615"));
  pipeline::events::Maintenance maintenance(
      db::ConninfoFor(suite_.database().conninfo(), "pipeline_worker", "maintenance"), suite_.clock());
  suite_.Advance(std::chrono::days(30));
  ASSERT_TRUE(maintenance.RunOnce().ok());
  EXPECT_TRUE(HasDay("20260615"));  // 30 days, and the day that is not over
  // One that keeps them for longer keeps them for all.
  const Tenant keeper = NewTenant(60);
  suite_.Advance(std::chrono::days(2));
  ASSERT_TRUE(maintenance.RunOnce().ok());
  EXPECT_TRUE(HasDay("20260615"));
  EXPECT_THAT(Titles(tenant), IsEmpty());
  Keep(keeper, 30);
  ASSERT_TRUE(maintenance.RunOnce().ok());
  EXPECT_FALSE(HasDay("20260615"));

  // A reader that had everything of what is gone has lost nothing.
  EXPECT_THAT(Titles(tenant, quiet), IsEmpty());
  CreateLead(tenant, "Second");
  EXPECT_THAT(Titles(tenant, quiet), ElementsAre("Second"));
  const std::string earliest = EarliestInsteadOf(tenant, tenant.start);
  Tailer tail(tenant.admin, Tailer::Cursor(earliest));
  ASSERT_TRUE(tail.WaitForEvents(1));
  EXPECT_EQ(tail.events()[0].data().lead().display_name(), "Second");
  Tailer first(tenant.admin, Tailer::Earliest());
  ASSERT_TRUE(first.WaitFor(TailResponse::kCaughtUp));
  ASSERT_THAT(first.events(), SizeIs(1));
  // The history of a lead's fields lives as long as the lead.
  pipeline::v1::ListLeadChangesRequest changes;
  changes.set_parent(lead);
  EXPECT_GT(tenant.admin.Must<pipeline::v1::ListLeadChangesResponse>(changes).changes_size(), 0);
}

TEST_F(RetentionTest, ASubscriptionThatFellOutOfWhatIsKeptIsTold) {
  const Tenant tenant = NewTenant(5);
  pipeline::v1::CreateSubscriptionRequest create;
  create.mutable_subscription()->set_display_name("Index");
  create.mutable_subscription()->set_filter(R"(type = "lead.created")");
  create.mutable_subscription()->set_start(type::v1::Subscription::START_LATEST);
  const std::string name = tenant.admin.Must<type::v1::Subscription>(create).name();
  create.mutable_subscription()->set_push_uri("https://example.com/hook");
  const std::string hook = tenant.admin.Must<type::v1::Subscription>(create).name();
  pipeline::v1::GetSubscriptionStatsRequest stats;
  stats.set_name(name);
  EXPECT_EQ(tenant.admin.Must<pipeline::v1::SubscriptionStats>(stats).expired_count(), 0);
  // The place of the webhook stays behind as if its process had been down.
  suite_.Query("UPDATE pipeline.subscription SET paused = true WHERE push_uri <> ''");
  CreateLead(tenant, "First");
  suite_.Advance(std::chrono::days(10));
  CreateLead(tenant, "Second");

  EXPECT_EQ(tenant.admin.Must<pipeline::v1::SubscriptionStats>(stats).expired_count(), 1);
  const absl::Status end = Consumer(tenant.admin, name).WaitForEnd();
  EXPECT_THAT(end, IsError(StatusCode::kOutOfRange, "CURSOR_EXPIRED"));
  const auto info = DetailOf<google::rpc::ErrorInfo>(end);
  EXPECT_EQ(info.metadata().at("expired_count"), "1");
  // It is read on from where somebody says.
  pipeline::v1::SeekSubscriptionRequest seek;
  seek.set_name(name);
  seek.set_cursor(info.metadata().at("earliest_cursor"));
  tenant.admin.Must<pipeline::v1::SeekSubscriptionResponse>(seek);
  Consumer worker(tenant.admin, name);
  ASSERT_TRUE(worker.WaitForDeliveries(1));
  EXPECT_EQ(worker.deliveries()[0].event().data().lead().display_name(), "Second");
  EXPECT_EQ(tenant.admin.Must<pipeline::v1::SubscriptionStats>(stats).expired_count(), 0);

  // A webhook is paused again, and says why.
  pipeline::v1::UpdateSubscriptionRequest on;
  on.mutable_subscription()->set_name(hook);
  on.mutable_update_mask()->add_paths("paused");
  tenant.admin.Must<type::v1::Subscription>(on);
  pipeline::v1::GetSubscriptionRequest get;
  get.set_name(hook);
  EXPECT_TRUE(Eventually([&] { return tenant.admin.Must<type::v1::Subscription>(get).paused(); }));
  EXPECT_NE(tenant.admin.Must<type::v1::Subscription>(get).pause_reason(), "");
}

TEST_F(RetentionTest, ASubscriptionBeginsWithWhatIsKept) {
  const Tenant tenant = NewTenant(5);
  CreateLead(tenant, "First");
  suite_.Advance(std::chrono::days(10));
  CreateLead(tenant, "Second");
  pipeline::v1::CreateSubscriptionRequest create;
  create.mutable_subscription()->set_display_name("Index");
  create.mutable_subscription()->set_start(type::v1::Subscription::START_EARLIEST);
  pipeline::v1::GetSubscriptionStatsRequest stats;
  stats.set_name(tenant.admin.Must<type::v1::Subscription>(create).name());
  const auto place = tenant.admin.Must<pipeline::v1::SubscriptionStats>(stats);
  EXPECT_THAT(Titles(tenant, place.cursor()), ElementsAre("Second"));
  EXPECT_EQ(FromTimestamp(place.oldest_time()), suite_.clock().Now());
}

}  // namespace
}  // namespace embudo::testing
