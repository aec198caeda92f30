// Files, all the way into the pipeline service.

#include "tests/integration/capture/suite.h"

namespace embudo::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST_F(CaptureTest, FilesArriveWhole) {
  std::string content;
  for (int i = 0; i < 100000; ++i) content += std::to_string(i) + ",x\n";
  const auto file = Upload(content);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->size_bytes(), static_cast<int64_t>(content.size()));
  EXPECT_TRUE(Upload(content, file->sha256()).ok());
  const absl::Status wrong = Upload(content, std::string(64, '0')).status();
  EXPECT_THAT(MessageOf(wrong), AllOf(HasSubstr("metadata.sha256"), HasSubstr(file->sha256())));
  EXPECT_EQ(CountRows("SELECT count(*) FROM capture.file WHERE tenant_id = $1"), 2);
  EXPECT_EQ(CountRows("SELECT sum(length(bytes)) FROM capture.file_chunk WHERE tenant_id = $1"),
            2 * static_cast<int64_t>(content.size()));
}

constexpr char kMapping[] = R"({"target": "TARGET_OPPORTUNITY", "system": "crm", "idColumn": "id",
    "columns": [{"column": "title", "field": "display_name"}, {"column": "mail", "field": "email"},
                {"column": "value", "field": "expected_revenue"}, {"column": "opened", "field": "open_time"},
                {"column": "tags", "field": "tags", "missing": "MISSING_CREATE"}],
    "pipeline": {"id": "imported", "displayName": "Imported", "stageColumn": "stage",
                 "stages": [{"id": "talk", "displayName": "Talk"},
                            {"id": "won", "displayName": "Won", "isWon": true}]}})";

TEST_F(CaptureTest, AnImportIsDoneOnceHoweverOftenItRuns) {
  const std::string csv =
      "id,title,mail,value,opened,stage,tags,extra\n"
      "1,One,a@b.com,100,2017-01-01,Talk,hot;new,z\n"
      "2,Two,b@b.com,200,2017-01-02,Won,hot,z\n";
  ImportMetadata progress = Import(csv, MappingFromJson(kMapping));
  EXPECT_EQ(Figures(progress), "2/0/0/0");
  EXPECT_EQ(progress.rows_total(), 2);
  EXPECT_EQ(progress.rows_done(), 2);
  EXPECT_EQ(progress.state(), ImportMetadata::STATE_SUCCEEDED);
  EXPECT_THAT(CountsOf(progress.warnings()),
              AllOf(Contains(Pair("COLUMN_NOT_USED extra", 1)), Contains(Pair("NO_CLOSE_TIME ", 1)),
                    Contains(Pair("RECORD_CREATED tags", 3))));
  EXPECT_EQ(Figures(Import(csv, MappingFromJson(kMapping))), "0/0/2/0");
  EXPECT_EQ(
      Figures(Import("id,title,mail,value,opened,stage,tags\n2,Two!,b@b.com,200,2017-01-02,Won,hot\n3,Three,,,,Talk,\n",
                     MappingFromJson(kMapping))),
      "1/1/0/0");
  const std::vector<Lead> leads = ListLeads();
  ASSERT_EQ(leads.size(), 3u);
  for (const Lead& lead : leads) {
    EXPECT_EQ(lead.pipeline(), "pipelines/imported");
    EXPECT_EQ(lead.channel(), Lead::CHANNEL_IMPORT);
    if (lead.external_ids(0).id() == "2") {
      EXPECT_EQ(lead.display_name(), "Two!");
      EXPECT_EQ(lead.state(), Lead::STATE_WON);
      EXPECT_EQ(ToNumeric(lead.expected_revenue()) + lead.expected_revenue().currency_code(), "200USD");
      EXPECT_EQ(FormatTime(FromTimestamp(lead.open_time())), "2017-01-02T00:00:00.000000Z");
      EXPECT_THAT(lead.tags(), ElementsAre("tags/hot"));
    }
  }
}

