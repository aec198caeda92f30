#include "services/capture/logic/suggestion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "common/base/error.h"
#include "common/testing/shared_data.h"
#include "services/capture/logic/import_plan.h"
#include "services/capture/logic/locale_finding.h"
#include "services/capture/logic/presets.h"
#include "services/capture/logic/testing.h"

namespace embudo::capture::logic {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using v1::ImportMapping;

Sample SampleOf(const std::string& csv) {
  Sample sample;
  std::vector<text::CsvRow> rows = RowsOf(csv);
  sample.header = rows.at(0).cells;
  sample.rows.assign(rows.begin() + 1, rows.end());
  return sample;
}

v1::SuggestMappingResponse SuggestionFor(const std::string& csv, const std::string& preset = "",
                                         bool custom_fields = false) {
  v1::SuggestMappingRequest request;
  request.set_preset(preset);
  request.set_custom_fields(custom_fields);
  auto suggestion = Suggest(request, SampleOf(csv));
  EXPECT_TRUE(suggestion.ok()) << suggestion.status();
  return suggestion.ok() ? *suggestion : v1::SuggestMappingResponse();
}

std::map<std::string, std::string> FieldsOf(const v1::SuggestMappingResponse& suggestion) {
  std::map<std::string, std::string> fields;
  for (const auto& column : suggestion.columns()) fields[column.column()] = column.field();
  return fields;
}

std::vector<std::string> QuestionsOf(const v1::SuggestMappingResponse& suggestion) {
  std::vector<std::string> codes;
  for (const auto& question : suggestion.questions()) codes.push_back(question.code());
  return codes;
}

TEST(PresetTest, EveryPresetNamesFieldsThatAreThere) {
  EXPECT_GE(Presets().size(), 30u);
  for (const v1::ImportPreset& preset : Presets()) {
    SCOPED_TRACE(preset.name());
    ImportMapping mapping;
    mapping.set_target(preset.target());
    mapping.set_system(preset.system());
    mapping.set_id_column("id of the row");
    std::vector<std::string> header = {"id of the row"};
    const auto use = [&](const std::string& name) {
      if (std::find(header.begin(), header.end(), name) == header.end()) header.push_back(name);
    };
    for (const auto& column : preset.columns()) {
      v1::ImportColumn& spec = *mapping.add_columns();
      spec = column.spec();
      if (column.headers().empty()) continue;
      spec.set_column(column.headers(0));
      use(column.headers(0));
    }
    for (const std::string& about : preset.about_headers()) {
      mapping.add_about_columns(about);
      use(about);
    }
    if (!preset.stage_headers().empty()) {
      mapping.mutable_pipeline()->set_id("p");
      mapping.mutable_pipeline()->set_stage_column(preset.stage_headers(0));
      use(preset.stage_headers(0));
    }
    std::map<std::string, int> keys;
    for (const std::string& name : header) ++keys[HeaderKey(name)];
    std::vector<std::string> once;
    for (const std::string& name : header) {
      if (keys[HeaderKey(name)]-- == 1) once.push_back(name);
    }
    const auto plan = MakePlan(mapping, once, {"USD", "UTC", "US"});
    EXPECT_TRUE(plan.ok()) << plan.status();
  }
}

TEST(SuggestionTest, ReadsSalesforcesDialects) {
  const auto api = SuggestionFor(
      "\"ID\",\"ISDELETED\",\"ACCOUNTID\",\"NAME\",\"STAGENAME\",\"AMOUNT\",\"PROBABILITY\",\"CLOSEDATE\",\"ISCLOSED\","
      "\"ISWON\",\"OWNERID\",\"CREATEDDATE\",\"COLOR__C\"\n"
      "006x0000001YtCrAAK,false,001x0000002xLD0AAM,One,Closed Won,500.0,100,2005-11-09,true,true,005x0000000fNSiAAM,"
      "2006-06-15T20:47:07.000Z,red\n"
      "006x0000001YtCsAAK,false,001x0000002xLD0AAM,Two,Prospecting,,10,2005-12-09,false,false,005x0000000fNSiAAM,"
      "2006-06-15T20:47:07.000Z,\n"
      "006x0000001YtCtAAK,false,001x0000002xLD0AAM,Three,Closed Lost,,0,2005-12-09,true,false,005x0000000fNSiAAM,"
      "2006-06-15T20:47:07.000Z,\n",
      "", true);
  EXPECT_EQ(api.preset(), "importPresets/salesforce-opportunities");
  EXPECT_EQ(api.mapping().id_column(), "ID");
  EXPECT_EQ(api.mapping().id_format(), ImportMapping::ID_FORMAT_SALESFORCE);
  auto fields = FieldsOf(api);
  EXPECT_EQ(fields["AMOUNT"], "expected_revenue");
  EXPECT_EQ(fields["CREATEDDATE"], "create_time, open_time");
  EXPECT_EQ(fields["COLOR__C"], "custom_fields.color");
  EXPECT_EQ(fields["ISDELETED"], "(deleted)");
  EXPECT_THAT(QuestionsOf(api), IsEmpty());
  ASSERT_THAT(api.mapping().pipeline().stages(), SizeIs(2));
  EXPECT_EQ(api.mapping().pipeline().stages(1).display_name(), "Closed Won");
  EXPECT_TRUE(api.mapping().pipeline().stages(1).is_won());
  EXPECT_EQ(api.mapping().pipeline().lost_stage(), "prospecting");

  const auto labels = SuggestionFor(
      "Opportunity ID,Opportunity Owner,Account Name,Opportunity Name,Stage,Total Amount Currency,Total Amount,Fiscal "
      "Period,Close Date\n1,Ann,Acme,One,Negotiation,EUR,\"1.234,50\",Q1-2024,31.12.2024\n");
  EXPECT_EQ(labels.preset(), "importPresets/salesforce-opportunities");
  fields = FieldsOf(labels);
  EXPECT_EQ(fields["Total Amount Currency"], "(currency)");
  EXPECT_EQ(labels.mapping().format().date_order(), ImportMapping::DATE_ORDER_DAY_MONTH_YEAR);
  EXPECT_EQ(labels.mapping().format().decimal_sign(), ",");
  EXPECT_THAT(QuestionsOf(labels), ElementsAre("UNKNOWN_STAGE_MEANING"));
}

TEST(SuggestionTest, StagesAreTakenByWhatTheyMean) {
  // A portal that calls its won stage contractsent, and its lost one closedwon.
  const auto suggestion = SuggestionFor(
      "Record ID,Deal Name,Deal Stage,Amount,Deal owner,Close Date,Create Date,Is Closed Won,Is Deal Closed?,"
      "\"Date entered \"\"Talk (Sales)\"\"\"\n"
      "1,A,contractsent,10,ann@x.com,2024-02-01 09:30,2024-01-01 09:30,true,true,2024-01-02 09:30\n"
      "2,B,closedwon,10,ann@x.com,2024-02-01 09:30,2024-01-01 09:30,false,true,2024-01-03 09:30\n"
      "3,C,Talk,10,ann@x.com,2024-02-01 09:30,2024-01-01 09:30,false,false,2024-01-04 09:30\n");
  EXPECT_EQ(suggestion.preset(), "importPresets/hubspot-deals");
  std::map<std::string, std::string> states;
  for (const auto& stage : suggestion.stages()) states[stage.value()] = type::v1::Lead::State_Name(stage.state());
  EXPECT_EQ(states["contractsent"], "STATE_WON");
  EXPECT_EQ(states["closedwon"], "STATE_LOST");
  EXPECT_EQ(states["Talk"], "STATE_OPEN");
  EXPECT_EQ(FieldsOf(suggestion)["Date entered \"Talk (Sales)\""], "stage_entered.talk");
  EXPECT_THAT(QuestionsOf(suggestion), IsEmpty());
}

TEST(SuggestionTest, KnowsOtherSystems) {
  EXPECT_EQ(SuggestionFor("Deal - ID,Deal - Title,Deal - Value,Deal - Currency of value,Deal - Stage,Deal - Status\n"
                          "1,A,5,EUR,Talk,Won\n2,B,5,EUR,Talk,Open\n")
                .preset(),
            "importPresets/pipedrive-deals");
  EXPECT_EQ(SuggestionFor("Person - ID,Person - Name,Person - Email\n1,Ann,a@b.com\n").preset(),
            "importPresets/pipedrive-persons");
  EXPECT_EQ(SuggestionFor("id,name,partner_name,contact_name,email_from,stage_id,expected_revenue,user_id,probability\n"
                          "x.1,A,Acme,Ann,a@b.com,New,5,Ann,10\n")
                .preset(),
            "importPresets/odoo-opportunities");
  EXPECT_EQ(SuggestionFor("Id,LastName,Company,Status,LeadSource,IsConverted\n1,A,B,New,Web,false\n").preset(),
            "importPresets/salesforce-leads");
  v1::SuggestMappingRequest request;
  const auto unknown = Suggest(request, SampleOf("x,y,z\n1,2,3\n"));
  EXPECT_EQ(ReasonOf(unknown.status()), "UNKNOWN_SOURCE");
  request.set_preset("nobody");
  EXPECT_THAT(MessageOf(Suggest(request, SampleOf("x\n1\n")).status()), HasSubstr("nobody"));
}

TEST(LocaleTest, DatesTellTheirOrderOrAreAskedFor) {
  EXPECT_EQ(FindDateOrder({"2024-01-02", ""}).order, ImportMapping::DATE_ORDER_YEAR_MONTH_DAY);
  EXPECT_EQ(FindDateOrder({"1/2/2024", "1/31/2024"}).order, ImportMapping::DATE_ORDER_MONTH_DAY_YEAR);
  EXPECT_EQ(FindDateOrder({"1/2/2024", "31/1/2024 10:00"}).order, ImportMapping::DATE_ORDER_DAY_MONTH_YEAR);
  EXPECT_EQ(FindDateOrder({"01.02.2024"}).order, ImportMapping::DATE_ORDER_DAY_MONTH_YEAR);
  EXPECT_FALSE(FindDateOrder({"01.02.2024"}).ambiguous);
  EXPECT_TRUE(FindDateOrder({"1/2/2024", "3/4/2024"}).ambiguous);
  EXPECT_TRUE(FindDateOrder({"13/2/2024", "3/14/2024"}).ambiguous);
  EXPECT_FALSE(FindDateOrder({"", "soon"}).ambiguous);
}

TEST(LocaleTest, NumbersTellTheirSignsOrAreAskedFor) {
  EXPECT_EQ(FindDecimalSign({"1.234,56"}).decimal_sign, ",");
  EXPECT_EQ(FindDecimalSign({"1.234,56"}).digit_grouping, ".");
  EXPECT_EQ(FindDecimalSign({"1,234.5"}).decimal_sign, ".");
  EXPECT_EQ(FindDecimalSign({"1234,5", "1.234"}).decimal_sign, ",");
  EXPECT_EQ(FindDecimalSign({"1.234.567"}).decimal_sign, ",");
  EXPECT_TRUE(FindDecimalSign({"1.234"}).ambiguous);
  EXPECT_TRUE(FindDecimalSign({"1.5", "2,5"}).ambiguous);
  EXPECT_EQ(FindDecimalSign({"12", "1"}).decimal_sign, "");
}

TEST(SuggestionTest, AmbiguousDatesAreAQuestion) {
  const auto suggestion = SuggestionFor(
      "Deal - ID,Deal - Title,Deal - Value,Deal - Stage,Deal - Status,Deal - Expected close date\n"
      "1,A,1.234,Talk,Open,3/4/2026\n");
  EXPECT_THAT(QuestionsOf(suggestion), ElementsAre("AMBIGUOUS_DATE_ORDER", "AMBIGUOUS_DECIMAL_SIGN"));
  EXPECT_THAT(suggestion.questions(0).message(), HasSubstr("3/4/2026"));
  EXPECT_THAT(suggestion.questions(0).options(), SizeIs(2));
}

TEST(IdTest, SalesforceIdsAreMade18) {
  EXPECT_EQ(IdAs(ImportMapping::ID_FORMAT_SALESFORCE, "006x0000001YtCr"), "006x0000001YtCrAAK");
  EXPECT_EQ(IdAs(ImportMapping::ID_FORMAT_SALESFORCE, "001x0000002xLD0"), "001x0000002xLD0AAM");
  EXPECT_EQ(IdAs(ImportMapping::ID_FORMAT_SALESFORCE, "006x0000001YtCrAAK"), "006x0000001YtCrAAK");
  EXPECT_EQ(IdAs(ImportMapping::ID_FORMAT_AS_WRITTEN, "006x0000001YtCr"), "006x0000001YtCr");
}

/// Every 18-character id of the real files is what its first 15 characters are made.
TEST(IdTest, RealSalesforceIdsCheckOut) {
  const auto folder = testing::SharedData("crm_exports/salesforce_dataloader");
  if (!folder) GTEST_SKIP() << testing::kNoSharedData;
  int checked = 0;
  for (const char* file : {"accountData.csv", "opportunityData.csv"}) {
    for (const text::CsvRow& row : RowsOf(ReadFile(*folder + "/" + file))) {
      for (const std::string& cell : row.cells) {
        if (cell.size() != 18 || !cell.starts_with("00") || cell.find_first_of(" -.:_") != std::string::npos) continue;
        EXPECT_EQ(IdAs(ImportMapping::ID_FORMAT_SALESFORCE, cell.substr(0, 15)), cell);
        ++checked;
      }
    }
  }
  EXPECT_GT(checked, 900);
}

/// What the real files are found to be.
TEST(SuggestionTest, FindsTheRealExports) {
  const auto folder = testing::SharedData("crm_exports");
  if (!folder) GTEST_SKIP() << testing::kNoSharedData;
  const std::map<std::string, std::string> wanted = {
      {"salesforce_dataloader/accountData.csv", "salesforce-accounts"},
      {"salesforce_dataloader/opportunityData.csv", "salesforce-opportunities"},
      {"salesforce_dataloader/success0413060133.csv", "salesforce-opportunities"},
      {"salesforce_dataloader/error0413060133.csv", "salesforce-opportunities"},
      {"salesforce_fivetran_seeds/sf_account_data.csv", "salesforce-accounts"},
      {"salesforce_fivetran_seeds/sf_contact_data.csv", "salesforce-contacts"},
      {"salesforce_fivetran_seeds/sf_lead_data.csv", "salesforce-leads"},
      {"salesforce_fivetran_seeds/sf_opportunity_data.csv", "salesforce-opportunities"},
      {"salesforce_fivetran_seeds/sf_task_data.csv", "salesforce-tasks"},
      {"salesforce_fivetran_seeds/sf_event_data.csv", "salesforce-events"},
      {"salesforce_fivetran_seeds/sf_user_data.csv", "salesforce-users"},
      {"salesforce_fivetran_seeds/sf_opportunity_history_data.csv", "salesforce-opportunity-versions"},
      {"salesforce_fivetran_seeds/sf_product_2_data.csv", "salesforce-products"},
      {"hubspot_fivetran_seeds/deal_data.csv", "hubspot-deals"},
      {"hubspot_fivetran_seeds/contact_data.csv", "hubspot-contacts"},
      {"hubspot_fivetran_seeds/company_data.csv", "hubspot-companies"},
      {"hubspot_fivetran_seeds/owner_data.csv", "hubspot-owners"}};
  for (const auto& [file, preset] : wanted) {
    double confidence = 0;
    const auto rows = RowsOf(ReadFile(*folder + "/" + file));
    const auto* found = FindPreset(rows.at(0).cells, "", &confidence);
    EXPECT_EQ(found == nullptr ? "" : found->name(), "importPresets/" + preset) << file << " " << confidence;
  }
}

}  // namespace
}  // namespace embudo::capture::logic
