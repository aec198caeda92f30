#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/testing/shared_data.h"
#include "embudo/type/v1/catalog.pb.h"
#include "embudo/type/v1/contact.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "embudo/type/v1/user.pb.h"
#include "services/capture/logic/row_mapper.h"
#include "services/capture/logic/tally.h"
#include "services/capture/logic/testing.h"

namespace embudo::capture::logic {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using type::v1::Contact;
using type::v1::Lead;

const TenantDefaults kDefaults = {"EUR", "UTC", "DE"};

/// A small world: two people, a team, two companies, a product, and the pipeline's stages.
Directory SomeRecords() {
  Directory directory;
  directory.AddRecord(kUsers, "users/moses-frase", "Moses Frase");
  directory.AddRecord(kUsers, "users/anna", "Anna Snelling");
  directory.AddMember("users/moses-frase", "teams/east");
  directory.AddRecord(kCompanies, "contacts/c1", "Acme Corporation");
  directory.AddExternalId(kCompanies, "contacts/c1", "crm", "A-1");
  directory.AddRecord(kCompanies, "contacts/c2", "Twin");
  directory.AddRecord(kCompanies, "contacts/c3", "TWIN ");
  directory.AddRecord(kProducts, "products/gtx-pro", "GTX Pro");
  directory.AddStage("engaging", "Engaging", {"pipelines/p/stages/engaging", false});
  directory.AddStage("won", "Won", {"pipelines/p/stages/won", true});
  return directory;
}

std::string OpportunityMapping(const std::string& columns) {
  return R"({"target": "TARGET_OPPORTUNITY", "system": "crm", "idColumn": "id", "columns": [)" + columns +
         R"(], "pipeline": {"id": "p", "stageColumn": "stage", "stageValues":
            [{"value": "Lost", "stage": "engaging", "state": "STATE_LOST"}]}})";
}

/// The rows of `csv` by the mapping, the header left out.
std::vector<MappedRow> MapAll(const v1::ImportMapping& mapping, const std::string& csv,
                              const Directory& directory = SomeRecords(), bool links = false) {
  std::vector<text::CsvRow> rows = RowsOf(csv);
  const absl::StatusOr<ImportPlan> plan = MakePlan(mapping, rows.at(0).cells, kDefaults);
  EXPECT_TRUE(plan.ok()) << plan.status();
  std::vector<MappedRow> mapped;
  if (!plan.ok()) return mapped;
  const RowMapper mapper(*plan, directory, links);
  for (size_t i = 1; i < rows.size(); ++i) mapped.push_back(mapper.Map(rows[i]));
  return mapped;
}

const Lead& LeadOf(const MappedRow& row) { return static_cast<const Lead&>(*row.record); }

std::vector<std::string> CodesOf(const std::vector<Issue>& issues) {
  std::vector<std::string> codes;
  for (const Issue& issue : issues) codes.push_back(issue.code + " " + issue.column);
  return codes;
}

TEST(ImportPlanTest, FindsColumnsHoweverTheyAreWritten) {
  const auto mapping = MappingFromJson(
      R"({"target": "TARGET_LEAD", "system": "crm", "idColumn": "Lead ID",
          "columns": [{"column": "first name", "field": "contact_name"}]})");
  const auto plan = MakePlan(mapping, {"LEADID", "First_Name", "Other"}, kDefaults);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->id_cell, 0u);
  EXPECT_EQ(plan->columns[0].cell, 1u);
  EXPECT_EQ(plan->columns[0].header, "First_Name");
  EXPECT_THAT(plan->unused, ElementsAre("Other"));
  EXPECT_EQ(plan->locale.currency_code, "EUR");
}