TEST_F(CaptureTest, BadRowsAreToldAndGoodOnesKept) {
  const ImportMetadata progress = Import(
      "id,title,mail,value,opened,stage,tags\n"
      "1,One,a@b.com,100,2017-01-01,Talk,\n"
      "2,\"Two, too\",nobody,lots,2017-13-01,Talk,\n"
      ",Three,,,,Talk,\n"
      "4,Four,,,,Nowhere,\n"
      "5,Five,,-5,2017-01-05,Talk,,,surplus\n"
      "6,Six,c@b.com,600,2017-01-06,Talk,\n",
      MappingFromJson(kMapping));
  EXPECT_EQ(Figures(progress), "2/0/0/4");
  EXPECT_EQ(progress.rows_done(), 6);
  EXPECT_THAT(CountsOf(progress.errors()),
              ElementsAre(Pair("COULD_NOT_PARSE_DATE opened", 1), Pair("INVALID_AMOUNT value", 1),
                          Pair("INVALID_EMAIL mail", 1), Pair("MISSING_REQUIRED_PROPERTY id", 1),
                          Pair("TOO_MANY_CELLS ", 1), Pair("UNKNOWN_STAGE stage", 1)));
  EXPECT_EQ(ListLeads().size(), 2u);
  const std::string refused = RefusedRows(operation_.name());
  EXPECT_EQ(
      refused,
      "row_number,error_code,error,id,title,mail,value,opened,stage,tags\r\n"
      "3,INVALID_EMAIL,\"mail: \"\"nobody\"\" is not an email address: there is no @ after the name; value: "
      "\"\"lots\"\" is not an amount; opened: \"\"2017-13-01\"\" is not a date: month 13\",2,\"Two, too\",nobody,lots,"
      "2017-13-01,Talk,\r\n"
      "4,MISSING_REQUIRED_PROPERTY,id: the row has no id,,Three,,,,Talk,\r\n"
      "5,UNKNOWN_STAGE,\"stage: no stage is called \"\"Nowhere\"\"\",4,Four,,,,Nowhere,\r\n"
      "6,TOO_MANY_CELLS,the row has more cells than the header,5,Five,,-5,2017-01-05,Talk,,,surplus\r\n");
  EXPECT_EQ(RefusedRows(operation_.name(), 1), refused);
  // Mended, the refused rows alone come in by the same mapping.
  EXPECT_EQ(Figures(Import("row_number,error_code,error,id,title,mail,value,opened,stage,tags\n"
                           "3,,,2,\"Two, too\",x@b.com,7,2017-12-01,Talk,\n",
                           MappingFromJson(kMapping))),
            "1/0/0/0");
}

TEST_F(CaptureTest, ARowThatOnlyTheServiceRefusesStandsAlone) {
  // The contract takes no tag list of more than 100; the mapping knows nothing of that.
  std::string tags;
  for (int i = 0; i < 120; ++i) tags += "t" + std::to_string(i) + ";";
  std::string csv = "id,title,mail,value,opened,stage,tags\n";
  for (int i = 1; i <= 20; ++i) {
    csv += std::to_string(i) + ",Lead,,,,Talk," + (i == 13 ? tags : "") + "\n";
  }
  const ImportMetadata progress = Import(csv, MappingFromJson(kMapping));
  EXPECT_EQ(Figures(progress), "19/0/0/1");
  ASSERT_EQ(progress.errors_size(), 1);
  EXPECT_EQ(progress.errors(0).column(), "tags");
  EXPECT_EQ(progress.errors(0).examples(0).row(), 14);
}

TEST_F(CaptureTest, ADryRunWritesNothing) {
  const std::string csv = "id,title,mail,value,opened,stage,tags\n1,One,,,,Talk,hot\n2,Two,,,,Talk,\nx,,,,,Nowhere,\n";
  EXPECT_EQ(Figures(Import(csv, MappingFromJson(kMapping), /*dry_run=*/true)), "2/0/0/1");
  EXPECT_THAT(ListLeads(), IsEmpty());
  EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.pipeline WHERE tenant_id = $1"), 1);
  EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.tag WHERE tenant_id = $1"), 0);
  Import(csv, MappingFromJson(kMapping));
  EXPECT_EQ(
      Figures(Import("id,title,mail,value,opened,stage,tags\n1,One,,,,Talk,hot\n2,Zwei,,,,Talk,\n3,Three,,,,Talk,\n",
                     MappingFromJson(kMapping), /*dry_run=*/true)),
      "1/1/1/0");
  EXPECT_EQ(ListLeads().size(), 2u);
}

