// A user's agenda across leads.

#include "embudo/pipeline/v1/activity_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::GetAgendaRequest;
using pipeline::v1::GetAgendaResponse;
using std::chrono::days;
using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using type::v1::Activity;
using type::v1::Lead;

class AgendaTest : public PipelineTest {
 protected:
  void SetUp() override {
    CreateUser("rep");
    CreateUser("ada");
  }

  static Day Today() { return std::chrono::floor<days>(suite().clock().Now()); }
  Activity Plan(const std::string& lead, int in_days, const std::string& assignee = "users/rep") const {
    pipeline::v1::CreateActivityRequest request;
    request.set_parent(lead);
    request.mutable_activity()->set_summary("In " + std::to_string(in_days));
    request.mutable_activity()->set_assignee(assignee);
    *request.mutable_activity()->mutable_due_date() = ToDate(Today() + days(in_days));
    return admin_.Must<Activity>(request);
  }
  static GetAgendaRequest Of(const std::string& user) {
    GetAgendaRequest request;
    request.set_user(user);
    return request;
  }
  static std::vector<std::string> Summaries(const GetAgendaResponse& agenda) {
    std::vector<std::string> summaries;
    for (const auto& item : agenda.items()) summaries.push_back(item.activity().summary());
    return summaries;
  }
};

TEST_F(AgendaTest, ShowsWhatIsPlannedByDueDate) {
  const std::string one = CreateLead("Laptops").name();
  const std::string two = CreateLead("Desks").name();
  for (const int in_days : {3, -1, 0, 7, 8}) Plan(one, in_days);
  Plan(two, -3);
  Plan(two, 1, "users/ada");
  pipeline::v1::CancelActivityRequest cancel;
  cancel.set_name(Plan(two, 2).name());
  admin_.Must<Activity>(cancel);
  const auto agenda = rep_.Must<GetAgendaResponse>(Of("users/me"));
  EXPECT_THAT(Summaries(agenda), ElementsAre("In -3", "In -1", "In 0", "In 3", "In 7"));
  EXPECT_EQ(agenda.items(0).lead_display_name(), "Desks");
  EXPECT_EQ(agenda.items(0).activity().due_state(), Activity::DUE_STATE_OVERDUE);
  EXPECT_EQ(agenda.items(2).activity().due_state(), Activity::DUE_STATE_TODAY);
  EXPECT_EQ(agenda.items(4).activity().due_state(), Activity::DUE_STATE_PLANNED);
  EXPECT_EQ(FromDate(agenda.today()), Today());
  EXPECT_EQ(agenda.overdue_count(), 2);
  EXPECT_EQ(agenda.today_count(), 1);
  EXPECT_EQ(agenda.planned_count(), 2);
  GetAgendaRequest longer = Of("users/rep");
  longer.set_days(30);
  EXPECT_EQ(rep_.Must<GetAgendaResponse>(longer).items_size(), 6);

  // What a deleted lead had planned is nobody's task.
  pipeline::v1::DeleteLeadRequest remove;
  remove.set_name(two);
  admin_.Must<Lead>(remove);
  EXPECT_EQ(rep_.Must<GetAgendaResponse>(Of("users/me")).overdue_count(), 1);
}

TEST_F(AgendaTest, PagesGoByKey) {
  const std::string lead = CreateLead().name();
  for (int i = 0; i < 5; ++i) Plan(lead, i / 2);
  GetAgendaRequest request = Of("users/rep");
  request.set_page_size(2);
  std::vector<std::string> names;
  int pages = 0;
  do {
    const auto page = rep_.Must<GetAgendaResponse>(request);
    for (const auto& item : page.items()) names.push_back(item.activity().name());
    EXPECT_EQ(page.planned_count(), 3);
    request.set_page_token(page.next_page_token());
    ++pages;
  } while (!request.page_token().empty() && pages < 10);
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(names.size(), 5u);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 5u);

  request.set_page_token(rep_.Must<GetAgendaResponse>([&] {
                               GetAgendaRequest first = Of("users/rep");
                               first.set_page_size(1);
                               return first;
                             }())
                             .next_page_token());
  request.set_days(3);
  EXPECT_THAT(rep_.Call<GetAgendaResponse>(request), IsError(StatusCode::kInvalidArgument, "PAGE_TOKEN_MISMATCH"));
  request.set_page_token("nonsense");
  EXPECT_THAT(BadFields(rep_.Call<GetAgendaResponse>(request).status()), ElementsAre("page_token"));
}

TEST_F(AgendaTest, OthersAreForManagers) {
  EXPECT_THAT(rep_.Call<GetAgendaResponse>(Of("users/ada")), IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));
  for (const Caller& caller : {admin_, manager_, service_}) {
    EXPECT_EQ(caller.Must<GetAgendaResponse>(Of("users/ada")).items_size(), 0);
    EXPECT_THAT(caller.Call<GetAgendaResponse>(Of("users/none")), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  }
  EXPECT_THAT(BadFields(admin_.Call<GetAgendaResponse>(Of("")).status()), ElementsAre("user"));
}

TEST_F(AgendaTest, TodayFollowsTheUsersZone) {
  for (const auto& [user, zone] :
       {std::pair("users/ada", "Pacific/Kiritimati"), std::pair("users/rep", "Pacific/Niue")}) {
    pipeline::v1::UpdateUserRequest update;
    update.mutable_user()->set_name(user);
    update.mutable_user()->set_time_zone(zone);
    update.mutable_update_mask()->add_paths("time_zone");
    admin_.Must<type::v1::User>(update);
  }
  const Time now = suite().clock().Now();
  suite().clock().Set(Today() + hours(10) + std::chrono::minutes(30));
  const std::string lead = CreateLead().name();
  Plan(lead, 0, "users/ada");
  Plan(lead, 0, "users/rep");
  // At 10:30 UTC it is tomorrow on Kiritimati (14 hours ahead) and yesterday still on Niue (11 hours behind).
  const auto ahead = admin_.Must<GetAgendaResponse>(Of("users/ada"));
  EXPECT_EQ(FromDate(ahead.today()), Today() + days(1));
  EXPECT_EQ(ahead.overdue_count(), 1);
  const auto behind = admin_.Must<GetAgendaResponse>(Of("users/rep"));
  EXPECT_EQ(FromDate(behind.today()), Today() - days(1));
  EXPECT_EQ(behind.planned_count(), 1);
  suite().clock().Set(now);
}

TEST_F(AgendaTest, GoesByItsIndex) {
  const db::Result plan = suite().Query(
      "EXPLAIN SELECT 1 FROM pipeline.activity t WHERE t.tenant_id = 'x' AND t.assignee_id = 'u'"
      " AND t.state = 'PLANNED' AND t.delete_time IS NULL AND t.due_date <= '2026-07-01'"
      " ORDER BY t.due_date LIMIT 51");
  std::string text;
  for (int i = 0; i < plan.size(); ++i) text += std::string(plan[i].Text(0)) + "\n";
  EXPECT_THAT(text, HasSubstr("activity_agenda"));
}

}  // namespace
}  // namespace embudo::testing