TEST(ImportPlanTest, NamesEverythingThatIsWrong) {
  const auto mapping = MappingFromJson(
      R"({"target": "TARGET_LEAD", "system": "crm", "idColumn": "nr",
          "columns": [{"column": "name", "field": "title"}, {"column": "twice", "field": "email"},
                      {"column": "name", "field": "state"}, {"column": "name", "field": "score"},
                      {"field": "email"}, {"column": "name", "field": "budget", "scale": "many"},
                      {"column": "name", "field": "owner", "missing": "MISSING_CREATE"},
                      {"column": "name", "field": "custom_fields"}],
          "format": {"timeZone": "Mars/Olympus", "digitGrouping": "."}})");
  const auto plan = MakePlan(mapping, {"name", "twice", "Twice"}, kDefaults);
  ASSERT_EQ(ReasonOf(plan.status()), "INVALID_MAPPING");
  const google::rpc::Status status = ToRpcStatus(plan.status());
  google::rpc::BadRequest bad_request;
  ASSERT_TRUE(status.details(1).UnpackTo(&bad_request));
  std::vector<std::string> fields;
  for (const auto& violation : bad_request.field_violations()) {
    fields.push_back(violation.field() + ": " + violation.description());
  }
  EXPECT_THAT(fields, ElementsAre("mapping.format.time_zone: there is no time zone \"Mars/Olympus\"",
                                  "mapping.format.digit_grouping: contains the decimal sign",
                                  "mapping.id_column: the file has no column \"nr\"; it has: name, twice, Twice",
                                  "mapping.columns[0].field: Lead has no field \"title\"",
                                  "mapping.columns[1].column: the file has more than one column \"twice\"",
                                  "mapping.columns[2].field: \"state\" is not filled by a column of its own",
                                  "mapping.columns[3].field: \"score\" is set by the service only",
                                  "mapping.columns[4]: has neither a column nor a constant",
                                  "mapping.columns[5].scale: \"many\" is not a number",
                                  "mapping.columns[6].missing: only tags, products and lost reasons can be created",
                                  "mapping.columns[7].field: \"custom_fields\" lacks the key: custom_fields.<key>"));
  EXPECT_THAT(MessageOf(plan.status()), HasSubstr("and 10 more"));
}

TEST(ImportPlanTest, OpportunitiesNeedAStageColumn) {
  const auto mapping = MappingFromJson(
      R"({"target": "TARGET_OPPORTUNITY", "system": "crm", "idColumn": "id", "pipeline": {"id": "p", "stages":
          [{"id": "a", "displayName": "A"}, {"id": "a", "displayName": "B"}],
          "stageValues": [{"value": "x", "stage": "zz"}]}})");
  const absl::Status status = MakePlan(mapping, {"id"}, kDefaults).status();
  EXPECT_THAT(MessageOf(status), HasSubstr("mapping.pipeline.stage_column: is required for opportunities"));
  EXPECT_THAT(MessageOf(status), HasSubstr("and 2 more"));
}

TEST(RowMapperTest, ReadsEveryType) {
  const auto mapping = MappingFromJson(R"({"target": "TARGET_LEAD", "system": "crm", "idColumn": "id",
      "columns": [{"column": "title", "field": "display_name"}, {"column": "mail", "field": "email"},
                  {"column": "phone", "field": "phone"}, {"column": "country", "field": "country"},
                  {"column": "staff", "field": "headcount"}, {"column": "budget", "field": "budget"},
                  {"column": "chance", "field": "probability"}, {"column": "due", "field": "expected_close_date"},
                  {"column": "since", "field": "open_time"}, {"column": "status", "field": "lead_status"},
                  {"column": "old", "field": "archived"}, {"column": "src", "field": "source"},
                  {"column": "region", "field": "custom_fields.region"}, {"field": "language", "constant": "de"}],
      "format": {"decimalSign": ",", "digitGrouping": ".", "dateOrder": "DATE_ORDER_DAY_MONTH_YEAR",
                 "timeZone": "Europe/Berlin"}})");
  const auto rows = MapAll(mapping,
                           "id;title;mail;phone;country;staff;budget;chance;due;since;status;old;src;region\n"
                           "7;  Big   deal ;Moses <M@Example.COM>;030 901820;Germany;1.200;1.234,56;12,5 %;31.12.2026;"
                           "01.07.2024 09:30;nurture;yes;Google ;North\n");
  ASSERT_THAT(rows, SizeIs(1));
  ASSERT_THAT(CodesOf(rows[0].errors), ElementsAre());
  const Lead& lead = LeadOf(rows[0]);
  EXPECT_EQ(lead.display_name(), "Big deal");
  EXPECT_EQ(lead.email(), "m@example.com");
  EXPECT_EQ(lead.phone(), "+4930901820");
  EXPECT_EQ(lead.country(), "DE");
  EXPECT_EQ(lead.headcount(), 1200);
  EXPECT_EQ(ToNumeric(lead.budget()) + lead.budget().currency_code(), "1234.56EUR");
  EXPECT_DOUBLE_EQ(lead.probability(), 12.5);
  EXPECT_EQ(FormatDate(lead.expected_close_date()), "2026-12-31");
  EXPECT_EQ(FormatTime(FromTimestamp(lead.open_time())), "2024-07-01T07:30:00.000000Z");
  EXPECT_EQ(lead.lead_status(), Lead::LEAD_STATUS_NURTURE);
  EXPECT_TRUE(lead.archived());
  EXPECT_EQ(lead.source(), "google");
  EXPECT_EQ(lead.custom_fields().at("region").string_value(), "North");
  EXPECT_EQ(lead.language(), "de");
  EXPECT_EQ(lead.kind(), Lead::KIND_LEAD);
  EXPECT_EQ(lead.channel(), Lead::CHANNEL_IMPORT);
  ASSERT_EQ(lead.external_ids_size(), 1);
  EXPECT_EQ(lead.external_ids(0).system() + "/" + lead.external_ids(0).id(), "crm/7");
}

