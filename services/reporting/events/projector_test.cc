#include "services/reporting/events/projector.h"

#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <sstream>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/money.h"
#include "common/resource/resource.h"
#include "common/testing/manual_clock.h"
#include "common/testing/postgres.h"
#include "common/testing/shared_data.h"
#include "common/text/csv.h"
#include "common/text/dates.h"
#include "services/reporting/storage/lead_table.h"
#include "services/reporting/storage/migrations.h"
#include "services/reporting/storage/report.h"

namespace embudo::reporting::events {
namespace {

using testing::Database;
using ::testing::ElementsAre;
using type::v1::Event;
using type::v1::Lead;

constexpr char kTenant[] = "acme";

Event EventOf(const std::string& type, const google::protobuf::Message& record, const std::string& tenant = kTenant) {
  Event event;
  event.set_tenant(tenant);
  event.set_type(type);
  event.set_subject(resource::NameOf(record));
  resource::SetResource(record, event.mutable_data());
  return event;
}

google::type::Money Usd(const std::string& amount) { return *MoneyFromNumeric(amount, "USD"); }

google::protobuf::Timestamp At(const std::string& text) { return ToTimestamp(*text::ParseTime(text)); }

/// `leads/…` with the number as its id.
std::string LeadName(int number) {
  char id[64];
  std::snprintf(id, sizeof id, "leads/00000000-0000-7000-8000-%012d", number);
  return id;
}

Lead OpenDeal(int number, const std::string& revenue, double probability) {
  Lead lead;
  lead.set_name(LeadName(number));
  lead.set_display_name("Deal " + std::to_string(number));
  lead.set_kind(Lead::KIND_OPPORTUNITY);
  lead.set_state(Lead::STATE_OPEN);
  lead.set_pipeline("pipelines/main");
  lead.set_stage("pipelines/main/stages/new");
  *lead.mutable_expected_revenue() = Usd(revenue);
  lead.set_probability(probability);
  *lead.mutable_open_time() = At("2026-01-01");
  *lead.mutable_create_time() = At("2026-01-01");
  *lead.mutable_update_time() = At("2026-01-01");
  return lead;
}

Lead WonDeal(int number, const std::string& revenue, const std::string& open, const std::string& close) {
  Lead lead = OpenDeal(number, revenue, 100);
  lead.set_state(Lead::STATE_WON);
  lead.set_stage("pipelines/main/stages/won");
  *lead.mutable_open_time() = At(open);
  *lead.mutable_close_time() = At(close);
  return lead;
}

template <class Record>
Event NameEvent(const std::string& type, const std::string& name, const std::string& display_name, int sequence = -1) {
  Record record;
  record.set_name(name);
  record.set_display_name(display_name);
  if constexpr (std::is_same_v<Record, type::v1::Stage>) record.set_sequence(sequence);
  return EventOf(type, record);
}

std::vector<std::string> Show(const std::vector<logic::Row>& rows) {
  std::vector<std::string> out;
  for (const logic::Row& row : rows) {
    std::string text;
    for (const logic::Value& value : row.values) text += value.display_name + " ";
    out.push_back(text + std::to_string(row.measures.count) + " " + ToNumeric(row.measures.expected_revenue));
  }
  return out;
}

class ProjectorTest : public ::testing::Test {
 protected:
  void Project(const std::vector<Event>& events) {
    const absl::Status status =
        db::RunInTx(*worker_, "", db::After(testing::kPatience),
                    [&](db::Connection& connection) { return events::Project(connection, events); });
    ASSERT_TRUE(status.ok()) << status;
  }

  absl::StatusOr<storage::Report> Report(const std::vector<std::string>& group_by, const std::string& filter = "",
                                         const storage::Visibility& visibility = {},
                                         const std::string& tenant = kTenant) {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, rpc_->Acquire(tenant, db::After(testing::kPatience)));
    storage::Query query{.tenant = tenant, .kind = "OPPORTUNITY", .visibility = visibility, .now = clock_.Now()};
    EMBUDO_ASSIGN_OR_RETURN(query.settings, storage::LoadSettings(*lease, tenant));
    EMBUDO_ASSIGN_OR_RETURN(query.dimensions, logic::ParseGroupBy(group_by));
    const auto resolver = [&](const std::string& type, const std::string& field, const std::string& value) {
      return storage::FindNames(*lease, tenant, type, field, value);
    };
    EMBUDO_ASSIGN_OR_RETURN(query.filter, filter::Filter::Compile(filter, storage::LeadSchema(), resolver));
    storage::Origin origin;
    EMBUDO_ASSIGN_OR_RETURN(storage::Report report, storage::RunReport(*lease, query, &origin));
    EMBUDO_RETURN_IF_ERROR(storage::FillNames(*lease, tenant, report.rows));
    logic::Sort(report.rows);
    return report;
  }

