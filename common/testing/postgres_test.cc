#include "common/testing/postgres.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace embudo::testing {
namespace {

using ::testing::HasSubstr;

const std::vector<db::Migration>& Thing() {
  static const std::vector<db::Migration> migrations = {
      {1, "thing", "CREATE TABLE pipeline.thing (id int PRIMARY KEY); GRANT SELECT ON pipeline.thing TO pipeline_rpc"}};
  return migrations;
}

db::Deadline Soon() { return db::After(kPatience); }

TEST(PostgresTest, EachDatabaseHasTheSchemaAndIsItsOwn) {
  const auto one = Postgres::Shared().CreateDatabase({{"pipeline", &Thing()}});
  const auto other = Postgres::Shared().CreateDatabase({{"pipeline", &Thing()}});
  const auto owner = one->PoolAs("embudo_owner");
  ASSERT_TRUE(db::Exec(*owner, "", Soon(), "INSERT INTO pipeline.thing VALUES ($1::int)", db::Params::Of(7)).ok());

  const auto mine = db::Exec(*one->PoolAs("pipeline_rpc"), "", Soon(), "SELECT id FROM pipeline.thing", {});
  ASSERT_TRUE(mine.ok()) << mine.status();
  ASSERT_EQ(mine->size(), 1);
  EXPECT_EQ((*mine)[0].Int(0), 7);
  const auto theirs = db::Exec(*other->PoolAs("pipeline_rpc"), "", Soon(), "SELECT id FROM pipeline.thing", {});
  ASSERT_TRUE(theirs.ok()) << theirs.status();
  EXPECT_EQ(theirs->size(), 0);
}

TEST(PostgresTest, RolesAreBoundToTheirSchema) {
  const auto database = Postgres::Shared().CreateDatabase({{"pipeline", &Thing()}});
  const auto denied = db::Exec(*database->PoolAs("capture_rpc"), "", Soon(), "SELECT id FROM pipeline.thing", {});
  EXPECT_THAT(denied.status().ToString(), HasSubstr("42501"));  // insufficient_privilege
  const auto no_schema = db::Exec(*database->PoolAs("pipeline_rpc"), "", Soon(), "CREATE TABLE capture.x (id int)", {});
  EXPECT_THAT(no_schema.status().ToString(), HasSubstr("42501"));
}

TEST(PostgresTest, ADatabaseIsDroppedAtItsEnd) {
  std::string conninfo;
  {
    const auto database = Postgres::Shared().CreateDatabase({});
    conninfo = database->ConninfoAs("postgres");
    EXPECT_TRUE(db::Connection::Open(conninfo).ok());
  }
  const auto gone = db::Connection::Open(conninfo);
  ASSERT_FALSE(gone.ok());
  EXPECT_THAT(gone.status().ToString(), HasSubstr("does not exist"));
}

}  // namespace
}  // namespace embudo::testing
