#include "common/filter/filter.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/filter/literal.h"
#include "embudo/type/v1/lead.pb.h"
#include "embudo/type/v1/user.pb.h"

namespace embudo::filter {
namespace {

using type::v1::Lead;

const Time kNow = *ParseTime("2026-11-23T18:00:00Z");

const Schema& Leads() {
  static const Schema schema = Schema::InMemory(Lead::descriptor());
  return schema;
}

Lead ALead() {
  Lead lead;
  lead.set_name("leads/018f0000-0000-7000-8000-000000000001");
  lead.set_display_name("Fleet renewal");
  lead.set_state(Lead::STATE_OPEN);
  lead.set_stage("pipelines/b2b/stages/proposal");
  lead.set_owner("users/7");
  lead.set_company_name("Acme 100% Größe_AG");
  lead.set_email("ada@acme.com");
  lead.set_source("campaña");
  lead.set_headcount(120);
  lead.mutable_expected_revenue()->set_units(10000);
  lead.mutable_expected_revenue()->set_nanos(500000000);
  lead.mutable_budget()->set_units(-1);
  lead.mutable_budget()->set_nanos(-250000000);
  lead.set_probability(33.33);
  lead.set_manual_probability(true);
  *lead.mutable_expected_close_date() = ToDate(*ParseDay("2026-12-31"));
  *lead.mutable_next_activity_date() = ToDate(*ParseDay("2026-11-23"));
  *lead.mutable_create_time() = ToTimestamp(*ParseTime("2026-11-01T12:00:00Z"));
  *lead.mutable_update_time() = ToTimestamp(*ParseTime("2026-11-20T18:00:00.000001Z"));
  lead.add_tags("tags/churn");
  lead.add_tags("tags/vip");
  lead.add_checklist("need");
  auto& custom = *lead.mutable_custom_fields();
  custom["region"].set_string_value("EMEA");
  custom["seats"].set_number_value(2.5);
  custom["trial"].set_bool_value(false);
  custom["my key"].set_string_value("12");
  custom["nothing"].set_null_value(google::protobuf::NULL_VALUE);
  custom["blank"].set_string_value("");
  return lead;
}

bool Matches(std::string_view text, const Lead& lead) {
  const auto filter = Filter::Compile(text, Leads());
  EXPECT_TRUE(filter.ok()) << text << ": " << filter.status();
  return filter.ok() && filter->Matches(lead, kNow);
}

void ExpectMatches(const std::vector<std::string_view>& filters, bool want) {
  const Lead lead = ALead();
  for (const std::string_view text : filters) EXPECT_EQ(Matches(text, lead), want) << text;
}

TEST(Filter, EmptyMatchesEverything) {
  EXPECT_TRUE(Filter().empty());
  EXPECT_TRUE(Filter().Matches(Lead(), kNow));
  const auto blank = Filter::Compile("  ", Leads());
  ASSERT_TRUE(blank.ok());
  EXPECT_TRUE(blank->empty());
  EXPECT_TRUE(blank->Matches(Lead(), kNow));
  const auto filter = Filter::Compile("archived", Leads());
  ASSERT_TRUE(filter.ok());
  EXPECT_FALSE(filter->empty());
}

TEST(Filter, KnowsItsTextAndFields) {
  const auto filter =
      Filter::Compile("state = WON AND custom_fields.region = 'x' OR older_than(update_time, 3d)", Leads());
  ASSERT_TRUE(filter.ok());
  EXPECT_EQ(filter->text(), "state = WON AND custom_fields.region = 'x' OR older_than(update_time, 3d)");
  EXPECT_EQ(filter->fields(), (std::set<std::string>{"custom_fields.region", "state", "update_time"}));
}

TEST(Filter, OutlivesItsSchemaAndItsText) {
  Filter filter;
  {
    const Schema schema = Schema::InMemory(Lead::descriptor());
    std::string text = "owner = 'users/7' AND custom_fields.region = EMEA";
    filter = *Filter::Compile(text, schema);
    text.assign(text.size(), 'x');
  }
  EXPECT_TRUE(filter.Matches(ALead(), kNow));
}

TEST(Filter, CombinesTerms) {
  ExpectMatches({"state = OPEN AND headcount = 120", "state = OPEN headcount = 120", "state = WON OR headcount = 120",
                 "NOT state = WON", "-state = WON", "state = OPEN AND headcount = 1 OR headcount = 120",
                 "(state = WON AND headcount = 1) OR headcount = 120", "state = (WON OR OPEN)",
                 "state != (WON OR LOST)", "NOT (state = WON OR state = LOST)", "tags:('churn' AND 'vip')"},
                true);
  ExpectMatches({"state = OPEN AND headcount = 1", "state = OPEN headcount = 1", "state = WON OR headcount = 1",
                 "NOT state = OPEN", "-(state = OPEN)", "state != (WON OR OPEN)", "tags:('churn' AND 'other')"},
                false);
}

TEST(Filter, Numbers) {
  ExpectMatches({"headcount = 120", "headcount != 121", "headcount >= 120", "headcount <= 120", "headcount > -5",
                 "headcount < 121", "headcount:120", "score = 0", "score < 1", "probability = 33.33",
                 "probability > 33.329", "probability < 1e2", "probability >= 33.33"},
                true);
  ExpectMatches({"headcount = 121", "headcount != 120", "headcount > 120", "headcount < 120", "score > 0",
                 "probability > 33.33", "probability = 33.3"},
                false);
}

TEST(Filter, MoneyComparesByExactAmount) {
  ExpectMatches({"expected_revenue = 10000.5", "expected_revenue = 10000.50", "expected_revenue > 10000.499999999",
                 "expected_revenue < 10000.500000001", "expected_revenue > 1e4", "budget = -1.25", "budget < -1",
                 "budget > -1.250000001", "expected_revenue:*"},
                true);
  ExpectMatches({"expected_revenue = 10000", "expected_revenue > 10000.5", "budget > -1"}, false);
}

TEST(Filter, Booleans) {
  ExpectMatches({"manual_probability", "manual_probability = true", "manual_probability:true", "archived = false",
                 "NOT archived", "-archived", "archived != true"},
                true);
  ExpectMatches({"archived", "archived = true", "NOT manual_probability", "manual_probability != true"}, false);
}

TEST(Filter, Texts) {
  ExpectMatches(
      {"display_name = 'Fleet renewal'", "display_name = \"Fleet*\"", "display_name = *renewal",
       "display_name = F*et*al", "display_name = 'Fleet renewal*'", "display_name:'eet r'", "display_name:F*r",
       "display_name != 'fleet renewal'", "display_name > Fleet", "display_name < G", "display_name <= 'Fleet renewal'",
       "display_name >= 'Fleet renewal'", "display_name:*", "display_name = *", "display_name:''", "display_name != ''",
       "company_name:'100% Größe_'", "company_name = 'Acme 100% *'", "company_name > Zzz OR company_name < Zzz"},
      true);
  ExpectMatches({"display_name = 'fleet renewal'", "display_name = Fleet", "display_name:fleet",
                 "display_name = 'Fleet renewal*x'", "display_name = F*let*et*", "display_name != F*",
                 "display_name < 'Fleet renewal'", "display_name > 'Fleet renewal'", "display_name = ''",
                 "display_name = 'Fleet renewalFleet renewal'", "display_name = 'Fleet r*t renewal'"},
                false);
  // An escaped asterisk is one.
  Lead lead;
  lead.set_display_name("a*b");
  EXPECT_TRUE(Matches(R"(display_name = "a\*b")", lead));
  lead.set_display_name("axb");
  EXPECT_FALSE(Matches(R"(display_name = "a\*b")", lead));
  EXPECT_TRUE(Matches(R"(display_name = "a*b")", lead));
}

TEST(Filter, MailAddressesAndUtmAreCaseInsensitive) {
  ExpectMatches(
      {"email = 'ADA@Acme.COM'", "email = ADA@*", "email:ACME", "source = CAMPAÑA", "source:'MPAÑ'", "email > ADA"},
      true);
  ExpectMatches({"email != 'ADA@Acme.COM'", "display_name:FLEET"}, false);
}

TEST(Filter, Enums) {
  ExpectMatches({"state = OPEN", "state = 'OPEN'", "state = STATE_OPEN", "state:OPEN", "state != WON", "state:*",
                 "lead_status != NEW", "NOT lead_status:*"},
                true);
  ExpectMatches({"state = WON", "state != OPEN", "lead_status = NEW", "lead_status:*"}, false);
}

TEST(Filter, TimesAndDates) {
  ExpectMatches(
      {"create_time = 2026-11-01T12:00:00Z", "create_time = '2026-11-01T13:00:00+01:00'", "create_time > 2026-11-01",
       "create_time < 2026-11-02", "create_time < now", "update_time > 2026-11-20T18:00:00Z",
       "expected_close_date = 2026-12-31", "expected_close_date >= '2026-12-31'", "expected_close_date > now",
       "next_activity_date = now", "next_activity_date <= now", "close_time != 2026-11-01", "create_time:*"},
      true);
  ExpectMatches({"create_time < 2026-11-01", "create_time > now", "close_time < now", "close_time > 2000-01-01",
                 "close_time:*", "next_activity_date < now", "expected_close_date > 2026-12-31"},
                false);
}

TEST(Filter, FunctionsOfTime) {
  // Updated three days ago, but for a microsecond.
  ExpectMatches({"newer_than(update_time, 3d)", "older_than(create_time, 3w)", "older_than(update_time, 71h)",
                 "older_than(update_time, 4319m)", "newer_than(update_time, 259200s)",
                 "within_next(expected_close_date, 38d)", "within_next(next_activity_date, 0d)",
                 "older_than(next_activity_date, 0d) OR newer_than(next_activity_date, 1d)",
                 "newer_than(expected_close_date, 0s)"},
                true);
  ExpectMatches({"older_than(update_time, 3d)", "newer_than(create_time, 22d)", "within_next(expected_close_date, 37d)",
                 "within_next(create_time, 90d)", "older_than(close_time, 1d)", "newer_than(close_time, 1d)",
                 "within_next(close_time, 1d)", "older_than(next_activity_date, 0d)"},
                false);
}

TEST(Filter, References) {
  ExpectMatches(
      {"stage = 'pipelines/b2b/stages/proposal'", "stage = pipelines/b2b/stages/proposal",
       "stage:pipelines/b2b/stages/proposal", "stage != pipelines/b2b/stages/new", "owner = users/7", "owner = 7",
       "owner:*", "team = ''", "owner != ''", "team != teams/emea", "is_set(owner)", "NOT is_set(team)",
       "name = leads/018f0000-0000-7000-8000-000000000001", "owner = (users/7 OR users/8)"},
      true);
  ExpectMatches({"stage = pipelines/other/stages/proposal", "owner = users/8", "owner != 7", "team:*", "team = emea",
                 "owner = ''"},
                false);
}

TEST(Filter, Sets) {
  ExpectMatches({"tags:churn", "tags:'tags/churn'", "tags:*", "NOT tags:other", "checklist:need", "NOT products:*",
                 "is_set(tags)"},
                true);
  ExpectMatches({"tags:other", "tags:chur", "products:*", "products:p", "checklist:nee", "NOT tags:vip"}, false);
}

TEST(Filter, SetsOfEnums) {
  const Schema users = Schema::InMemory(type::v1::User::descriptor());
  type::v1::User user;
  const auto admin = Filter::Compile("roles:ADMIN", users);
  const auto any = Filter::Compile("roles:*", users);
  ASSERT_TRUE(admin.ok() && any.ok());
  EXPECT_FALSE(any->Matches(user, kNow));
  user.add_roles(type::v1::ROLE_REP);
  EXPECT_TRUE(any->Matches(user, kNow));
  EXPECT_FALSE(admin->Matches(user, kNow));
  user.add_roles(type::v1::ROLE_ADMIN);
  EXPECT_TRUE(admin->Matches(user, kNow));
}

TEST(Filter, CustomFieldsCompareByTheTypeOfTheLiteral) {
  ExpectMatches({"custom_fields.region = 'EMEA'",   "custom_fields.region = EMEA",
                 "custom_fields.region = 'EM*'",    "custom_fields.region:'ME'",
                 "custom_fields.region > 'EM'",     "custom_fields.region != 'emea'",
                 "custom_fields.seats = 2.5",       "custom_fields.seats > 2",
                 "custom_fields.seats != '2.5'",    "custom_fields.trial = false",
                 "custom_fields.trial != true",     "custom_fields:region",
                 "custom_fields.region:*",          "custom_fields.trial:*",
                 "is_set(custom_fields.seats)",     "custom_fields:*",
                 "custom_fields.\"my key\" = '12'", "custom_fields.missing != 'x'",
                 "custom_fields.blank = ''",        "custom_fields.missing = ''",
                 "NOT custom_fields:nothing",       "NOT custom_fields:blank"},
                true);
  ExpectMatches({"custom_fields.region = 'APAC'", "custom_fields.region = 2", "custom_fields.region > 2",
                 "custom_fields.seats = '2.5'", "custom_fields.seats < 2.5", "custom_fields.trial = true",
                 "custom_fields.trial = 'false'", "custom_fields.\"my key\" = 12", "custom_fields.missing = 'x'",
                 "custom_fields:missing", "custom_fields.blank < 'x'", "custom_fields.blank:''"},
                false);
  EXPECT_FALSE(Matches("custom_fields:*", Lead()));
}

TEST(Filter, AnUnsetFieldMatchesOnlyNotEqual) {
  const std::pair<std::string_view, std::string_view> fields[] = {
      {"company_name", "x"},    {"budget", "1"},          {"decision_date", "2026-01-01"},
      {"close_time", "now"},    {"lead_status", "NEW"},   {"team", "teams/t"},
      {"custom_fields.a", "1"}, {"custom_fields.a", "x"}, {"custom_fields.a", "true"},
  };
  for (const auto& [field, value] : fields) {
    for (const std::string_view comparator : {"=", "!=", "<", "<=", ">", ">="}) {
      const std::string text = std::string(field) + " " + std::string(comparator) + " " + std::string(value);
      const auto filter = Filter::Compile(text, Leads());
      if (!filter.ok()) continue;  // a type without order
      EXPECT_EQ(filter->Matches(Lead(), kNow), comparator == "!=") << text;
      const auto negation = Filter::Compile("NOT " + text, Leads());
      ASSERT_TRUE(negation.ok());
      EXPECT_EQ(negation->Matches(Lead(), kNow), comparator != "!=") << text;
    }
  }
}

}  // namespace
}  // namespace embudo::filter
