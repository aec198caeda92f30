#include "tests/tidy/tidy.h"

#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace embudo::tidy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(TidyTest, TheRepositoryIsTidy) {
  const std::string root = EMBUDO_SOURCE_DIR;
  const std::vector<std::string> files = FilesOf(root);
  ASSERT_GT(files.size(), 50u);
  for (const std::string& path : files) {
    std::ifstream file(root + "/" + path);
    std::stringstream text;
    text << file.rdbuf();
    for (const std::string& finding : Check(path, text.str())) ADD_FAILURE() << finding;
  }
}

TEST(TidyTest, CommonIncludesOnlyWhatIsBelow) {
  const std::string include_rpc = "#include \"common/rpc/server.h\"\n";
  EXPECT_THAT(Check("common/db/pool.cc", include_rpc), ElementsAre(HasSubstr("common/db/pool.cc:1: ")));
  EXPECT_THAT(Check("common/app/app.cc", include_rpc), IsEmpty());
  EXPECT_THAT(Check("common/rpc/client.cc", include_rpc), IsEmpty());
  EXPECT_THAT(Check("common/app/app.cc", "#include \"services/pipeline/bind.h\"\n"), ElementsAre(HasSubstr("above")));
  const std::string include_testing = "#include \"common/testing/postgres.h\"\n";
  EXPECT_THAT(Check("common/db/pool_test.cc", include_testing), IsEmpty());
  EXPECT_THAT(Check("common/db/pool.cc", include_testing), ElementsAre(HasSubstr("below")));
}

TEST(TidyTest, AServiceIncludesNoOtherService) {
  const std::string include_pipeline = "#include \"services/pipeline/bind.h\"\n";
  EXPECT_THAT(Check("services/scoring/bind.cc", include_pipeline), ElementsAre(HasSubstr("by its RPCs")));
  EXPECT_THAT(Check("services/pipeline/main.cc", include_pipeline), IsEmpty());
  EXPECT_THAT(Check("services/all_in_one/main.cc", include_pipeline), IsEmpty());
  EXPECT_THAT(Check("tests/e2e/e2e_test.cc", include_pipeline), IsEmpty());
  EXPECT_THAT(Check("services/scoring/logic/model.cc", "#include \"common/db/pool.h\"\n"),
              ElementsAre(HasSubstr("no I/O")));
  EXPECT_THAT(Check("services/scoring/rpc/service.cc", "#include \"common/testing/eventually.h\"\n"),
              ElementsAre(HasSubstr("for tests")));
}

TEST(TidyTest, LibrariesStayInTheirFolder) {
  EXPECT_THAT(Check("common/app/app.cc", "#include <grpcpp/grpcpp.h>\n"), ElementsAre(HasSubstr("common/rpc")));
  EXPECT_THAT(Check("common/rpc/server.cc", "#include <grpcpp/grpcpp.h>\n"), IsEmpty());
  EXPECT_THAT(Check("tests/e2e/x_test.cc", "#include <libpq-fe.h>\n"), ElementsAre(HasSubstr("common/db")));
  EXPECT_THAT(Check("common/event/relay.cc", "#include <hiredis/hiredis.h>\n"), ElementsAre(HasSubstr("common/redis")));
  EXPECT_THAT(Check("common/text/csv.cc", "#include <ranges>\n"), ElementsAre(HasSubstr("clang-14")));
}

TEST(TidyTest, SqlTakesBoundParametersOnly) {
  const std::string spliced = "db::Exec(pool, \"SELECT 1 FROM t WHERE name = '\" + name + \"'\");\n";
  EXPECT_THAT(Check("services/scoring/storage/x.cc", spliced), ElementsAre(HasSubstr("bound parameters")));
  EXPECT_THAT(Check("services/scoring/storage/x.cc", "db::Exec(pool, \"SELECT 1 FROM t WHERE name = $1\", name);\n"),
              IsEmpty());
}

TEST(TidyTest, WordsLinesAndFilesHaveTheirLimits) {
  EXPECT_THAT(Check("common/db/x.cc", "  std::this_thread::sleep_for(1s);\n"), ElementsAre(HasSubstr("sleep_for")));
  EXPECT_THAT(Check("common/testing/eventually.cc", "  std::this_thread::sleep_for(1s);\n"), IsEmpty());
  EXPECT_THAT(Check("common/db/x.cc", "std::chrono::system_clock::now()\n"), ElementsAre(HasSubstr("Clock")));
  EXPECT_THAT(Check("common/db/x.cc", "std::random_device device;\n"), IsEmpty());
  EXPECT_THAT(Check("common/db/x.cc", "int x = std::rand();\n"), ElementsAre(HasSubstr("std::rand")));
  EXPECT_THAT(Check("a.sql", std::string(121, 'x')), ElementsAre(HasSubstr("120 columns")));
  std::string accented;
  for (int i = 0; i < 120; ++i) accented += "ü";
  EXPECT_THAT(Check("a.sql", accented + "\n"), IsEmpty());
  EXPECT_THAT(Check("a.sql", "SELECT 1; \n"), ElementsAre(HasSubstr("a.sql:1: blank")));
  std::string lines;
  for (int i = 0; i < 601; ++i) lines += "\n";
  EXPECT_THAT(Check("common/db/x.cc", lines), ElementsAre(HasSubstr("x.cc:601: more than 600 lines")));
}

}  // namespace
}  // namespace embudo::tidy
