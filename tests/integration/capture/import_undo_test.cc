// Taking imports back, and what they tell of their rows.

#include "embudo/pipeline/v1/activity_service.pb.h"
#include "embudo/pipeline/v1/imported_record_service.pb.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "embudo/pipeline/v1/privacy_service.pb.h"
#include "tests/integration/capture/suite.h"

namespace embudo::testing {
namespace {

using capture::v1::UndoImportMetadata;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr char kMapping[] = R"({"target": "TARGET_OPPORTUNITY", "system": "crm", "idColumn": "id",
    "columns": [{"column": "title", "field": "display_name"}, {"column": "mail", "field": "email"},
                {"column": "value", "field": "expected_revenue"},
                {"column": "color", "field": "custom_fields.color"}],
    "pipeline": {"id": "imported", "displayName": "Imported", "stageColumn": "stage",
                 "stages": [{"id": "talk", "displayName": "Talk"}, {"id": "offer", "displayName": "Offer"},
                            {"id": "won", "displayName": "Won", "isWon": true}]}})";

class ImportUndoTest : public CaptureTest {
 protected:
  absl::StatusOr<Operation> StartUndo(const std::string& operation, const std::string& request_id = "") {
    capture::v1::UndoImportRequest request;
    request.set_name(operation);
    request.set_request_id(request_id);
    return Capture<Operation>("ImportService/UndoImport", request);
  }
  UndoImportMetadata Undo(const std::string& operation) {
    const auto started = StartUndo(operation);
    EXPECT_TRUE(started.ok()) << started.status();
    UndoImportMetadata undone;
    if (!started.ok()) return undone;
    const Operation done = WaitFor(started->name());
    EXPECT_TRUE(done.has_response()) << done.error().message();
    EXPECT_TRUE(done.metadata().UnpackTo(&undone));
    return undone;
  }
  static std::string FiguresOf(const UndoImportMetadata& undone) {
    return std::to_string(undone.deleted()) + "/" + std::to_string(undone.restored()) + "/" +
           std::to_string(undone.kept());
  }
  std::string ImportCsv(const std::string& csv) {
    Import(csv, MappingFromJson(kMapping));
    return operation_.name();
  }
  Lead LeadById(const std::string& id) {
    for (const Lead& lead : ListLeads()) {
      for (const auto& external : lead.external_ids()) {
        if (external.id() == id) return lead;
      }
    }
    ADD_FAILURE() << "no lead " << id;
    return Lead();
  }
  void Rename(const Lead& lead, const std::string& name) {
    pipeline::v1::UpdateLeadRequest request;
    request.mutable_lead()->set_name(lead.name());
    request.mutable_lead()->set_display_name(name);
    request.mutable_update_mask()->add_paths("display_name");
    Pipeline<Lead>("LeadService/UpdateLead", request);
  }
  std::vector<std::string> ImportEvents() {
    std::vector<std::string> types;
    const auto rows =
        db::Exec(*installation_->sql, "", db::After(kPatience),
                 "SELECT data FROM pipeline.event WHERE tenant_id = $1 ORDER BY seq", db::Params::Of(tenant_));
    EXPECT_TRUE(rows.ok()) << rows.status();
    for (int i = 0; i < rows->size(); ++i) {
      type::v1::Event event;
      EXPECT_TRUE(event.ParseFromString((*rows)[i].Bytes(0)));
      if (event.type().starts_with("import.")) {
        types.push_back(event.type() + " " + std::to_string(event.data().import().rows()) + " " +
                        event.data().import().state());
      }
    }
    return types;
  }
};

