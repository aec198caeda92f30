#include "tests/integration/capture/suite.h"

namespace embudo::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

/// The whole of the real export, by the mappings of the repository.
class MavenTest : public CaptureTest {
 protected:
  std::string Data(const std::string& file) { return ReadFile(*SharedData("maven_crm/" + file)); }
  static capture::v1::ImportMapping Mapping(const std::string& name) {
    return MappingFromJson(ReadFile("tests/data/maven/" + name + ".mapping.json"));
  }
  void ImportCatalogues() {
    EXPECT_EQ(Figures(Import(Data("sales_teams.csv"), Mapping("sales_teams"))), "35/0/0/0");
    EXPECT_EQ(Figures(Import(Data("products.csv"), Mapping("products"))), "7/0/0/0");
    EXPECT_EQ(Figures(Import(Data("accounts.csv"), Mapping("accounts"))), "85/0/0/0");
  }
  void ExpectPipeline() {
    const auto count = [&](const std::string& condition) {
      return CountRows("SELECT count(*) FROM pipeline.lead WHERE tenant_id = $1 AND " + condition);
    };
    EXPECT_EQ(count("true"), 8800);
    EXPECT_EQ(count("state = 'WON' AND stage_id = 'won' AND probability = 100"), 4238);
    EXPECT_EQ(count("state = 'LOST' AND stage_id = 'engaging' AND probability = 0"), 2473);
    EXPECT_EQ(count("state = 'OPEN' AND stage_id = 'engaging'"), 1589);
    EXPECT_EQ(count("state = 'OPEN' AND stage_id = 'prospecting'"), 500);
    EXPECT_EQ(count("company_id IS NULL"), 1425);
    EXPECT_EQ(count("owner_id IS NULL OR team_id IS NULL OR office = ''"), 0);
    EXPECT_EQ(CountRows("SELECT count(DISTINCT owner_id) FROM pipeline.lead WHERE tenant_id = $1"), 30);
    EXPECT_EQ(CountRows("SELECT sum(expected_revenue) FROM pipeline.lead WHERE tenant_id = $1 AND state = 'WON'"),
              10005534);
    EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.lead WHERE tenant_id = $1 AND close_time::date = '2017-03-01'"
                        " AND open_time::date = '2016-10-20'"),
              CountRows("SELECT count(*) FROM pipeline.lead WHERE tenant_id = $1 AND close_time = '2017-03-01'"
                        " AND open_time = '2016-10-20'"));
  }
};

TEST_F(MavenTest, ComesInWholeAndOnce) {
  if (!SharedData("maven_crm")) GTEST_SKIP() << kNoSharedData;
  ImportCatalogues();
  const ImportMetadata progress = Import(Data("sales_pipeline.csv"), Mapping("sales_pipeline"));
  EXPECT_EQ(Figures(progress), "8800/0/0/0");
  EXPECT_THAT(CountsOf(progress.warnings()),
              ElementsAre(Pair("ALIAS_USED product", 1480), Pair("EMPTY_CELL account", 1425),
                          Pair("EMPTY_CELL engage_date", 500)));
  ExpectPipeline();
  EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.contact WHERE tenant_id = $1 AND company_id IS NOT NULL"), 15);
  EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.\"user\" WHERE tenant_id = $1 AND 'MANAGER' = ANY (roles)"), 6);
  EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.membership WHERE tenant_id = $1"), 35);

  const int64_t events = CountRows("SELECT count(*) FROM pipeline.event WHERE tenant_id = $1");
  EXPECT_EQ(Figures(Import(Data("sales_teams.csv"), Mapping("sales_teams"))), "0/0/35/0");
  EXPECT_EQ(Figures(Import(Data("products.csv"), Mapping("products"))), "0/0/7/0");
  EXPECT_EQ(Figures(Import(Data("accounts.csv"), Mapping("accounts"))), "0/0/85/0");
  EXPECT_EQ(Figures(Import(Data("accounts.csv"), Mapping("accounts"), /*dry_run=*/true)), "0/0/85/0");
  EXPECT_EQ(Figures(Import(Data("sales_pipeline.csv"), Mapping("sales_pipeline"))), "0/0/8800/0");
  // That four imports began and ended is all that there is to tell.
  EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.event WHERE tenant_id = $1"), events + 8);
}

// kill -9 in mid-import, several times: the next worker goes on, nothing is lost or there twice.
TEST_F(MavenTest, OutlivesItsWorker) {
  if (!SharedData("maven_crm")) GTEST_SKIP() << kNoSharedData;
  ImportCatalogues();
  installation_->capture.reset();
  TempDir directory;
  const auto start = [&](int number) {
    const std::string output = directory.path() / ("capture" + std::to_string(number));
    auto process = Process::Start({.command = {EMBUDO_BIN_DIR "/embudo-capture", "--listen=127.0.0.1:0",
                                               "--metrics-listen=127.0.0.1:0", "--public-http-listen=127.0.0.1:0",
                                               "--dev-identity", "--postgres=" + installation_->database->conninfo(),
                                               "--pipeline=" + installation_->pipeline->address(),
                                               "--import-batch-rows=100", "--import-lease-ms=1000"},
                                   .environment = {},
                                   .output = output});
    EXPECT_TRUE(process.ok()) << process.status();
    EXPECT_TRUE((*process)->WaitForOutput("\"address\":\"")) << (*process)->Output();
    const std::string text = (*process)->Output();
    const size_t begin = text.find("\"address\":\"") + 11;
    Connect(text.substr(begin, text.find('"', begin) - begin));
    return std::move(*process);
  };
  auto process = start(0);
  const auto started = StartImport(Data("sales_pipeline.csv"), Mapping("sales_pipeline"));
  ASSERT_TRUE(started.ok()) << started.status();
  const auto rows_done = [&] {
    capture::v1::GetOperationRequest get;
    get.set_name(started->name());
    const auto operation = Capture<Operation>("OperationService/GetOperation", get);
    return operation.ok() ? ProgressOf(*operation).rows_done() : -1;
  };
  for (int kill = 1; kill <= 3; ++kill) {
    ASSERT_TRUE(Eventually([&] { return rows_done() >= kill * 1500; }));
    process->Kill();
    process = start(kill);
  }
  const Operation operation = WaitFor(started->name());
  process->Kill();
  ASSERT_TRUE(operation.has_response()) << operation.error().message();
  EXPECT_EQ(Figures(ProgressOf(operation)), "8800/0/0/0");
  EXPECT_EQ(ProgressOf(operation).rows_done(), 8800);
  EXPECT_THAT(CountsOf(ProgressOf(operation).warnings()),
              ElementsAre(Pair("ALIAS_USED product", 1480), Pair("EMPTY_CELL account", 1425),
                          Pair("EMPTY_CELL engage_date", 500)));
  ExpectPipeline();
  installation_->StartCapture();
}

}  // namespace
}  // namespace embudo::testing
