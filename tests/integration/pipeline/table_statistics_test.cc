// What the planner knows of tables that are new.

#include "common/testing/eventually.h"
#include "tests/integration/pipeline/lead_case.h"

namespace embudo::testing {
namespace {

class TableStatisticsTest : public LeadCase {
 protected:
  /// How often somebody asked for the statistics of a table; autovacuum, which is switched off for it, counts by
  /// itself.
  int64_t LookedAt(const std::string& table) const {
    return suite()
        .Query("SELECT analyze_count FROM pg_stat_user_tables WHERE schemaname = 'pipeline' AND relname = $1",
               db::Params::Of(table))[0]
        .Int(0);
  }
  void Fill(const std::string& table, int rows) const {
    suite().Query("CREATE TABLE pipeline." + table + " (n int) WITH (autovacuum_enabled = off)");
    suite().Query("ALTER TABLE pipeline." + table + " OWNER TO embudo_owner");
    Add(table, rows);
  }
  void Add(const std::string& table, int rows) const {
    suite().Query("INSERT INTO pipeline." + table + " SELECT generate_series(1, " + std::to_string(rows) + ")");
    // Else it is told of later.
    suite().Query("SELECT pg_stat_force_next_flush()");
  }
};

TEST_F(TableStatisticsTest, ATableThatFillsIsLookedAtOnce) {
  Fill("statistics_few", 100);
  Fill("statistics_many", 300);
  EXPECT_TRUE(Eventually([&] { return LookedAt("statistics_many") == 1; }));
  Add("statistics_many", 300);
  Fill("statistics_more", 300);
  EXPECT_TRUE(Eventually([&] { return LookedAt("statistics_more") == 1; }));
  EXPECT_EQ(LookedAt("statistics_many"), 1);
  EXPECT_EQ(LookedAt("statistics_few"), 0);
  for (const char* table : {"few", "many", "more"})
    suite().Query(std::string("DROP TABLE pipeline.statistics_") + table);
}

}  // namespace
}  // namespace embudo::testing
