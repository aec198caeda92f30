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

TEST(Filter, ResolvesFieldsOfReferencedRecords) {
  const Resolver resolver = [](const std::string& type, const std::string& field,
                               const std::string& value) -> absl::StatusOr<std::vector<std::string>> {
    const std::string asked = type + " " + field + " " + value;
    if (asked == "embudo.dev/Stage display_name Proposal") {
      return std::vector<std::string>{"pipelines/z/stages/proposal", "pipelines/b2b/stages/proposal"};
    }
    if (asked == "embudo.dev/Tag display_name VIP") return std::vector<std::string>{"tags/vip"};
    if (asked == "embudo.dev/User email none") return std::vector<std::string>{};
    if (asked == "embudo.dev/User email wrong") return std::vector<std::string>{"contacts/1"};
    if (asked == "embudo.dev/User email many") return std::vector<std::string>(1001, "users/1");
    return absl::UnavailableError("database");
  };
  const auto matches = [&](std::string_view text) {
    const auto filter = Filter::Compile(text, Leads(), resolver);
    EXPECT_TRUE(filter.ok()) << text << ": " << filter.status();
    return filter.ok() && filter->Matches(ALead(), kNow);
  };
  EXPECT_TRUE(matches("stage.display_name = Proposal"));
  EXPECT_FALSE(matches("stage.display_name != Proposal"));
  EXPECT_TRUE(matches("tags.display_name:VIP"));
  EXPECT_TRUE(matches("tags.display_name = VIP"));
  EXPECT_FALSE(matches("owner.email = none"));
  EXPECT_TRUE(matches("owner.email != none"));
  EXPECT_EQ(Filter::Compile("stage.display_name = Proposal", Leads(), resolver)->fields(),
            (std::set<std::string>{"stage"}));

  const auto error = [&](std::string_view text) { return Filter::Compile(text, Leads(), resolver).status(); };
  EXPECT_EQ(error("owner.email = down").code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(error("owner.email = wrong").code(), absl::StatusCode::kInternal);
  EXPECT_EQ(MessageOf(error("owner.email = many")),
            "filter, character 15: more than 1000 resources have the email \"many\"");
  EXPECT_EQ(MessageOf(error("owner.emial = x")),
            "filter, character 1: unknown field \"emial\" of owner; did you mean \"email\"?");
  EXPECT_EQ(MessageOf(error("owner.roles = x")), "filter, character 1: unknown field \"roles\" of owner");
  EXPECT_EQ(MessageOf(error("owner. = x")), "filter, character 1: unknown field \"\" of owner");
  EXPECT_EQ(MessageOf(error("stage.display_name > P")),
            "filter, character 22: wrong value \"P\" for stage.display_name; expected = or !=");
  EXPECT_EQ(MessageOf(error("stage.display_name:P")),
            "filter, character 20: wrong value \"P\" for stage.display_name; expected = or !=");
  EXPECT_EQ(MessageOf(error("stage.display_name = P*")),
            "filter, character 22: wrong value \"P*\" for stage.display_name; expected no wildcards");
  EXPECT_EQ(MessageOf(error("is_set(stage.display_name)")),
            "filter, character 8: expected a field of the record itself");
  EXPECT_EQ(MessageOf(Filter::Compile("stage.display_name = P", Leads()).status()),
            "filter, character 22: stage.display_name can't be used here; compare with a resource name");
}

TEST(Filter, TellsWhatIsWrong) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"state = WON AND expeted_revenue > 1",
       "filter, character 17: unknown field \"expeted_revenue\"; did you mean \"expected_revenue\"?"},
      {"zzzzzzzz = 1", "filter, character 1: unknown field \"zzzzzzzz\""},
      {"etag.x = 1", "filter, character 1: etag has no field \"x\""},
      {"custom_fields. = 1", "filter, character 1: custom_fields has no field \"\""},
      {"state = WON and archived", "filter, character 13: unexpected \"and\"; did you mean AND?"},
      {"state", "filter, character 1: expected a comparator after \"state\""},
      {"headcount = many", "filter, character 13: wrong value \"many\" for headcount; expected a whole number"},
      {"headcount > 1.5", "filter, character 13: wrong value \"1.5\" for headcount; expected a whole number"},
      {"headcount:*", "filter, character 1: headcount is always set; compare it with a number"},
      {"is_set(archived)", "filter, character 8: archived is always set; compare it with true or false"},
      {"probability = x", "filter, character 15: wrong value \"x\" for probability; expected a number"},
      {"budget > 10k",
       "filter, character 10: wrong value \"10k\" for budget; expected an amount, for example 10000 or 99.50"},
      {"archived = yes", "filter, character 12: wrong value \"yes\" for archived; expected true or false"},
      {"archived > true", "filter, character 1: archived has no order; use = or !="},
      {"state = won", "filter, character 9: wrong value \"won\" for state; expected one of OPEN, WON, LOST"},
      {"state = UNSPECIFIED",
       "filter, character 9: wrong value \"UNSPECIFIED\" for state; expected one of OPEN, WON, LOST"},
      {"state = W*", "filter, character 9: wrong value \"W*\" for state; expected no wildcards, which are for texts"},
      {"state < WON", "filter, character 1: state has no order; use = or !="},
      {"create_time > yesterday",
       "filter, character 15: wrong value \"yesterday\" for create_time; expected a time, for example "
       "2026-11-23T18:00:00Z, a date or now"},
      {"create_time > 'now'",
       "filter, character 15: wrong value \"now\" for create_time; expected a time, for example "
       "2026-11-23T18:00:00Z, a date or now"},
      {"decision_date = 2026-11-23T18:00:00Z",
       "filter, character 17: wrong value \"2026-11-23T18:00:00Z\" for decision_date; expected a date, for example "
       "2026-11-23, or now"},
      {"stage = proposal",
       "filter, character 9: wrong value \"proposal\" for stage; expected pipelines/{pipeline}/stages/{stage}"},
      {"stage = pipelines/a/stages/",
       "filter, character 9: wrong value \"pipelines/a/stages/\" for stage; expected "
       "pipelines/{pipeline}/stages/{stage}"},
      {"owner = contacts/7", "filter, character 9: wrong value \"contacts/7\" for owner; expected users/{user}"},
      {"owner > users/7", "filter, character 1: owner has no order; use = or !="},
      {"tags = churn", "filter, character 1: tags holds several values; use \":\""},
      {"tags > churn", "filter, character 1: tags has no order; use \":\""},
      {"tags:'a b'", "filter, character 6: wrong value \"a b\" for tags; expected tags/{tag}"},
      {"checklist:''", "filter, character 11: wrong value \"\" for checklist; expected a text"},
      {"display_name < 'A*'",
       "filter, character 16: wrong value \"A*\" for display_name; expected no wildcards, which are for = and !="},
      {"display_name < ''", "filter, character 16: wrong value \"\" for display_name; expected a text to compare with"},
      {"custom_fields = 1",
       "filter, character 17: wrong value \"1\" for custom_fields; expected \":\" and a key, or custom_fields.<key>"},
      {"custom_fields.a > true",
       "filter, character 19: wrong value \"true\" for custom_fields.a; expected = or != with true and false"},
      {"newer(create_time, 3d)", "filter, character 1: unknown function \"newer\""},
      {"older_then(create_time, 3d)",
       "filter, character 1: unknown function \"older_then\"; did you mean \"older_than\"?"},
      {"older_than(create_time)", "filter, character 1: expected older_than(field, 3d)"},
      {"is_set(owner, team)", "filter, character 1: expected is_set(field)"},
      {"older_than(owner, 3d)", "filter, character 12: owner is neither a time nor a date"},
      {"older_than(create_time, 3)",
       "filter, character 25: wrong value \"3\" for create_time; expected a duration, for example 3d or 12h"},
      {"older_than(creat_time, 3d)",
       "filter, character 12: unknown field \"creat_time\"; did you mean \"create_time\"?"},
      {"previous.stage:*", "filter, character 1: unknown field \"previous.stage\""},
      {"changed:stage", "filter, character 1: unknown field \"changed\"; did you mean \"channel\"?"},
  };
  for (const auto& [text, want] : cases) {
    EXPECT_EQ(MessageOf(Filter::Compile(text, Leads()).status()), want) << text;
  }
}