TEST(RowMapperTest, ABadCellRefusesItsRowAndNamesItsColumn) {
  const auto mapping = MappingFromJson(OpportunityMapping(
      R"({"column": "opened", "field": "open_time"}, {"column": "value", "field": "expected_revenue"},
         {"column": "staff", "field": "headcount"}, {"column": "mail", "field": "email"})"));
  const auto rows = MapAll(mapping,
                           "id,stage,opened,value,staff,mail\n"
                           "1,Engaging,2017-13-01,100,5,a@b.com\n"
                           "2,Nowhere,2017-01-01,lots,1.5,nobody\n"
                           ",Engaging,,,,\n"
                           "4,,,,-3,\n"
                           "5,Engaging,2017-01-01,100,5,a@b.com,x\n"
                           "6,Engaging,2017-01-01,100,5,a@b.com\n");
  ASSERT_THAT(rows, SizeIs(6));
  EXPECT_THAT(CodesOf(rows[0].errors), ElementsAre("COULD_NOT_PARSE_DATE opened"));
  EXPECT_EQ(rows[0].errors[0].message, "\"2017-13-01\" is not a date: month 13");
  EXPECT_EQ(rows[0].record, nullptr);
  EXPECT_THAT(CodesOf(rows[1].errors),
              ElementsAre("INVALID_AMOUNT value", "INVALID_NUMBER staff", "INVALID_EMAIL mail", "UNKNOWN_STAGE stage"));
  EXPECT_THAT(CodesOf(rows[2].errors), ElementsAre("MISSING_REQUIRED_PROPERTY id"));
  EXPECT_THAT(CodesOf(rows[3].errors), ElementsAre("NUMBER_OUT_OF_RANGE staff", "MISSING_REQUIRED_PROPERTY stage"));
  EXPECT_THAT(CodesOf(rows[4].errors), ElementsAre("TOO_MANY_CELLS "));
  EXPECT_THAT(CodesOf(rows[5].errors), ElementsAre());
  EXPECT_EQ(LeadOf(rows[5]).stage(), "pipelines/p/stages/engaging");
}

TEST(RowMapperTest, StagesAreWhatTheyMean) {
  const auto rows = MapAll(MappingFromJson(OpportunityMapping(R"({"column": "closed", "field": "close_time"})")),
                           "id,stage,closed\n1,engaging,2026-12-01\n2,WON,2026-12-01\n3,lost,2026-12-01\n4,Won,\n");
  EXPECT_EQ(LeadOf(rows[0]).state(), Lead::STATE_OPEN);
  EXPECT_FALSE(LeadOf(rows[0]).has_close_time());
  EXPECT_EQ(FormatDate(LeadOf(rows[0]).expected_close_date()), "2026-12-01");
  EXPECT_EQ(LeadOf(rows[1]).state(), Lead::STATE_WON);
  EXPECT_EQ(LeadOf(rows[1]).stage(), "pipelines/p/stages/won");
  EXPECT_TRUE(LeadOf(rows[1]).has_close_time());
  EXPECT_EQ(LeadOf(rows[2]).state(), Lead::STATE_LOST);
  EXPECT_EQ(LeadOf(rows[2]).stage(), "pipelines/p/stages/engaging");
  EXPECT_THAT(CodesOf(rows[3].warnings), ElementsAre("NO_CLOSE_TIME "));
}

TEST(RowMapperTest, ReferencesGoByNameOrId) {
  const auto mapping = MappingFromJson(OpportunityMapping(
      R"({"column": "who", "field": "owner"}, {"column": "firm", "field": "company"},
         {"column": "what", "field": "products", "separator": "|", "missing": "MISSING_CREATE"})"));
  const auto rows = MapAll(mapping,
                           "id,stage,who,firm,what\n"
                           "1,Engaging,moses  FRASE,A-1,gtx pro\n"
                           "2,Engaging,users/anna,acme corporation,GTX Pro|New Thing\n"
                           "3,Engaging,Nobody,Twin,\n");
  EXPECT_EQ(LeadOf(rows[0]).owner(), "users/moses-frase");
  EXPECT_EQ(LeadOf(rows[0]).company(), "contacts/c1");
  EXPECT_THAT(LeadOf(rows[0]).products(), ElementsAre("products/gtx-pro"));
  EXPECT_EQ(LeadOf(rows[0]).display_name(), "Acme Corporation – GTX Pro");
  EXPECT_EQ(LeadOf(rows[1]).owner(), "users/anna");
  EXPECT_EQ(LeadOf(rows[1]).company(), "contacts/c1");
  EXPECT_THAT(LeadOf(rows[1]).products(), ElementsAre("products/gtx-pro", "products/new-thing"));
  ASSERT_THAT(rows[1].new_records, SizeIs(1));
  EXPECT_EQ(rows[1].new_records[0].display_name, "New Thing");
  EXPECT_THAT(CodesOf(rows[1].warnings), ElementsAre("RECORD_CREATED what"));
  EXPECT_EQ(LeadOf(rows[2]).owner(), "");
  EXPECT_EQ(LeadOf(rows[2]).company(), "contacts/c2");
  EXPECT_THAT(CodesOf(rows[2].warnings), ElementsAre("COULD_NOT_FIND_OWNER who", "RECORD_AMBIGUOUS firm"));
}

TEST(RowMapperTest, ColumnsSayWhatToDoWithTrouble) {
  const auto mapping = MappingFromJson(OpportunityMapping(
      R"({"column": "who", "field": "owner", "missing": "MISSING_REFUSE"},
         {"column": "mail", "field": "email", "skipInvalid": true},
         {"column": "src", "field": "source", "constant": "Fair", "warnIfEmpty": true},
         {"column": "title", "field": "display_name", "required": true})"));
  const auto rows = MapAll(mapping,
                           "id,stage,who,mail,src,title\n"
                           "1,Engaging,Nobody,a@b.com,Web,One\n"
                           "2,Engaging,,not mail,,Two\n"
                           "3,Engaging,,,Web,\n");
  EXPECT_THAT(CodesOf(rows[0].errors), ElementsAre("COULD_NOT_FIND_OWNER who"));
  EXPECT_THAT(CodesOf(rows[1].warnings), ElementsAre("INVALID_EMAIL mail", "EMPTY_CELL src"));
  EXPECT_EQ(LeadOf(rows[1]).email(), "");
  EXPECT_EQ(LeadOf(rows[1]).source(), "fair");
  EXPECT_THAT(CodesOf(rows[2].errors), ElementsAre("MISSING_REQUIRED_PROPERTY title"));
}

TEST(RowMapperTest, ReadsWhatDataLoaderAndExcelWrite) {
  const auto mapping = MappingFromJson(OpportunityMapping(
      R"({"column": "value", "field": "expected_revenue", "currencyColumn": "currency"},
         {"column": "opened", "field": "open_time"}, {"column": "due", "field": "expected_close_date"})"));
  const auto rows = MapAll(mapping,
                           "id,stage,value,currency,opened,due\n"
                           "1,Engaging,6.0E7,chf,45322.5,45322\n"
                           "2,Engaging,1.5e-1,,2024-01-31T12:00:00Z,20240131\n");
  EXPECT_EQ(LeadOf(rows[0]).expected_revenue().units(), 60000000);
  EXPECT_EQ(LeadOf(rows[0]).expected_revenue().currency_code(), "CHF");
  EXPECT_EQ(LeadOf(rows[1]).expected_revenue().nanos(), 150000000);
  EXPECT_EQ(LeadOf(rows[1]).expected_revenue().currency_code(), "EUR");
  EXPECT_EQ(LeadOf(rows[0]).open_time().seconds(), LeadOf(rows[1]).open_time().seconds());
  EXPECT_EQ(LeadOf(rows[0]).expected_close_date().day(), 31);
}

TEST(RowMapperTest, UsersBringTheirTeams) {
  const auto mapping = MappingFromJson(
      R"({"target": "TARGET_USER", "system": "crm", "idColumn": "agent", "team": {"column": "manager",
          "displayName": "Team {}", "managerColumn": "manager", "officeColumn": "office"}})");
  const auto rows = MapAll(mapping, "agent,manager,office\nAnna Snelling,Dustin Brinkmann,Central\n!!!,,\n");
  const auto& user = static_cast<const type::v1::User&>(*rows[0].record);
  EXPECT_EQ(user.name(), "users/anna-snelling");
  EXPECT_EQ(user.display_name(), "Anna Snelling");
  EXPECT_THAT(user.roles(), ElementsAre(type::v1::ROLE_REP));
  EXPECT_EQ(rows[0].team.name, "teams/team-dustin-brinkmann");
  EXPECT_EQ(rows[0].team.display_name, "Team Dustin Brinkmann");
  EXPECT_EQ(rows[0].team.manager, "Dustin Brinkmann");
  EXPECT_EQ(rows[0].team.office, "Central");
  EXPECT_THAT(CodesOf(rows[1].errors), ElementsAre("MISSING_REQUIRED_PROPERTY agent"));
}

TEST(RowMapperTest, LinksBetweenCompaniesWaitForTheSecondReading) {
  const auto mapping = MappingFromJson(
      R"({"target": "TARGET_COMPANY", "system": "crm", "idColumn": "name",
          "columns": [{"column": "parent", "field": "company"}]})");
  const std::string csv = "name,parent\nChild,Acme Corporation\nAcme Corporation,Acme Corporation\nOther,Nobody\n";
  const auto first = MapAll(mapping, csv);
  EXPECT_EQ(static_cast<const Contact&>(*first[0].record).company(), "");
  EXPECT_FALSE(first[0].has_link);
  EXPECT_THAT(CodesOf(first[2].warnings), ElementsAre());
  const auto second = MapAll(mapping, csv, SomeRecords(), /*links=*/true);
  EXPECT_EQ(static_cast<const Contact&>(*second[0].record).company(), "contacts/c1");
  EXPECT_TRUE(second[0].has_link);
  EXPECT_EQ(static_cast<const Contact&>(*second[1].record).company(), "");
  EXPECT_THAT(CodesOf(second[1].warnings), ElementsAre("LINK_TO_ITSELF "));
  EXPECT_THAT(CodesOf(second[2].warnings), ElementsAre("ASSOCIATION_NOT_FOUND parent"));
}

TEST(TallyTest, CountsByCodeAndColumn) {
  const auto rows = MapAll(MappingFromJson(OpportunityMapping(R"({"column": "who", "field": "owner"})")),
                           "id,stage,who\n1,Engaging,A\n2,Engaging,B\n3,Engaging,C\n4,Engaging,D\n5,Nowhere,\n");
  v1::ImportMetadata progress;
  for (const MappedRow& row : rows) {
    row.errors.empty() ? CountWritten(row, Outcome::kCreated, &progress) : CountRefused(row, &progress);
  }
  EXPECT_EQ(progress.rows_done(), 5);
  EXPECT_EQ(progress.created(), 4);
  EXPECT_EQ(progress.refused(), 1);
  ASSERT_EQ(progress.warnings_size(), 1);
  EXPECT_EQ(progress.warnings(0).code(), "COULD_NOT_FIND_OWNER");
  EXPECT_EQ(progress.warnings(0).column(), "who");
  EXPECT_EQ(progress.warnings(0).count(), 4);
  ASSERT_EQ(progress.warnings(0).examples_size(), 3);
  EXPECT_EQ(progress.warnings(0).examples(1).row(), 3);
  EXPECT_EQ(progress.warnings(0).examples(1).message(), "there is no user \"B\"");
  EXPECT_THAT(RefusedLine(rows[4]),
              ElementsAre("6", "UNKNOWN_STAGE", "stage: no stage is called \"Nowhere\"", "5", "Nowhere", ""));
  EXPECT_THAT(RefusedHeader({"id", "stage"}), ElementsAre("row_number", "error_code", "error", "id", "stage"));
}

/// The counts of an import's warnings and errors, as `CODE column`.
std::map<std::string, int64_t> CountsOf(const google::protobuf::RepeatedPtrField<v1::ImportIssue>& issues) {
  std::map<std::string, int64_t> counts;
  for (const v1::ImportIssue& issue : issues) counts[issue.code() + " " + issue.column()] = issue.count();
  return counts;
}

// The sample of the repository and its mappings belong together.
TEST(SampleTest, MappingsFitTheirFiles) {
  for (const std::string name : {"products", "companies", "team", "opportunities"}) {
    const std::string path = "examples/sample/" + name;
    const auto mapping = MappingFromJson(ReadFile(path + ".mapping.json"));
    const auto rows = RowsOf(ReadFile(path + ".csv"));
    const auto plan = MakePlan(mapping, rows.at(0).cells, kDefaults);
    ASSERT_TRUE(plan.ok()) << name << ": " << plan.status();
    EXPECT_THAT(plan->unused, ElementsAre()) << name;
    Directory directory;
    for (const char* stage : {"New", "Qualified", "Proposal", "Negotiation", "Won"}) {
      directory.AddStage(SlugOf(stage), stage, {"pipelines/default/stages/" + SlugOf(stage), SlugOf(stage) == "won"});
    }
    const RowMapper mapper(*plan, directory);
    for (size_t i = 1; i < rows.size(); ++i) {
      EXPECT_THAT(CodesOf(mapper.Map(rows[i]).errors), ElementsAre()) << name << " row " << i;
    }
  }
}

// The real export: every row becomes an opportunity, and every flaw is told.
TEST(MavenTest, NoRowIsLost) {
  const auto folder = testing::SharedData("maven_crm");
  if (!folder) GTEST_SKIP() << testing::kNoSharedData;
  Directory directory;
  for (const MappedRow& row : MapAll(MappingFromJson(ReadFile("tests/data/maven/sales_teams.mapping.json")),
                                     ReadFile(*folder + "/sales_teams.csv"), directory)) {
    ASSERT_THAT(CodesOf(row.errors), ElementsAre());
    const auto& user = static_cast<const type::v1::User&>(*row.record);
    directory.AddRecord(kUsers, user.name(), user.display_name());
    directory.AddMember(user.name(), row.team.name);
  }
  for (const MappedRow& row : MapAll(MappingFromJson(ReadFile("tests/data/maven/products.mapping.json")),
                                     ReadFile(*folder + "/products.csv"), directory)) {
    const auto& product = static_cast<const type::v1::Product&>(*row.record);
    EXPECT_FALSE(IsZero(product.price()));
    directory.AddRecord(kProducts, product.name(), product.display_name());
  }
  int companies = 0;
  for (const MappedRow& row : MapAll(MappingFromJson(ReadFile("tests/data/maven/accounts.mapping.json")),
                                     ReadFile(*folder + "/accounts.csv"), directory)) {
    ASSERT_THAT(CodesOf(row.errors), ElementsAre());
    const auto& company = static_cast<const Contact&>(*row.record);
    EXPECT_EQ(company.country().size(), 2u) << company.country();
    if (row.id == "Acme Corporation") {
      EXPECT_EQ(ToNumeric(company.annual_revenue()), "1100040000");
    }
    directory.AddRecord(kCompanies, "contacts/" + std::to_string(++companies), company.display_name());
  }
  EXPECT_EQ(companies, 85);
  directory.AddStage("prospecting", "Prospecting", {"pipelines/maven/stages/prospecting", false});
  directory.AddStage("engaging", "Engaging", {"pipelines/maven/stages/engaging", false});
  directory.AddStage("won", "Won", {"pipelines/maven/stages/won", true});

  v1::ImportMetadata progress;
  std::map<std::string, int> states;
  int dated = 0;
  for (const MappedRow& row : MapAll(MappingFromJson(ReadFile("tests/data/maven/sales_pipeline.mapping.json")),
                                     ReadFile(*folder + "/sales_pipeline.csv"), directory)) {
    ASSERT_THAT(CodesOf(row.errors), ElementsAre());
    CountWritten(row, Outcome::kCreated, &progress);
    const Lead& lead = LeadOf(row);
    ++states[Lead::State_Name(lead.state()) + lead.stage().substr(lead.stage().rfind('/'))];
    EXPECT_NE(lead.owner(), "");
    EXPECT_NE(lead.team(), "");
    EXPECT_EQ(lead.products_size(), 1);
    dated += lead.has_open_time() && lead.has_close_time() && lead.has_expected_revenue() ? 1 : 0;
    if (row.id == "Z063OYW0") {
      EXPECT_EQ(lead.display_name(), "Isdom – GTX Pro");
      EXPECT_EQ(FormatTime(FromTimestamp(lead.close_time())), "2017-03-11T00:00:00.000000Z");
      EXPECT_EQ(ToNumeric(lead.expected_revenue()), "4514");
      EXPECT_EQ(lead.team(), "teams/team-melvin-marxen");
    }
  }
  EXPECT_EQ(progress.rows_done(), 8800);
  EXPECT_EQ(dated, 4238 + 2473);
  EXPECT_THAT(states, ElementsAre(std::pair("STATE_LOST/engaging", 2473), std::pair("STATE_OPEN/engaging", 1589),
                                  std::pair("STATE_OPEN/prospecting", 500), std::pair("STATE_WON/won", 4238)));
  EXPECT_THAT(CountsOf(progress.warnings()),
              ElementsAre(std::pair("ALIAS_USED product", 1480), std::pair("EMPTY_CELL account", 1425),
                          std::pair("EMPTY_CELL engage_date", 500)));
}

TEST(RowMapper, PassesOverRowsThatAreNotMeant) {
  v1::ImportMapping mapping = MappingFromJson(OpportunityMapping(""));
  mapping.mutable_rows()->set_column("Kind");
  mapping.mutable_rows()->add_values("stagename");
  const auto rows = MapAll(mapping, "id,kind,stage\n1,StageName,Engaging\n2,Amount,5000\n,created,\n");
  ASSERT_THAT(rows, SizeIs(3));
  EXPECT_FALSE(rows[0].passed_over);
  ASSERT_NE(rows[0].record, nullptr);
  for (size_t i = 1; i < 3; ++i) {
    EXPECT_TRUE(rows[i].passed_over);
    EXPECT_EQ(rows[i].record, nullptr);
    EXPECT_THAT(rows[i].errors, SizeIs(0));
    ASSERT_THAT(rows[i].warnings, SizeIs(1));
    EXPECT_EQ(rows[i].warnings[0].code, "ROW_PASSED_OVER");
  }
  mapping.mutable_rows()->clear_values();
  mapping.mutable_rows()->set_column("color");
  const auto plan = MakePlan(mapping, {"id", "kind", "stage"}, kDefaults);
  EXPECT_THAT(plan.status().ToString(), HasSubstr("mapping.rows.column"));
}

}  // namespace
}  // namespace embudo::capture::logic
