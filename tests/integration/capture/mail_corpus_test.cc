// Every mail of a collection of real and of broken ones goes through the gateway: none is lost, each is classified.

#include <map>

#include "tests/integration/capture/mail_case.h"

namespace embudo::testing {
namespace {

TEST_F(MailTest, EveryMailOfTheCollectionIsKeptAndClassified) {
  const auto folder = SharedData("emails");
  if (!folder) GTEST_SKIP() << kNoSharedData;
  std::istringstream lines(ReadFile(*folder + "/manifest.csv"));
  std::string line;
  std::getline(lines, line);
  std::map<std::string, int> kinds;
  std::map<std::string, std::map<std::string, int>> sources;
  int64_t mails = 0;
  int64_t kept = 0;
  while (std::getline(lines, line)) {
    const std::string file = line.substr(0, line.find(','));
    const std::string mail = ReadFile(*folder + "/" + file);
    const auto response = TryReceive(mail);
    ++mails;
    ASSERT_TRUE(response.ok()) << file << ": " << response.status();
    EXPECT_NE(response->kind(), InboundEmail::KIND_UNSPECIFIED) << file;
    EXPECT_NE(response->outcome(), Submission::OUTCOME_UNSPECIFIED) << file;
    // Of the very same mail the first is kept.
    const bool duplicate = response->kind() == InboundEmail::KIND_DUPLICATE;
    EXPECT_TRUE(duplicate || !response->submission().empty()) << file;
    kept += response->submission().empty() ? 0 : 1;
    const bool in_a_lead =
        response->outcome() == Submission::OUTCOME_CREATED || response->outcome() == Submission::OUTCOME_ATTACHED;
    if (in_a_lead) {
      EXPECT_NE(response->message(), "") << file << ": " << response->reason();
    }
    const std::string kind = InboundEmail::Kind_Name(response->kind());
    ++kinds[kind];
    ++sources[file.substr(0, file.find('/'))][kind];
  }
  for (const auto& [kind, count] : kinds) std::cout << kind << " " << count << "\n";
  EXPECT_EQ(mails, 600);
  EXPECT_EQ(CountRows("SELECT count(*) FROM capture.submission WHERE tenant_id = $1 AND outcome = ''"), 0);
  EXPECT_EQ(CountRows("SELECT count(*) FROM capture.submission_raw WHERE tenant_id = $1"), kept);
  EXPECT_GE(kept, 560);
  // What the folders hold by their own account.
  EXPECT_GE(sources["sisimai_bounces"]["KIND_BOUNCE"], 40);
  EXPECT_GE(kinds["KIND_NEW_LEAD"], 200);
  EXPECT_GE(kinds["KIND_AUTO_REPLY"], 5);
  EXPECT_GE(kinds["KIND_MAILING_LIST"], 5);
}

}  // namespace
}  // namespace embudo::testing
