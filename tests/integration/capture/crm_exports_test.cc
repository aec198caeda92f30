// Real exports of other systems, by the mappings that are suggested for them. The wanted figures were counted in the
// raw files by other means.

#include <filesystem>

#include "embudo/capture/v1/import_mapping_service.pb.h"
#include "tests/integration/capture/suite.h"

namespace embudo::testing {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Pair;

class CrmExportsTest : public CaptureTest {
 protected:
  void SetUp() override {
    if (!SharedData("crm_exports")) GTEST_SKIP() << kNoSharedData;
    CaptureTest::SetUp();
  }

  capture::v1::SuggestMappingResponse Suggest(const std::string& path, bool custom_fields = false) {
    const auto file = Upload(ReadFile(*SharedData(path)));
    EXPECT_TRUE(file.ok()) << file.status();
    capture::v1::SuggestMappingRequest request;
    request.set_file(file->name());
    request.set_custom_fields(custom_fields);
    const auto suggestion = Capture<capture::v1::SuggestMappingResponse>("ImportService/SuggestMapping", request);
    EXPECT_TRUE(suggestion.ok()) << path << ": " << suggestion.status();
    return suggestion.ok() ? *suggestion : capture::v1::SuggestMappingResponse();
  }
  std::string ImportSuggested(const std::string& path, bool custom_fields = false) {
    const auto suggestion = Suggest(path, custom_fields);
    return Figures(Import(ReadFile(*SharedData(path)), suggestion.mapping()));
  }
};

TEST_F(CrmExportsTest, SalesforcesDataLoaderFilesComeInWhole) {
  const std::string folder = "crm_exports/salesforce_dataloader/";
  const auto suggestion = Suggest(folder + "opportunityData.csv");
  EXPECT_EQ(suggestion.preset(), "importPresets/salesforce-opportunities");
  EXPECT_THAT(suggestion.questions(), IsEmpty());
  EXPECT_EQ(ImportSuggested(folder + "accountData.csv"), "423/0/0/0");
  EXPECT_EQ(ImportSuggested(folder + "opportunityData.csv", true), "38/0/0/0");
  const auto count = [&](const std::string& condition) {
    return CountRows("SELECT count(*) FROM pipeline.lead WHERE tenant_id = $1 AND " + condition);
  };
  EXPECT_EQ(count("state = 'WON'"), 8);
  EXPECT_EQ(count("state = 'OPEN'"), 30);
  EXPECT_EQ(count("stage_id = 'prospecting'"), 9);
  EXPECT_EQ(count("stage_id = 'value-proposition'"), 8);
  EXPECT_EQ(count("close_time::date = '2005-11-09' AND state = 'WON'"), count("close_time::date = '2005-11-09'"));
  EXPECT_EQ(CountRows("SELECT sum(expected_revenue) FROM pipeline.lead WHERE tenant_id = $1 AND state = 'WON'"),
            2200000);
  // The row's own dates are kept.
  EXPECT_EQ(count("create_time < '2007-01-01'"), 38);
  EXPECT_EQ(ImportSuggested(folder + "accountData.csv"), "0/0/423/0");
  EXPECT_EQ(ImportSuggested(folder + "opportunityData.csv", true), "0/0/38/0");
}

TEST_F(CrmExportsTest, SalesforcesFieldHistoryTellsWhenStagesWereEntered) {
  // The columns of the two objects as Salesforce's object reference lists them.
  const auto import = [&](const std::string& csv, const std::string& preset) {
    const auto file = Upload(csv);
    EXPECT_TRUE(file.ok()) << file.status();
    capture::v1::SuggestMappingRequest request;
    request.set_file(file->name());
    const auto suggestion = Capture<capture::v1::SuggestMappingResponse>("ImportService/SuggestMapping", request);
    EXPECT_TRUE(suggestion.ok()) << suggestion.status();
    EXPECT_EQ(suggestion->preset(), "importPresets/" + preset);
    EXPECT_THAT(suggestion->questions(), IsEmpty());
    return Import(csv, suggestion->mapping());
  };
  const std::string deals =
      "Id,IsDeleted,Name,StageName,Amount,Probability,CloseDate,IsClosed,IsWon,CreatedDate\n"
      "0065g00000AAAAA,false,Looms,Negotiation,5000,60,2024-06-30,false,false,2024-01-01T08:00:00.000Z\n"
      "0065g00000BBBBB,false,Engines,Closed Won,9000,100,2024-03-01,true,true,2024-01-02T08:00:00.000Z\n"
      "0065g00000CCCCC,false,Wheels,Qualification,100,10,2024-06-30,false,false,2024-01-02T08:00:00.000Z\n";
  EXPECT_EQ(Figures(import(deals, "salesforce-opportunities")), "3/0/0/0");
  const std::string history =
      "Id,IsDeleted,OpportunityId,CreatedById,CreatedDate,Field,DataType,OldValue,NewValue\n"
      "0175g0000000001,false,0065g00000AAAAA,0055g000001,2024-01-01T08:00:00.000Z,created,,,\n"
      "0175g0000000002,false,0065g00000AAAAA,0055g000001,2024-01-05T09:30:00.000Z,StageName,DynamicEnum,"
      "Qualification,Negotiation\n"
      "0175g0000000003,false,0065g00000AAAAA,0055g000001,2024-01-05T09:30:00.000Z,Amount,Double,4000.0,5000.0\n"
      "0175g0000000004,false,0065g00000BBBBB,0055g000001,2024-02-01T10:00:00.000Z,StageName,DynamicEnum,"
      "Qualification,Negotiation\n"
      "0175g0000000005,false,0065g00000BBBBB,0055g000001,2024-03-01T10:00:00.000Z,StageName,DynamicEnum,Negotiation,"
      "Closed Won\n"
      "0175g0000000006,false,0065g00000BBBBB,0055g000001,2024-03-01T10:00:00.000Z,CloseDate,DateOnly,2024-04-01,"
      "2024-03-01\n"
      "0175g0000000007,false,0065g00000BBBBB,0055g000001,2024-03-02T10:00:00.000Z,Owner,EntityId,0055g1,0055g2\n";
  const ImportMetadata progress = import(history, "salesforce-opportunity-field-history");
  // Three rows tell of stages; the four others are passed over, and counted.
  EXPECT_EQ(progress.rows_done(), 7);
  EXPECT_EQ(progress.refused(), 0) << progress.DebugString();
  EXPECT_THAT(CountsOf(progress.warnings()), Contains(Pair("ROW_PASSED_OVER Field", 4)));
  const auto entered = [&](const std::string& deal, const std::string& stage) -> std::string {
    pipeline::v1::ListStageStaysRequest request;
    request.set_parent(ListLeads("display_name = \"" + deal + "\"").at(0).name());
    const auto stays = Pipeline<pipeline::v1::ListStageStaysResponse>("LeadService/ListStageStays", request);
    for (const auto& stay : stays.stays()) {
      if (stay.stage().ends_with("/" + stage)) return FormatTime(FromTimestamp(stay.enter_time())).substr(0, 16);
    }
    return "never";
  };
  EXPECT_EQ(entered("Looms", "negotiation"), "2024-01-05T09:30");
  EXPECT_EQ(entered("Engines", "negotiation"), "2024-02-01T10:00");
  // As the opportunity's own file has it, which tells the day.
  EXPECT_EQ(entered("Engines", "closed-won"), "2024-03-01T00:00");
  EXPECT_EQ(Figures(import(history, "salesforce-opportunity-field-history")), "0/0/7/0");
}

TEST_F(CrmExportsTest, WhatTheOtherSystemHasDeletedDoesNotComeIn) {
  // Of ten accounts nine are deleted, one of them because it was merged into another, which is not in the file.
  const std::string path = "crm_exports/salesforce_fivetran_seeds/sf_account_data.csv";
  const std::string figures = ImportSuggested(path);
  EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.contact WHERE tenant_id = $1 AND delete_time IS NULL"), 2);
  EXPECT_EQ(figures, "2/0/8/0");
}

TEST_F(CrmExportsTest, HubSpotsTablesComeIn) {
  const std::string folder = "crm_exports/hubspot_fivetran_seeds/";
  EXPECT_EQ(Suggest(folder + "company_data.csv").preset(), "importPresets/hubspot-companies");
  EXPECT_EQ(ImportSuggested(folder + "company_data.csv", true), "24/0/0/0");
  EXPECT_EQ(ImportSuggested(folder + "contact_data.csv", true), "22/0/0/0");
  EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.contact WHERE tenant_id = $1 AND kind = 'COMPANY'"), 24);
  EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.contact WHERE tenant_id = $1 AND kind = 'PERSON'"), 22);
}

TEST_F(CrmExportsTest, EveryTableOfDataLoadersTestsIsRead) {
  // The encodings, delimiters, quotes and dates of its own tests: the header and rows come out whole, or it is said why
  // not.
  int read = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(*SharedData("crm_exports/salesforce_dataloader/testfiles"))) {
    if (entry.path().extension() != ".csv") continue;
    const auto file = Upload(ReadFile(entry.path().string()));
    ASSERT_TRUE(file.ok()) << entry.path();
    capture::v1::SuggestMappingRequest request;
    request.set_file(file->name());
    const auto suggestion = Capture<capture::v1::SuggestMappingResponse>("ImportService/SuggestMapping", request);
    if (suggestion.ok()) {
      ++read;
    } else {
      EXPECT_EQ(suggestion.status().code(), absl::StatusCode::kInvalidArgument) << entry.path();
      EXPECT_THAT(ReasonOf(suggestion.status()), ::testing::AnyOf("UNKNOWN_SOURCE", "NO_ID_COLUMN", "EMPTY_FILE"))
          << entry.path() << suggestion.status();
    }
  }
  SUCCEED() << read;
}

