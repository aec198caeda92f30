#include "common/db/members.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/db/pool.h"
#include "common/db/pool_metrics.h"
#include "common/db/sessions.h"
#include "common/testing/eventually.h"
#include "common/testing/postgres.h"

namespace embudo::db {
namespace {

using ::testing::HasSubstr;

class MembersTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { database_ = testing::Postgres::Shared().CreateDatabase({}); }
  static void TearDownTestSuite() { database_ = nullptr; }
  static std::unique_ptr<Connection> Open() { return *Connection::Open(database_->ConninfoAs("postgres")); }

  static std::unique_ptr<testing::Database> database_;
};
std::unique_ptr<testing::Database> MembersTest::database_;

TEST_F(MembersTest, AMemberIsASessionAsLongAsItLives) {
  const auto one = Open();
  auto other = Open();
  EXPECT_EQ(*CountMembers(*one, "relay"), 1);
  EXPECT_EQ(*CountMembers(*one, "relay"), 1);
  EXPECT_EQ(*CountMembers(*other, "consumer scoring"), 1) << "another group";
  EXPECT_EQ(*CountMembers(*other, "relay"), 2);
  EXPECT_EQ(*CountMembers(*one, "relay"), 2);
  other = nullptr;
  EXPECT_TRUE(testing::Eventually([&] { return *CountMembers(*one, "relay") == 1; }));
}

TEST_F(MembersTest, WhoLostItsLocksJoinsAgain) {
  const auto one = Open();
  EXPECT_EQ(*CountMembers(*one, "relay"), 1);
  ASSERT_TRUE(one->ExecScript("SELECT pg_advisory_unlock_all()").ok());
  EXPECT_EQ(*CountMembers(*one, "relay"), 1);
  const auto other = Open();
  EXPECT_EQ(*CountMembers(*other, "relay"), 2);
}

TEST(FairShareTest, SharesTogetherAreAll) {
  EXPECT_EQ(FairShare(16, 1), 16);
  EXPECT_EQ(FairShare(16, 3), 6);
  EXPECT_EQ(FairShare(16, 16), 1);
  EXPECT_EQ(FairShare(16, 40), 1);
}

TEST_F(MembersTest, SessionsOfOnesOwnAreGood) { EXPECT_TRUE(CheckSessions(database_->ConninfoAs("postgres")).ok()); }

TEST_F(MembersTest, ADatabaseThatIsAwayIsUnavailable) {
  EXPECT_TRUE(absl::IsUnavailable(CheckSessions("host=/nowhere user=postgres")));
}

TEST_F(MembersTest, WaitsForConnectionsAreMeasured) {
  metrics::Registry registry;
  MeasurePools(&registry);
  Pool pool(database_->ConninfoAs("postgres"), 1);
  {
    const auto lease = pool.Acquire(After(testing::kPatience));
    ASSERT_TRUE(lease.ok()) << lease.status();
    EXPECT_FALSE(pool.Acquire(After(std::chrono::milliseconds(1))).ok());
  }
  EXPECT_TRUE(pool.Acquire(After(testing::kPatience)).ok());
  MeasurePools(nullptr);
  EXPECT_THAT(registry.Text(), HasSubstr("embudo_db_pool_wait_seconds_count 2"));
  EXPECT_THAT(registry.Text(), HasSubstr("embudo_db_connections_opened_total 1"));
  EXPECT_THAT(registry.Text(), HasSubstr("embudo_db_pool_exhausted_total 1"));
}

}  // namespace
}  // namespace embudo::db