TEST_F(ImportUndoTest, WhatWasCreatedGoesAndWhatWasChangedComesBack) {
  ImportCsv("id,title,mail,value,color,stage\n1,One,a@b.com,100,red,Talk\n2,Two,b@b.com,200,,Talk\n");
  const std::string second = ImportCsv(
      "id,title,mail,value,color,stage\n1,Eins,a@b.com,150,blue,Offer\n2,Two,b@b.com,200,,Won\n3,Three,,,,Talk\n");
  EXPECT_EQ(LeadById("1").stage(), "pipelines/imported/stages/offer");
  EXPECT_EQ(LeadById("2").state(), Lead::STATE_WON);
  EXPECT_EQ(FiguresOf(Undo(second)), "1/2/0");
  ASSERT_THAT(ListLeads(), SizeIs(2));
  const Lead one = LeadById("1");
  EXPECT_EQ(one.display_name(), "One");
  EXPECT_EQ(ToNumeric(one.expected_revenue()), "100");
  EXPECT_EQ(ToNumeric(one.converted_expected_revenue()), "100");
  EXPECT_EQ(one.custom_fields().at("color").string_value(), "red");
  EXPECT_EQ(one.stage(), "pipelines/imported/stages/talk");
  const Lead two = LeadById("2");
  EXPECT_EQ(two.state(), Lead::STATE_OPEN);
  EXPECT_FALSE(two.has_close_time());
  // Once more does nothing more.
  EXPECT_EQ(FiguresOf(Undo(second)), "0/0/0");
  // What was deleted has given its id up: the same file brings it again.
  ImportCsv("id,title,mail,value,color,stage\n3,Three,,,,Talk\n");
  EXPECT_EQ(Figures(ProgressOf(operation_)), "1/0/0/0");
  EXPECT_THAT(ImportEvents(), ElementsAre("import.started 2 ", "import.finished 2 SUCCEEDED", "import.started 3 ",
                                          "import.finished 3 SUCCEEDED", "import.undone 3 SUCCEEDED",
                                          "import.started 1 ", "import.finished 1 SUCCEEDED"));
}

TEST_F(ImportUndoTest, WhatPeopleChangedSinceIsLeftAloneAndTold) {
  ImportCsv("id,title,mail,value,color,stage\n1,One,a@b.com,100,,Talk\n");
  const std::string import = ImportCsv(
      "id,title,mail,value,color,stage\n1,Eins,a@b.com,150,,Talk\n2,Two,,,,Talk\n3,Three,,,,Talk\n4,Four,,,,Talk\n");
  Rename(LeadById("1"), "By hand");
  Rename(LeadById("2"), "By hand");
  pipeline::v1::CreateMessageRequest note;
  note.set_parent(LeadById("3").name());
  note.mutable_message()->set_type(type::v1::Message::TYPE_INTERNAL_NOTE);
  note.mutable_message()->set_body("They called.");
  Pipeline<type::v1::Message>("MessageService/CreateMessage", note);
  const UndoImportMetadata undone = Undo(import);
  EXPECT_EQ(FiguresOf(undone), "1/1/3");
  std::map<std::string, std::string> kept;
  for (const auto& record : undone.kept_records()) {
    kept[GetLead(record.record()).external_ids(0).id()] =
        record.reason() + (record.fields_size() > 0 ? " " + record.fields(0) : "");
  }
  EXPECT_THAT(kept,
              ElementsAre(Pair("1", "CHANGED_SINCE display_name"), Pair("2", "CHANGED_SINCE"), Pair("3", kept["3"])));
  EXPECT_THAT(kept["3"], ::testing::AnyOf("CHANGED_SINCE", "REFERENCED_SINCE"));
  EXPECT_EQ(LeadById("1").display_name(), "By hand");
  EXPECT_EQ(ToNumeric(LeadById("1").expected_revenue()), "100");
  EXPECT_THAT(ListLeads(), SizeIs(3));
}