/// Real leads of a marketplace, and those that became customers.
TEST_F(CrmExportsTest, OlistsFunnelComesIn) {
  if (!SharedData("olist_funnel")) GTEST_SKIP() << kNoSharedData;
  for (const auto& entry : std::filesystem::directory_iterator(*SharedData("olist_funnel"))) {
    const std::string path = "olist_funnel/" + entry.path().filename().string();
    if (path.find("qualified") == std::string::npos || entry.path().extension() != ".csv") continue;
    const auto suggestion = Suggest(path, true);
    EXPECT_EQ(suggestion.preset(), "importPresets/csv-leads");
    EXPECT_EQ(suggestion.mapping().id_column(), "mql_id");
    EXPECT_EQ(Figures(Import(ReadFile(*SharedData(path)), suggestion.mapping())), "8000/0/0/0");
    EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.lead WHERE tenant_id = $1 AND kind = 'LEAD'"), 8000);
  }
}

TEST_F(CrmExportsTest, SavedMappingsAreKept) {
  const std::string path = "crm_exports/salesforce_dataloader/accountData.csv";
  capture::v1::CreateImportMappingRequest request;
  request.set_import_mapping_id("accounts");
  request.mutable_import_mapping()->set_display_name("Accounts");
  *request.mutable_import_mapping()->mutable_mapping() = Suggest(path).mapping();
  request.set_request_id(Uuid::V7(Clock::System().Now()).ToString());
  using capture::v1::SavedMapping;
  auto saved = Capture<SavedMapping>("ImportMappingService/CreateImportMapping", request);
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_EQ(saved->name(), "importMappings/accounts");
  EXPECT_TRUE(Capture<SavedMapping>("ImportMappingService/CreateImportMapping", request).ok());
  request.clear_request_id();
  EXPECT_EQ(Capture<SavedMapping>("ImportMappingService/CreateImportMapping", request).status().code(),
            absl::StatusCode::kAlreadyExists);
  capture::v1::ListImportMappingsRequest list;
  const auto all = Capture<capture::v1::ListImportMappingsResponse>("ImportMappingService/ListImportMappings", list);
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->import_mappings_size(), 1);
  EXPECT_EQ(all->import_mappings(0).mapping().SerializeAsString(),
            request.import_mapping().mapping().SerializeAsString());

  capture::v1::ImportLeadsRequest import;
  const auto file = Upload(ReadFile(*SharedData(path)));
  import.set_file(file->name());
  EXPECT_EQ(Capture<Operation>("ImportService/ImportLeads", import).status().code(),
            absl::StatusCode::kInvalidArgument);
  import.set_saved_mapping("importMappings/accounts");
  const auto started = Capture<Operation>("ImportService/ImportLeads", import);
  ASSERT_TRUE(started.ok()) << started.status();
  EXPECT_EQ(Figures(ProgressOf(WaitFor(started->name()))), "423/0/0/0");

  capture::v1::UpdateImportMappingRequest update;
  *update.mutable_import_mapping() = *saved;
  update.mutable_import_mapping()->set_etag("7");
  update.mutable_import_mapping()->set_display_name("Other");
  EXPECT_EQ(Capture<SavedMapping>("ImportMappingService/UpdateImportMapping", update).status().code(),
            absl::StatusCode::kAborted);
  capture::v1::DeleteImportMappingRequest remove;
  remove.set_name(saved->name());
  EXPECT_TRUE(Capture<SavedMapping>("ImportMappingService/DeleteImportMapping", remove).ok());
  EXPECT_EQ(Capture<Operation>("ImportService/ImportLeads", import).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace embudo::testing