TEST(Filter, ErrorsBearReasonFieldAndPosition) {
  const absl::Status status = Filter::Compile("ownr:*", Leads(), {}, "rule.condition").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(MessageOf(status), "rule.condition, character 1: unknown field \"ownr\"; did you mean \"owner\"?");
  const google::rpc::Status details = ToRpcStatus(status);
  ASSERT_EQ(details.details_size(), 2);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "INVALID_FILTER");
  EXPECT_EQ(info.metadata().at("position"), "1");
  google::rpc::BadRequest bad_request;
  ASSERT_TRUE(details.details(1).UnpackTo(&bad_request));
  ASSERT_EQ(bad_request.field_violations_size(), 1);
  EXPECT_EQ(bad_request.field_violations(0).field(), "rule.condition");
  EXPECT_EQ(bad_request.field_violations(0).description(),
            "character 1: unknown field \"ownr\"; did you mean \"owner\"?");
}

TEST(Filter, ErrorsShortenLongValues) {
  const std::string message = MessageOf(Filter::Compile("headcount = " + std::string(1000, 'x'), Leads()).status());
  EXPECT_LT(message.size(), 150U);
  EXPECT_NE(message.find("xxx…\""), std::string::npos);
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "ü";
  EXPECT_NE(MessageOf(Filter::Compile("headcount = x" + umlauts, Leads()).status()).find("ü…\""), std::string::npos);
}

}  // namespace
}  // namespace embudo::filter