TEST_F(ImportUndoTest, AnErasedPersonDoesNotComeBack) {
  ImportCsv("id,title,mail,value,color,stage\n1,Qzvanished,qzvanished@b.com,100,,Talk\n2,Two,b@b.com,200,,Talk\n");
  const std::string import =
      ImportCsv("id,title,mail,value,color,stage\n1,Eins,qzvanished@b.com,150,,Talk\n2,Zwei,b@b.com,200,,Talk\n");
  const std::string erased = LeadById("1").name();
  pipeline::v1::ErasePersonRequest request;
  request.set_email("qzvanished@b.com");
  request.set_reason("case 7");
  ASSERT_TRUE(Pipeline<pipeline::v1::ErasePersonResponse>("PrivacyService/ErasePerson", request).done());
  EXPECT_EQ(FiguresOf(Undo(import)), "0/1/0");
  EXPECT_EQ(GetLead(erased).display_name(), "Erased");
  EXPECT_EQ(LeadById("2").display_name(), "Two");
}

TEST_F(ImportUndoTest, OnlyWhatWroteSomethingAndIsOverCanBeUndone) {
  Import("id,title,mail,value,color,stage\n1,One,,,,Talk\n", MappingFromJson(kMapping), /*dry_run=*/true);
  EXPECT_EQ(ReasonOf(StartUndo(operation_.name()).status()), "IMPORT_DRY_RUN");
  EXPECT_EQ(StartUndo("operations/018f0000-0000-7000-8000-000000000000").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(StartUndo("x").status().code(), absl::StatusCode::kInvalidArgument);
  const std::string import = ImportCsv("id,title,mail,value,color,stage\n1,One,,,,Talk\n");
  const std::string request_id = Uuid::V7(Clock::System().Now()).ToString();
  const auto first = StartUndo(import, request_id);
  const auto again = StartUndo(import, request_id);
  ASSERT_TRUE(first.ok() && again.ok());
  EXPECT_EQ(first->name(), again->name());
  WaitFor(first->name());
  EXPECT_EQ(ReasonOf(StartUndo(first->name()).status()), "NOT_AN_IMPORT");
  rpc::Identity other = admin_;
  other.tenant = "other";
  capture::v1::UndoImportRequest request;
  request.set_name(import);
  EXPECT_EQ(capture_->Call<Operation>("embudo.capture.v1.ImportService/UndoImport", other, request).status().code(),
            absl::StatusCode::kNotFound);
  rpc::Identity rep = admin_;
  rep.roles = {type::v1::ROLE_REP};
  EXPECT_EQ(capture_->Call<Operation>("embudo.capture.v1.ImportService/UndoImport", rep, request).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(ImportUndoTest, EveryRowTellsWhatBecameOfIt) {
  const std::string csv =
      "id,title,mail,value,color,stage\n1,\"One, two\",,,,Talk\n2,Two,nobody,,,Talk\n3,Three,,,,Talk\n";
  for (const bool dry_run : {true, false}) {
    Import(csv, MappingFromJson(kMapping), dry_run);
    std::string all;
    capture::v1::DownloadImportResultsRequest request;
    request.set_name(operation_.name());
    request.set_page_size(2);
    int pages = 0;
    do {
      const auto page =
          Capture<capture::v1::DownloadImportResultsResponse>("ImportService/DownloadImportResults", request);
      ASSERT_TRUE(page.ok()) << page.status();
      all += page->csv();
      request.set_page_token(page->next_page_token());
      ++pages;
    } while (!request.page_token().empty());
    EXPECT_EQ(pages, 2);
    EXPECT_THAT(all, HasSubstr("id,title,mail,value,color,stage,record,status,error_code,error\r\n"));
    EXPECT_THAT(all, HasSubstr(",created,,\r\n"));
    EXPECT_THAT(all, HasSubstr("2,Two,nobody,,,Talk,,refused,INVALID_EMAIL,\"mail: \"\"nobody\"\" is not"));
    if (!dry_run) {
      EXPECT_THAT(all, HasSubstr("1,\"One, two\",,,,Talk," + LeadById("1").name() + ",created,,\r\n"));
    }
  }
}

TEST_F(ImportUndoTest, RecordsAreFoundByMailIfAskedFor) {
  ImportCsv("id,title,mail,value,color,stage\n1,One,ann@acme.com,100,,Talk\n");
  const auto file = Upload(
      "id,title,mail,value,color,stage\nx,,ann@acme.com,300,,Talk\ny,New,bob@acme.com,,,Talk\nz,,bob@acme.com,7,,"
      "Talk\n");
  ASSERT_TRUE(file.ok());
  capture::v1::ImportLeadsRequest request;
  request.set_file(file->name());
  *request.mutable_mapping() = MappingFromJson(kMapping);
  request.mutable_mapping()->set_system("other");
  request.add_match_by(capture::v1::ImportLeadsRequest::MATCH_BY_EMAIL);
  const auto started = Capture<Operation>("ImportService/ImportLeads", request);
  ASSERT_TRUE(started.ok()) << started.status();
  const Operation done = WaitFor(started->name());
  const ImportMetadata progress = ProgressOf(done);
  EXPECT_EQ(Figures(progress), "1/2/0/0");
  EXPECT_EQ(progress.merged(), 2);
  ASSERT_THAT(ListLeads(), SizeIs(2));
  EXPECT_EQ(LeadById("x").name(), LeadById("1").name());
  EXPECT_EQ(LeadById("z").name(), LeadById("y").name());
  EXPECT_EQ(FiguresOf(Undo(started->name())), "1/1/0");
  const Lead one = LeadById("1");
  EXPECT_THAT(one.external_ids(), SizeIs(1));
  EXPECT_EQ(ToNumeric(one.expected_revenue()), "100");
}

TEST_F(ImportUndoTest, WhatBelongsToLeadsComesAndGoes) {
  ImportCsv("id,title,mail,value,color,stage\nD1,One,,,,Offer\n");
  const Lead lead = LeadById("D1");
  const auto tasks = MappingFromJson(R"({"target": "TARGET_ACTIVITY", "system": "crm", "idColumn": "id",
      "aboutColumns": ["what"], "columns": [{"column": "subject", "field": "summary"},
      {"column": "due", "field": "due_date"},
      {"column": "status", "field": "state", "values": {"Completed": "DONE", "Not Started": "PLANNED"}}]})");
  const std::string csv =
      "id,what,subject,due,status\nT1,D1,Call,2030-01-02,Not Started\nT2,D1,Wrote,2020-01-02,Completed\nT3,zz,Lost,"
      "2020-01-02,Completed\n";
  EXPECT_EQ(Figures(Import(csv, tasks)), "2/0/0/1");
  EXPECT_THAT(CountsOf(ProgressOf(operation_).errors()), ElementsAre(Pair("ASSOCIATION_NOT_FOUND ", 1)));
  const std::string import = operation_.name();
  EXPECT_EQ(Figures(Import(csv, tasks)), "0/0/2/1");
  EXPECT_EQ(FormatDate(GetLead(lead.name()).next_activity_date()), "2030-01-02");

  const auto notes = MappingFromJson(R"({"target": "TARGET_NOTE", "system": "crm", "idColumn": "id",
      "aboutColumns": ["what"], "columns": [{"column": "text", "field": "body"},
      {"column": "when", "field": "create_time"}]})");
  EXPECT_EQ(Figures(Import("id,what,text,when\nN1,D1,They like it.,2020-05-06\n", notes)), "1/0/0/0");
  const std::string noted = operation_.name();
  pipeline::v1::ListMessagesRequest list;
  list.set_parent(lead.name());
  auto messages = Pipeline<pipeline::v1::ListMessagesResponse>("MessageService/ListMessages", list);
  ASSERT_THAT(messages.messages(), SizeIs(1));
  EXPECT_EQ(messages.messages(0).body(), "They like it.");
  EXPECT_EQ(FormatTime(FromTimestamp(messages.messages(0).create_time())), "2020-05-06T00:00:00.000000Z");

  const auto history = MappingFromJson(R"({"target": "TARGET_STAGE_HISTORY", "system": "crm", "idColumn": "id",
      "aboutColumns": ["what"], "columns": [{"column": "at", "field": "enter_time"}],
      "pipeline": {"id": "imported", "stageColumn": "stage"}})");
  const std::string past = "id,what,stage,at\nH1,D1,Talk,2020-01-01\nH2,D1,Offer,2020-02-01\n";
  EXPECT_EQ(Figures(Import(past, history)), "2/0/0/0");
  const std::string historic = operation_.name();
  EXPECT_EQ(Figures(Import(past, history)), "0/0/2/0");
  pipeline::v1::ListStageStaysRequest stays;
  stays.set_parent(lead.name());
  auto found = Pipeline<pipeline::v1::ListStageStaysResponse>("LeadService/ListStageStays", stays);
  ASSERT_THAT(found.stays(), SizeIs(2));
  EXPECT_EQ(found.stays(0).stage(), "pipelines/imported/stages/talk");
  EXPECT_EQ(found.stays(0).duration().seconds(), 31 * 86400);
  EXPECT_EQ(FormatTime(FromTimestamp(found.stays(1).enter_time())), "2020-02-01T00:00:00.000000Z");

  EXPECT_EQ(FiguresOf(Undo(historic)), "0/0/0");
  found = Pipeline<pipeline::v1::ListStageStaysResponse>("LeadService/ListStageStays", stays);
  EXPECT_THAT(found.stays(), SizeIs(1));
  EXPECT_EQ(FiguresOf(Undo(noted)), "1/0/0");
  messages = Pipeline<pipeline::v1::ListMessagesResponse>("MessageService/ListMessages", list);
  EXPECT_THAT(messages.messages(), IsEmpty());
  EXPECT_EQ(FiguresOf(Undo(import)), "2/0/0");
  EXPECT_FALSE(GetLead(lead.name()).has_next_activity_date());
}

