// The database as a whole, read from its own catalogue: that no table forgets the tenant, and no service reaches into
// another's. A new table is covered when it is there.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/testing/postgres.h"
#include "tools/migrate/schemas.h"

namespace embudo {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kSchemas[] = "('pipeline', 'capture', 'scoring', 'automation', 'reporting')";

/// Tables that belong to the installation and not to a tenant.
const std::set<std::string> kWithoutTenant = {"migration", "consumer_checkpoint", "dead_letter",
                                              "setting",   "event_head",          "epoch"};
/// Tables of the log: keyed by their place in it, with the tenant beside. Only workers read them.
const std::set<std::string> kKeyedByPlace = {"pipeline.event_pending", "pipeline.event_position"};

class CatalogueTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::vector<testing::ServiceSchema> schemas;
    for (const Schema& schema : Schemas()) schemas.push_back({schema.service, schema.migrations});
    database_ = testing::Postgres::Shared().CreateDatabase(schemas);
  }
  static void TearDownTestSuite() { database_ = nullptr; }

  /// The first column of each row.
  static std::vector<std::string> Query(const std::string& sql, const db::Params& params = {},
                                        const std::string& role = "postgres", const std::string& tenant = "") {
    const auto pool = database_->PoolAs(role, 1);
    const auto rows = db::Exec(*pool, tenant, db::After(testing::kPatience), sql, params);
    EXPECT_TRUE(rows.ok()) << rows.status() << "\n" << sql;
    std::vector<std::string> texts;
    for (int i = 0; rows.ok() && i < rows->size(); ++i) texts.emplace_back((*rows)[i].Text(0));
    return texts;
  }
  static absl::Status Try(const std::string& sql, const std::string& role) {
    const auto pool = database_->PoolAs(role, 1);
    return db::Exec(*pool, "b", db::After(testing::kPatience), sql, {}).status();
  }

  /// `schema.table` of every table, partitions aside.
  static std::vector<std::string> Tables() {
    return Query(
        std::string("SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid ="
                    " c.relnamespace WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname IN ") +
        kSchemas + " ORDER BY 1");
  }
  static std::string ServiceOf(const std::string& table) { return table.substr(0, table.find('.')); }
  static bool HasTenant(const std::string& table) {
    return !kWithoutTenant.contains(table.substr(table.find('.') + 1));
  }
  static std::string Quoted(const std::string& table) {
    return ServiceOf(table) + ".\"" + table.substr(table.find('.') + 1) + "\"";
  }

  static inline std::unique_ptr<testing::Database> database_;
};

TEST_F(CatalogueTest, TheWalkFindsTheTablesOfAllServices) {
  const auto tables = Tables();
  EXPECT_GE(tables.size(), 20u);
  for (const char* table : {"pipeline.lead", "pipeline.user", "pipeline.event"}) EXPECT_THAT(tables, Contains(table));
  for (const Schema& schema : Schemas()) EXPECT_THAT(tables, Contains(schema.service + ".migration"));
}

TEST_F(CatalogueTest, EveryTableHasATenantOrIsNamed) {
  for (const std::string& table : Tables()) {
    const auto type = Query(
        "SELECT format_type(a.atttypid, a.atttypmod) || ' ' || l.collname || ' ' || a.attnotnull FROM pg_attribute a"
        " JOIN pg_collation l ON l.oid = a.attcollation WHERE a.attrelid = $1::regclass AND a.attname = 'tenant_id'",
        db::Params::Of(Quoted(table)));
    if (HasTenant(table)) {
      EXPECT_THAT(type, ElementsAre("text C true")) << table;
    } else {
      EXPECT_THAT(type, IsEmpty()) << table << " has a tenant: take it from the list";
    }
  }
}

TEST_F(CatalogueTest, TheTenantComesFirstInEveryKey) {
  // Primary keys, unique constraints, foreign keys, unique indexes.
  const auto keys = Query(
      std::string("SELECT n.nspname || '.' || c.relname || ' ' || k.name FROM ("
                  " SELECT conrelid AS table_id, conname::text AS name, conkey[1] AS first FROM pg_constraint"
                  " WHERE contype IN ('p', 'u', 'f')"
                  " UNION SELECT indrelid, indexrelid::regclass::text, indkey[0] FROM pg_index WHERE indisunique) k"
                  " JOIN pg_class c ON c.oid = k.table_id JOIN pg_namespace n ON n.oid = c.relnamespace"
                  " LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.first"
                  " WHERE NOT c.relispartition AND a.attname IS DISTINCT FROM 'tenant_id' AND n.nspname IN ") +
      kSchemas + " ORDER BY 1");
  for (const std::string& key : keys) {
    const std::string table = key.substr(0, key.find(' '));
    EXPECT_TRUE(!HasTenant(table) || kKeyedByPlace.contains(table)) << key << " does not begin with tenant_id";
  }
  // A foreign key ties tenants together: the first columns of both sides are the tenant's.
  EXPECT_THAT(Query(std::string("SELECT conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid"
                                " JOIN pg_namespace n ON n.oid = c.relnamespace"
                                " JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = k.confkey[1]"
                                " WHERE k.contype = 'f' AND NOT c.relispartition AND a.attname <> 'tenant_id'"
                                " AND n.nspname IN ") +
                    kSchemas),
              IsEmpty());
}