  std::vector<std::string> Rows(const std::vector<std::string>& group_by, const std::string& filter = "") {
    const auto report = Report(group_by, filter);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? Show(report->rows) : std::vector<std::string>();
  }

  /// With a limit of how long facts may be read, and what is told of sums that are made.
  absl::Status Counted(std::chrono::milliseconds limit, storage::Origin* origin,
                       const std::function<bool()>& made = nullptr) {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, rpc_->Acquire(kTenant, db::After(testing::kPatience)));
    storage::Query query{.tenant = kTenant, .kind = "OPPORTUNITY", .now = clock_.Now(), .limit = limit};
    EMBUDO_ASSIGN_OR_RETURN(query.settings, storage::LoadSettings(*lease, kTenant));
    EMBUDO_ASSIGN_OR_RETURN(query.dimensions, logic::ParseGroupBy({"source"}));
    if (made) query.await_sum = [&](storage::Cube, const auto&, std::chrono::milliseconds) { return made(); };
    return storage::RunReport(*lease, query, origin).status();
  }

  testing::ManualClock clock_;
  std::unique_ptr<Database> database_ =
      testing::Postgres::Shared().CreateDatabase({{"reporting", &storage::Migrations()}});
  std::unique_ptr<db::Pool> worker_ = database_->PoolAs("reporting_worker");
  std::unique_ptr<db::Pool> rpc_ = database_->PoolAs("reporting_rpc");
};

TEST_F(ProjectorTest, TheLastEventOfALeadCounts) {
  Lead lead = OpenDeal(1, "100.50", 20);
  const Event created = EventOf("lead.created", lead);
  *lead.mutable_expected_revenue() = Usd("250.25");
  lead.set_probability(33.33);
  Project({created, EventOf("lead.updated", lead), EventOf("lead.created", OpenDeal(2, "0.01", 33.33))});

  auto report = Report({});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->total.count, 2);
  EXPECT_EQ(report->total.open_count, 2);
  EXPECT_EQ(ToNumeric(report->total.expected_revenue), "250.26");
  EXPECT_EQ(ToNumeric(report->total.weighted_revenue), "83.411658");  // 33.33 % of it, to the last digit

  lead.set_state(Lead::STATE_LOST);
  lead.set_probability(0);
  *lead.mutable_close_time() = At("2026-02-01");
  Project({EventOf("lead.lost", lead)});
  report = Report({});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->total.open_count, 1);
  EXPECT_EQ(report->total.lost_count, 1);
  EXPECT_EQ(ToNumeric(report->total.lost_revenue), "250.25");
}

TEST_F(ProjectorTest, DeletedLeadsAreGoneAndComeBack) {
  Lead lead = OpenDeal(1, "10", 10);
  Project({EventOf("lead.created", lead)});
  Lead deleted = lead;
  *deleted.mutable_delete_time() = At("2026-02-01");
  Project({EventOf("lead.deleted", deleted)});
  EXPECT_EQ(Report({})->total.count, 0);
  Project({EventOf("lead.updated", lead)});
  EXPECT_EQ(Report({})->total.count, 1);
}

TEST_F(ProjectorTest, RowsAreNamedAndInOrder) {
  Lead won = WonDeal(3, "30", "2026-01-01", "2026-01-11");
  won.set_owner("users/ann");
  Project({NameEvent<type::v1::Stage>("stage.created", "pipelines/main/stages/won", "Signed", 20),
           NameEvent<type::v1::Stage>("stage.created", "pipelines/main/stages/new", "Fresh", 10),
           NameEvent<type::v1::User>("user.created", "users/ann", "Ann"),
           EventOf("lead.created", OpenDeal(1, "10", 10)), EventOf("lead.created", OpenDeal(2, "20", 10)),
           EventOf("lead.created", won)});
  EXPECT_THAT(Rows({"stage"}), ElementsAre("Fresh 2 30", "Signed 1 30"));
  EXPECT_THAT(Rows({"owner", "state"}), ElementsAre("Ann WON 1 30", " OPEN 2 30"));
  EXPECT_THAT(Rows({"stage"}, R"(stage.display_name = "Signed")"), ElementsAre("Signed 1 30"));
  EXPECT_THAT(Rows({"probability_band"}), ElementsAre("10-20 2 30", "90-100 1 30"));

  // A user who left still owns closed deals, and a renamed stage shows its new name.
  Project({NameEvent<type::v1::User>("user.deleted", "users/ann", "Ann"),
           NameEvent<type::v1::Stage>("stage.updated", "pipelines/main/stages/won", "Won", 5)});
  EXPECT_THAT(Rows({"owner", "stage"}), ElementsAre("Ann Won 1 30", " Fresh 2 30"));
}

