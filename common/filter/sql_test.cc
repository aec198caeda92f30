#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "common/filter/filter.h"
#include "common/filter/literal.h"
#include "embudo/type/v1/contact.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "embudo/type/v1/user.pb.h"

namespace embudo::filter {
namespace {

const Time kNow = *ParseTime("2026-11-23T18:00:00Z");

const Schema& Leads() {
  static const Schema schema = [] {
    Schema leads(type::v1::Lead::descriptor());
    leads.AddField("name", "l.lead_id", {.uuid_ids = true})
        .AddField("company_name", "l.company_name")
        .AddField("email", "l.email")
        .AddField("state", "l.state")
        .AddField("channel", "l.channel", {.enum_numbers = true})
        .AddField("archived", "l.archived")
        .AddField("headcount", "l.headcount")
        .AddField("probability", "l.probability")
        .AddField("expected_revenue", "l.expected_revenue")
        .AddField("create_time", "l.create_time")
        .AddField("decision_date", "l.decision_date")
        .AddReference("stage", {"l.pipeline_id", "l.stage_id"})
        .AddReference("owner", {"l.owner_id"})
        .AddField("contact", "l.contact_id", {.uuid_ids = true})
        .AddField("tags", "l.tags")
        .AddField("checklist", "l.checklist")
        .AddField("custom_fields", "l.custom_fields");
    return leads;
  }();
  return schema;
}

absl::StatusOr<std::vector<std::string>> Resolve(const std::string& type, const std::string& field,
                                                 const std::string& value) {
  EXPECT_EQ(field, "display_name");
  if (value == "None") return std::vector<std::string>();
  if (type == "embudo.dev/Stage")
    return std::vector<std::string>{"pipelines/b/stages/" + value, "pipelines/a/stages/x"};
  if (type == "embudo.dev/Tag") return std::vector<std::string>{"tags/z", "tags/a"};
  return std::vector<std::string>{"users/9", "users/7"};
}

std::string ToText(std::string_view text, int first_parameter = 1) {
  const auto filter = Filter::Compile(text, Leads(), Resolve);
  if (!filter.ok()) return filter.status().ToString();
  const Sql sql = filter->ToSql(first_parameter, kNow);
  std::string out = sql.clause;
  for (const std::string& parameter : sql.parameters) out += " | " + parameter;
  return out;
}

struct Case {
  std::string_view text;
  std::string_view want;
};

TEST(Sql, WritesConditionsWithParameters) {
  const Case cases[] = {
      {"", "TRUE"},
      {"headcount > 50", "l.headcount > $1::bigint | 50"},
      {"headcount:50", "l.headcount = $1::bigint | 50"},
      {"probability <= 33.33", "l.probability <= $1::float8 | 33.33"},
      {"expected_revenue >= 1e4", "l.expected_revenue >= $1::numeric | 10000"},
      {"expected_revenue < -0.50", "l.expected_revenue < $1::numeric | -0.5"},
      {"expected_revenue:*", "l.expected_revenue IS NOT NULL"},
      {"archived", "l.archived = TRUE"},
      {"archived = false", "l.archived = FALSE"},
      {"state = WON", "l.state = 'WON'"},
      {"state:*", "l.state <> ''"},
      {"channel = WEB_FORM", "l.channel = 1"},
      {"channel:*", "l.channel <> 0"},
      {"create_time < 2026-11-01", "l.create_time < $1::timestamptz | 2026-11-01T00:00:00.000000Z"},
      {"create_time < now", "l.create_time < $1::timestamptz | 2026-11-23T18:00:00.000000Z"},
      {"decision_date = 2026-12-31", "l.decision_date = $1::date | 2026-12-31"},
      {"decision_date > now", "l.decision_date > $1::date | 2026-11-23"},
      {"older_than(create_time, 3d)", "l.create_time < $1::timestamptz | 2026-11-20T18:00:00.000000Z"},
      {"newer_than(decision_date, 1d)", "l.decision_date > $1::date | 2026-11-22"},
      {"within_next(decision_date, 90d)",
       "(l.decision_date >= $1::date AND l.decision_date <= $2::date) | 2026-11-23 | 2027-02-21"},
      {"company_name = 'Acme'", "(l.company_name <> '' AND l.company_name = $1::text) | Acme"},
      {"company_name = 'Acme*'", "l.company_name LIKE $1::text | Acme%"},
      {"company_name:'100%_\\\\'", R"(l.company_name LIKE $1::text | %100\%\_\\%)"},
      {"company_name:*", "l.company_name <> ''"},
      {"company_name = ''", "(l.company_name <> '') IS NOT TRUE"},
      {"company_name > A", "l.company_name COLLATE \"C\" > $1::text | A"},
      {"company_name <= A", "(l.company_name <> '' AND l.company_name COLLATE \"C\" <= $1::text) | A"},
      {"email = 'ADA@ACME.com'", "(l.email <> '' AND l.email = $1::text) | ada@acme.com"},
      {"email = 'ADA*'", "l.email LIKE $1::text | ada%"},
      {"owner = users/7", "l.owner_id = $1::text | 7"},
      {"owner:*", "l.owner_id <> ''"},
      {"stage = pipelines/p/stages/s", "(l.pipeline_id, l.stage_id) = ($1::text, $2::text) | p | s"},
      {"stage:*", "l.stage_id <> ''"},
      {"contact = contacts/018F0000-0000-7000-8000-00000000000A",
       "l.contact_id = $1::uuid | 018f0000-0000-7000-8000-00000000000a"},
      {"contact:*", "l.contact_id IS NOT NULL"},
      {"name = 018f0000-0000-7000-8000-00000000000a", "l.lead_id = $1::uuid | 018f0000-0000-7000-8000-00000000000a"},
      {"tags:churn", "l.tags && ARRAY[$1]::text[] | churn"},
      {"tags:*", "cardinality(l.tags) > 0"},
      {"checklist:'a b'", "l.checklist && ARRAY[$1]::text[] | a b"},
  };
  for (const Case& each : cases) EXPECT_EQ(ToText(each.text), each.want) << each.text;
}

TEST(Sql, NegatesUnsetToTrue) {
  const Case cases[] = {
      {"headcount != 50", "(l.headcount = $1::bigint) IS NOT TRUE | 50"},
      {"NOT state = WON", "(l.state = 'WON') IS NOT TRUE"},
      {"NOT (state = WON OR archived)", "((l.state = 'WON' OR l.archived = TRUE)) IS NOT TRUE"},
      {"company_name != 'A*'", "(l.company_name LIKE $1::text) IS NOT TRUE | A%"},
      {"company_name != ''", "l.company_name <> ''"},
      {"owner = ''", "(l.owner_id <> '') IS NOT TRUE"},
      {"stage.display_name != x",
       "((l.pipeline_id, l.stage_id) IN (($1::text, $2::text), ($3::text, $4::text))) IS NOT TRUE | a | x | b | x"},
  };
  for (const Case& each : cases) EXPECT_EQ(ToText(each.text), each.want) << each.text;
}

TEST(Sql, CombinesAndNumbersParameters) {
  EXPECT_EQ(ToText("headcount > 1 AND headcount < 9 OR archived", 4),
            "(l.headcount > $4::bigint AND (l.headcount < $5::bigint OR l.archived = TRUE)) | 1 | 9");
  EXPECT_EQ(
      ToText("(headcount > 1 headcount < 9) OR state = (WON OR LOST)", 2),
      "((l.headcount > $2::bigint AND l.headcount < $3::bigint) OR (l.state = 'WON' OR l.state = 'LOST')) | 1 | 9");
}

TEST(Sql, AsksForNamesThatTheResolverFound) {
  EXPECT_EQ(ToText("owner.display_name = Moses"), "l.owner_id IN ($1::text, $2::text) | 7 | 9");
  EXPECT_EQ(ToText("tags.display_name:Churn"), "l.tags && ARRAY[$1, $2]::text[] | a | z");
  EXPECT_EQ(ToText("stage.display_name = None"), "FALSE");
  EXPECT_EQ(ToText("stage.display_name != None"), "(FALSE) IS NOT TRUE");
}

TEST(Sql, ReadsCustomFieldsByTheTypeOfTheLiteral) {
  const Case cases[] = {
      {"custom_fields:*", "l.custom_fields <> '{}'::jsonb"},
      {"custom_fields:region", "(l.custom_fields ->> $1::text) <> '' | region"},
      {"custom_fields.region = 'EMEA'", "l.custom_fields @> jsonb_build_object($1::text, $2::text) | region | EMEA"},
      {"custom_fields.region:'ME'",
       "(jsonb_typeof(l.custom_fields -> $1::text) = 'string' AND (l.custom_fields ->> $1::text) LIKE $2::text)"
       " | region | %ME%"},
      {"custom_fields.region > 'E'",
       "(jsonb_typeof(l.custom_fields -> $1::text) = 'string' AND (l.custom_fields ->> $1::text) COLLATE \"C\" > "
       "$2::text) | region | E"},
      {"custom_fields.trial = true", "l.custom_fields @> jsonb_build_object($1::text, TRUE) | trial"},
      {"custom_fields.\"my seats\" > 2.5",
       "CASE WHEN jsonb_typeof(l.custom_fields -> $1::text) = 'number' THEN (l.custom_fields ->> $1::text)::float8 > "
       "$2::float8 END | my seats | 2.5"},
  };
  for (const Case& each : cases) EXPECT_EQ(ToText(each.text), each.want) << each.text;
}

TEST(Sql, SetsOfEnums) {
  for (const bool numbers : {false, true}) {
    Schema users(type::v1::User::descriptor());
    users.AddField("roles", "u.roles", {.enum_numbers = numbers});
    EXPECT_EQ(Filter::Compile("roles:ADMIN", users)->ToSql(1, kNow).clause,
              numbers ? "3 = ANY(u.roles)" : "'ADMIN' = ANY(u.roles)");
    EXPECT_EQ(Filter::Compile("roles:*", users)->ToSql(1, kNow).clause, "cardinality(u.roles) > 0");
  }
}

TEST(Sql, SetsOfUuids) {
  Schema leads(type::v1::Lead::descriptor());
  leads.AddField("products", "l.products", {.uuid_ids = true});
  const Sql sql = Filter::Compile("products:018f0000-0000-7000-8000-00000000000A", leads)->ToSql(1, kNow);
  EXPECT_EQ(sql.clause, "l.products && ARRAY[$1]::uuid[]");
  EXPECT_EQ(sql.parameters, (std::vector<std::string>{"018f0000-0000-7000-8000-00000000000a"}));
}

}  // namespace
}  // namespace embudo::filter