TEST_F(CatalogueTest, RowLevelSecurityIsForcedEverywhere) {
  const auto open = Query(
      std::string("SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid ="
                  " c.relnamespace WHERE c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"
                  " AND n.nspname IN ") +
      kSchemas + " ORDER BY 1");
  for (const std::string& table : open) EXPECT_FALSE(HasTenant(table)) << table << " is open to every tenant";
}

TEST_F(CatalogueTest, TheRpcRoleSeesTheTenantAlone) {
  for (const std::string& table : Tables()) {
    if (!HasTenant(table)) continue;
    const auto policies = Query(
        "SELECT pg_get_expr(p.polqual, p.polrelid) || ' / ' ||"
        " coalesce(pg_get_expr(p.polwithcheck, p.polrelid), pg_get_expr(p.polqual, p.polrelid))"
        " FROM pg_policy p WHERE p.polrelid = $1::regclass AND (p.polroles = '{0}' OR $2::regrole = ANY(p.polroles))",
        db::Params::Of(Quoted(table), ServiceOf(table) + "_rpc"));
    const std::string mine = "(tenant_id = current_setting('embudo.tenant'::text, true))";
    for (const std::string& policy : policies) EXPECT_EQ(policy, mine + " / " + mine) << table;
  }
}

TEST_F(CatalogueTest, NoServiceReachesIntoAnother) {
  const std::vector<std::string> services = {"pipeline", "capture", "scoring", "automation", "reporting"};
  for (const std::string& table : Tables()) {
    for (const std::string& service : services) {
      if (service == ServiceOf(table)) continue;
      for (const char* role : {"_rpc", "_worker"}) {
        EXPECT_EQ(Try("SELECT 1 FROM " + Quoted(table) + " LIMIT 1", service + role).code(),
                  absl::StatusCode::kInternal)
            << service << role << " reads " << table;
      }
    }
  }
  EXPECT_THAT(Query("SELECT rolname FROM pg_roles WHERE (rolname ~ '_(rpc|worker)$' OR rolname = 'embudo_owner')"
                    " AND (rolsuper OR rolbypassrls)"),
              IsEmpty());
  // Its own tables it reads, so the refusals above are the rights' doing.
  EXPECT_TRUE(Try("SELECT 1 FROM pipeline.lead LIMIT 1", "pipeline_rpc").ok());
}

TEST_F(CatalogueTest, WithoutItsTenantNothingIsSeenOrWritten) {
  const auto insert = [](const std::string& tenant) {
    return "INSERT INTO pipeline.tag (tenant_id, tag_id, display_name, create_time, update_time, revision, version)"
           " VALUES ('" +
           tenant + "', 'x', 'X', now(), now(), 1, 1)";
  };
  ASSERT_TRUE(Try(insert("a"), "postgres").ok());
  const std::string read = "SELECT tenant_id FROM pipeline.tag";
  EXPECT_THAT(Query(read, {}, "pipeline_rpc", "a"), ElementsAre("a"));
  EXPECT_THAT(Query(read, {}, "pipeline_rpc", "b"), IsEmpty());
  EXPECT_THAT(Query(read, {}, "pipeline_rpc", ""), IsEmpty());
  EXPECT_THAT(Query(read, {}, "pipeline_worker", ""), ElementsAre("a"));
  EXPECT_FALSE(Try(insert("c"), "pipeline_rpc").ok());  // as tenant b
  EXPECT_TRUE(Try(insert("b"), "pipeline_rpc").ok());
}

TEST_F(CatalogueTest, ViewsTellNoTenantsRowsToRpcRoles) {
  ASSERT_TRUE(Try("SELECT pipeline.ensure_event_partitions('2026-06-15', '2026-06-15')", "postgres").ok());
  ASSERT_TRUE(Try("INSERT INTO pipeline.event (tenant_id, day, seq, event_id, partition, data)"
                  " VALUES ('a', '2026-06-15', 1, gen_random_uuid(), 0, '')",
                  "postgres")
                  .ok());
  ASSERT_TRUE(Try("INSERT INTO pipeline.event_position (partition, position, day, seq, tenant_id)"
                  " VALUES (0, 1, '2026-06-15', 1, 'a')",
                  "postgres")
                  .ok());
  const auto views = Query(std::string("SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON"
                                       " n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') AND n.nspname IN ") +
                           kSchemas);
  EXPECT_THAT(views, Contains("pipeline.event_log"));
  // It says how many partitions the installation has had.
  const std::set<std::string> of_no_tenant = {"pipeline.event_epoch"};
  for (const std::string& view : views) {
    if (of_no_tenant.contains(view)) continue;
    for (const char* service : {"pipeline", "capture", "scoring", "automation", "reporting"}) {
      // Under tenant b, and under none: either no right, or no row of tenant a.
      for (const char* tenant : {"b", ""}) {
        const auto pool = database_->PoolAs(std::string(service) + "_rpc", 1);
        const auto rows = db::Exec(*pool, tenant, db::After(testing::kPatience), "SELECT * FROM " + view, {});
        EXPECT_TRUE(!rows.ok() || rows->empty()) << service << "_rpc reads " << view << " as \"" << tenant << "\"";
      }
    }
  }
  for (const char* service : {"pipeline", "capture", "scoring", "automation", "reporting"}) {
    EXPECT_THAT(Query("SELECT tenant_id FROM pipeline.event_log", {}, std::string(service) + "_worker"),
                ElementsAre("a"))
        << service;
  }
}

}  // namespace
}  // namespace embudo