TEST_F(ProjectorTest, SetsCountInEveryRowAndOnceInTheTotal) {
  Lead both = OpenDeal(1, "100", 50);
  both.add_tags("tags/hot");
  both.add_tags("tags/big");
  Lead one = OpenDeal(2, "10", 50);
  one.add_tags("tags/hot");
  Project({NameEvent<type::v1::Tag>("tag.created", "tags/hot", "Hot"), EventOf("lead.created", both),
           EventOf("lead.created", one), EventOf("lead.created", OpenDeal(3, "1", 50))});
  const auto report = Report({"tag"});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(Show(report->rows), ElementsAre("Hot 2 110", "tags/big 1 100", " 1 1"));
  EXPECT_EQ(report->total.count, 3);
  EXPECT_EQ(ToNumeric(report->total.expected_revenue), "111");
}

TEST_F(ProjectorTest, PeriodsAreThoseOfTheTenantsTimeZone) {
  type::v1::Tenant tenant;
  tenant.set_name("tenants/acme");
  tenant.set_currency_code("USD");
  tenant.set_time_zone("America/New_York");
  // Two in the morning, UTC, of 1 February is still January in New York.
  Lead late = WonDeal(1, "5", "2026-01-31T23:00:00Z", "2026-02-01T02:00:00Z");
  late.mutable_expected_close_date()->set_year(2026);
  late.mutable_expected_close_date()->set_month(2);
  late.mutable_expected_close_date()->set_day(1);
  Project({EventOf("tenant.created", tenant), EventOf("lead.created", late)});
  EXPECT_THAT(Rows({"close_month"}), ElementsAre("2026-01 1 5"));
  EXPECT_THAT(Rows({"close_week", "close_quarter"}), ElementsAre("2026-W05 2026-Q1 1 5"));
  EXPECT_THAT(Rows({"expected_close_month"}), ElementsAre("2026-02 1 5"));
  EXPECT_EQ(Report({})->total.won_cycle_days, 0);

  tenant.set_time_zone("Mars/Olympus");
  Project({EventOf("tenant.updated", tenant)});
  EXPECT_THAT(Rows({"close_month"}), ElementsAre("2026-02 1 5"));
  EXPECT_EQ(Report({})->total.won_cycle_days, 1);
}

TEST_F(ProjectorTest, CyclesThatBeganAfterTheyEndedAreNotKnown) {
  Project({EventOf("lead.created", WonDeal(1, "1", "2026-01-01", "2026-01-11")),
           EventOf("lead.created", WonDeal(2, "1", "2026-06-01", "2017-03-01"))});
  const auto total = Report({})->total;
  EXPECT_EQ(total.won_count, 2);
  EXPECT_EQ(total.won_cycle_days, 10);
  EXPECT_EQ(total.won_cycle_count, 1);
}

TEST_F(ProjectorTest, OtherCurrenciesAreToldAndLeftOut) {
  Lead euros = OpenDeal(1, "100", 50);
  euros.mutable_expected_revenue()->set_currency_code("EUR");
  Lead monthly = OpenDeal(2, "10", 50);
  *monthly.mutable_recurring_revenue() = Usd("100");
  monthly.set_recurring_months(3);
  Project({EventOf("lead.created", euros), EventOf("lead.created", monthly)});
  const auto total = Report({"stage"})->total;
  EXPECT_EQ(total.other_currency_count, 1);
  EXPECT_EQ(ToNumeric(total.expected_revenue), "10");
  EXPECT_EQ(ToNumeric(total.recurring_revenue), "100");
  EXPECT_EQ(ToNumeric(total.monthly_recurring_revenue), "33.333333333");
}

TEST_F(ProjectorTest, CustomFieldsGroup) {
  Lead north = OpenDeal(1, "1", 1);
  (*north.mutable_custom_fields())["region"].set_string_value("north");
  Lead five = OpenDeal(2, "2", 1);
  (*five.mutable_custom_fields())["region"].set_number_value(5);
  Project(
      {EventOf("lead.created", north), EventOf("lead.created", five), EventOf("lead.created", OpenDeal(3, "3", 1))});
  EXPECT_THAT(Rows({"custom_fields.region"}), ElementsAre("5 1 2", "north 1 1", " 1 3"));
  // A key is a value, not a piece of the statement.
  EXPECT_THAT(Rows({"custom_fields.' OR 1=1 --"}), ElementsAre(" 3 6"));
}