TEST_F(ImportUndoTest, ConvertedAndMergedRowsBecomeOneRecord) {
  const auto leads = MappingFromJson(R"({"target": "TARGET_LEAD", "system": "crm", "idColumn": "id",
      "sameAsColumns": ["deal", "master"], "deletedColumn": "deleted",
      "columns": [{"column": "name", "field": "contact_name"}, {"column": "phone", "field": "phone"},
                  {"column": "status", "field": "lead_status", "values": {"Closed - Converted": "CONVERTED"}}]})");
  // In either order: the lead first, then what it became.
  EXPECT_EQ(
      Figures(Import("id,name,phone,status,deal,master,deleted\nL1,Ann,+15550100200,Closed - Converted,D1,,false\n"
                     "L2,Bob,,New,,,false\nL3,Bobby,+15550100300,New,,L2,true\nL4,Gone,,New,,,true\n",
                     leads)),
      "2/1/1/0");
  ImportCsv("id,title,mail,value,color,stage\nD1,Deal,ann@acme.com,10,,Offer\n");
  EXPECT_EQ(Figures(ProgressOf(operation_)), "0/1/0/0");
  ASSERT_THAT(ListLeads(), SizeIs(2));
  const Lead deal = LeadById("D1");
  EXPECT_EQ(deal.name(), LeadById("L1").name());
  EXPECT_EQ(deal.kind(), Lead::KIND_OPPORTUNITY);
  EXPECT_EQ(deal.contact_name(), "Ann");
  EXPECT_EQ(deal.stage(), "pipelines/imported/stages/offer");
  const Lead bob = LeadById("L2");
  EXPECT_EQ(bob.name(), LeadById("L3").name());
  EXPECT_EQ(bob.contact_name(), "Bob");
  EXPECT_EQ(bob.phone(), "+15550100300");
}

}  // namespace
}  // namespace embudo::testing