TEST_F(CaptureTest, AWrongMappingIsRefusedAtOnce) {
  auto mapping = MappingFromJson(kMapping);
  mapping.mutable_columns(0)->set_column("name");
  mapping.mutable_columns(1)->set_field("mail");
  const absl::Status status = StartImport("id,title,mail,value,opened,stage,tags\n", mapping).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), "INVALID_MAPPING");
  EXPECT_THAT(MessageOf(status),
              AllOf(HasSubstr("the file has no column \"name\"; it has: id, title, mail"), HasSubstr("and 1 more")));
  EXPECT_EQ(ReasonOf(StartImport("", MappingFromJson(kMapping)).status()), "EMPTY_FILE");
  capture::v1::ImportLeadsRequest missing;
  missing.set_file("files/" + Uuid::V7(Clock::System().Now()).ToString());
  *missing.mutable_mapping() = MappingFromJson(kMapping);
  EXPECT_EQ(Capture<Operation>("ImportService/ImportLeads", missing).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(CountRows("SELECT count(*) FROM capture.import_job WHERE tenant_id = $1"), 0);
}

TEST_F(CaptureTest, AFileThatBreaksOffFailsAfterItsGoodRows) {
  const std::string csv = "id,title,mail,value,opened,stage,tags\n1,One,,,,Talk,\n2,\"" + std::string(3 << 20, 'x');
  const auto started = StartImport(csv, MappingFromJson(kMapping));
  ASSERT_TRUE(started.ok()) << started.status();
  const Operation operation = WaitFor(started->name());
  ASSERT_TRUE(operation.has_error());
  EXPECT_THAT(operation.error().message(), HasSubstr("the cell that begins in line 3 is longer than 1 MiB"));
  EXPECT_EQ(ProgressOf(operation).created(), 1);
  EXPECT_EQ(ProgressOf(operation).state(), ImportMetadata::STATE_FAILED);
  EXPECT_EQ(ListLeads().size(), 1u);
}

TEST_F(CaptureTest, ARequestIdStartsOneImport) {
  const auto file = Upload("id,title,mail,value,opened,stage,tags\n1,One,,,,Talk,\n");
  capture::v1::ImportLeadsRequest request;
  request.set_file(file->name());
  *request.mutable_mapping() = MappingFromJson(kMapping);
  request.set_request_id(Uuid::V7(Clock::System().Now()).ToString());
  const auto first = Capture<Operation>("ImportService/ImportLeads", request);
  const auto again = Capture<Operation>("ImportService/ImportLeads", request);
  ASSERT_TRUE(first.ok() && again.ok());
  EXPECT_EQ(first->name(), again->name());
  request.set_dry_run(true);
  EXPECT_EQ(ReasonOf(Capture<Operation>("ImportService/ImportLeads", request).status()), "REQUEST_ID_REUSED");
  WaitFor(first->name());
  capture::v1::ListOperationsRequest list;
  EXPECT_EQ(Capture<capture::v1::ListOperationsResponse>("OperationService/ListOperations", list)->operations_size(),
            1);
}

TEST_F(CaptureTest, RowsOfOneIdStayInOrder) {
  std::string csv = "id,title,mail,value,opened,stage,tags\n";
  for (int i = 0; i < 3000; ++i) csv += std::to_string(i % 7) + ",Title " + std::to_string(i) + ",,,,Talk,\n";
  EXPECT_EQ(Figures(Import(csv, MappingFromJson(kMapping))), "7/2993/0/0");
  for (const Lead& lead : ListLeads()) {
    const int id = std::stoi(lead.external_ids(0).id());
    const int last = 2999 - (2999 - id) % 7;
    EXPECT_EQ(lead.display_name(), "Title " + std::to_string(last));
  }
}

TEST_F(CaptureTest, AnImportCanBeCancelled) {
  std::string csv = "id,title,mail,value,opened,stage,tags\n";
  for (int i = 0; i < 60000; ++i) csv += std::to_string(i) + ",Title,,,,Talk,\n";
  const auto started = StartImport(csv, MappingFromJson(kMapping));
  ASSERT_TRUE(started.ok()) << started.status();
  capture::v1::GetOperationRequest get;
  get.set_name(started->name());
  ASSERT_TRUE(Eventually(
      [&] { return ProgressOf(*Capture<Operation>("OperationService/GetOperation", get)).rows_done() > 0; }));
  capture::v1::CancelOperationRequest cancel;
  cancel.set_name(started->name());
  ASSERT_TRUE(Capture<Operation>("OperationService/CancelOperation", cancel).ok());
  const Operation operation = WaitFor(started->name());
  EXPECT_EQ(operation.error().code(), 1);
  EXPECT_EQ(ProgressOf(operation).state(), ImportMetadata::STATE_CANCELLED);
  const int64_t done = ProgressOf(operation).rows_done();
  EXPECT_LT(done, 60000);
  EXPECT_GE(CountRows("SELECT count(*) FROM pipeline.lead WHERE tenant_id = $1"), done);
}

}  // namespace
}  // namespace embudo::testing