TEST_F(ProjectorTest, RepresentativesSeeWhatTheirVisibilityShows) {
  Lead mine = OpenDeal(1, "1", 1);
  mine.set_owner("users/ann");
  Lead teams = OpenDeal(2, "10", 1);
  teams.set_team("teams/west");
  type::v1::Membership membership;
  membership.set_name("teams/west/memberships/m1");
  membership.set_user("users/ann");
  type::v1::User ann;
  ann.set_name("users/ann");
  ann.set_visibility(type::v1::User::VISIBILITY_TEAM);
  Project({EventOf("lead.created", mine), EventOf("lead.created", teams),
           EventOf("lead.created", OpenDeal(3, "100", 1)), EventOf("membership.created", membership),
           EventOf("user.created", ann)});
  const auto seen = [&] {
    auto lease = rpc_->Acquire(kTenant, db::After(testing::kPatience));
    const auto visibility = storage::LoadVisibility(**lease, kTenant, "users/ann");
    return ToNumeric(Report({}, "", *visibility)->total.expected_revenue);
  };
  EXPECT_EQ(seen(), "11");
  auto lease = rpc_->Acquire(kTenant, db::After(testing::kPatience));
  EXPECT_EQ(storage::LoadVisibility(**lease, kTenant, "users/nobody")->scope, storage::Visibility::Scope::kOwn);
  Project({EventOf("membership.deleted", membership)});
  EXPECT_EQ(seen(), "1");
  ann.set_visibility(type::v1::User::VISIBILITY_OWN);
  Project({EventOf("membership.created", membership), EventOf("user.updated", ann)});
  EXPECT_EQ(seen(), "1");
  ann.set_visibility(type::v1::User::VISIBILITY_ALL);
  Project({EventOf("user.updated", ann)});
  EXPECT_EQ(seen(), "111");
}

TEST_F(ProjectorTest, TenantsDoNotMix) {
  Project({EventOf("lead.created", OpenDeal(1, "1", 1)), EventOf("lead.created", OpenDeal(1, "50", 1), "other")});
  EXPECT_EQ(ToNumeric(Report({})->total.expected_revenue), "1");
  EXPECT_EQ(ToNumeric(Report({}, "", {}, "other")->total.expected_revenue), "50");
  // Row-level security holds even where the statement asks for another tenant's rows.
  auto lease = rpc_->Acquire("other", db::After(testing::kPatience));
  const auto stolen =
      (*lease)->Exec("SELECT count(*) FROM reporting.lead WHERE tenant_id = $1", db::Params::Of(kTenant));
  ASSERT_TRUE(stolen.ok()) << stolen.status();
  EXPECT_EQ((*stolen)[0].Int(0), 0);
}

TEST_F(ProjectorTest, TooManyRowsAreRefused) {
  std::vector<Event> events;
  for (int i = 0; i <= logic::kMaxRows; ++i) {
    Lead lead = OpenDeal(i, "1", 1);
    lead.set_company_name("Company " + std::to_string(i));
    events.push_back(EventOf("lead.created", lead));
  }
  Project(events);
  const auto refused = Report({"company_name"});
  EXPECT_EQ(ReasonOf(refused.status()), "TOO_MANY_ROWS");
  EXPECT_EQ(Report({"company_name"}, "company_name != \"Company 7\"")->rows.size(), 10000U);
}

std::vector<std::map<std::string, std::string>> ReadCsv(const std::string& path) {
  std::ifstream file(path);
  std::stringstream bytes;
  bytes << file.rdbuf();
  text::CsvReader reader;
  EXPECT_TRUE(reader.Feed(bytes.str()).ok() && reader.Finish().ok());
  text::CsvRow header;
  EXPECT_TRUE(reader.Next(&header));
  std::vector<std::map<std::string, std::string>> rows;
  for (text::CsvRow row; reader.Next(&row);) {
    auto& cells = rows.emplace_back();
    for (size_t i = 0; i < header.cells.size(); ++i) cells[header.cells[i]] = row.cells[i];
  }
  return rows;
}

/// The leads that an import makes of the Maven data set.
std::vector<Event> MavenEvents(const std::string& pipeline_csv, const std::string& teams_csv) {
  std::map<std::string, std::string> office_of;
  for (auto& row : ReadCsv(teams_csv)) office_of[row["sales_agent"]] = row["regional_office"];
  std::vector<Event> events;
  for (auto& row : ReadCsv(pipeline_csv)) {
    const std::string& stage = row["deal_stage"];
    Lead lead = OpenDeal(static_cast<int>(events.size()), row["close_value"].empty() ? "0" : row["close_value"], 50);
    lead.set_owner("users/" + SlugOf(row["sales_agent"]));
    lead.set_office(office_of[row["sales_agent"]]);
    if (row["close_value"].empty()) lead.clear_expected_revenue();
    if (!row["engage_date"].empty()) *lead.mutable_open_time() = At(row["engage_date"]);
    if (stage == "Won" || stage == "Lost") {
      lead.set_state(stage == "Won" ? Lead::STATE_WON : Lead::STATE_LOST);
      lead.set_probability(stage == "Won" ? 100 : 0);
      *lead.mutable_close_time() = At(row["close_date"]);
    }
    events.push_back(EventOf("lead.created", lead));
  }
  return events;
}

TEST_F(ProjectorTest, FiguresOfRealDataAreExact) {
  const auto pipeline_csv = testing::SharedData("maven_crm/sales_pipeline.csv");
  const auto teams_csv = testing::SharedData("maven_crm/sales_teams.csv");
  if (!pipeline_csv || !teams_csv) GTEST_SKIP() << testing::kNoSharedData;
  const std::vector<Event> events = MavenEvents(*pipeline_csv, *teams_csv);
  for (size_t i = 0; i < events.size(); i += 500) {
    Project(
        {events.begin() + static_cast<int>(i), events.begin() + static_cast<int>(std::min(i + 500, events.size()))});
  }
  const auto report = Report({"office"});
  ASSERT_TRUE(report.ok()) << report.status();
  const auto figures = logic::ToKeyFigures(report->total);
  EXPECT_EQ(figures.opportunities(), 8800);
  EXPECT_EQ(figures.won(), 4238);
  EXPECT_EQ(figures.lost(), 2473);
  EXPECT_EQ(figures.open(), 2089);
  EXPECT_EQ(ToNumeric(figures.won_revenue()), "10005534");
  EXPECT_EQ(figures.win_rate(), 63.15);
  EXPECT_EQ(figures.average_won_deal(), 2360.91);
  EXPECT_EQ(figures.average_won_cycle_days(), 51.78);
  std::map<std::string, std::string> revenue_of;
  for (const auto& row : report->rows) revenue_of[row.values[0].value] = ToNumeric(row.measures.won_revenue);
  EXPECT_THAT(revenue_of,
              ElementsAre(std::pair("Central", "3346293"), std::pair("East", "3090594"), std::pair("West", "3568647")));
  EXPECT_EQ(Report({"owner"})->rows.size(), 30U);
  const auto years = Report({"close_year"}, "state = WON");
  ASSERT_EQ(years->rows.size(), 1U);
  EXPECT_EQ(years->rows[0].values[0].value, "2017");
}

TEST_F(ProjectorTest, WhatTakesTooLongIsToldWithTheSumThatWouldAnswer) {
  Project({EventOf("lead.created", OpenDeal(1, "100", 50))});
  worker_->Acquire("", db::After(testing::kPatience))
      .value()
      ->ExecScript(
          "INSERT INTO reporting.lead SELECT (jsonb_populate_record(l, jsonb_build_object('lead_id',"
          " gen_random_uuid()))).* FROM reporting.lead l, generate_series(1, 8000)")
      .IgnoreError();
  storage::Origin origin;
  const absl::Status status = Counted(std::chrono::milliseconds(1), &origin);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(ReasonOf(status), "REPORT_TOO_LARGE");
  EXPECT_THAT(MessageOf(status), ::testing::HasSubstr("a sum that does is being made"));
  EXPECT_EQ(origin.wanted, std::vector<std::string>{"source"});

  // While it is being made the facts are left alone.
  const auto make = [&] {
    const auto made =
        storage::BuildRollup(*worker_, kTenant, storage::Cube::kLead, *origin.wanted, db::After(testing::kPatience));
    return made.ok() && *made;
  };
  storage::Origin again;
  EXPECT_TRUE(Counted(std::chrono::milliseconds(1), &again, make).ok());
  EXPECT_TRUE(again.rollup.has_value());
  EXPECT_FALSE(again.wanted.has_value());
}

}  // namespace
}  // namespace embudo::reporting::events
