#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/db/migrate.h"
#include "common/db/pool.h"
#include "common/testing/process.h"
#include "common/testing/temp_dir.h"

namespace embudo::testing {

/// A service's schema, as its storage/migrations.h gives it.
struct ServiceSchema {
  std::string service;
  const std::vector<db::Migration>* migrations;
};

/// A database of one test: the roles and the schemas that it asked for, and nothing else. Dropped at the end.
class Database {
 public:
  Database(std::string server, std::string name) : server_(std::move(server)), name_(std::move(name)) {}
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  const std::string& name() const { return name_; }
  /// What EMBUDO_POSTGRES and --postgres take: without user.
  std::string conninfo() const { return server_ + " dbname=" + name_; }
  /// As one role: `pipeline_rpc`, `embudo_owner`, or `postgres` (who sees and may everything).
  std::string ConninfoAs(const std::string& role) const;
  std::unique_ptr<db::Pool> PoolAs(const std::string& role, int size = 4) const;

 private:
  const std::string server_;
  const std::string name_;
};

/// The PostgreSQL that a test program uses: the one of EMBUDO_TEST_POSTGRES (a conninfo of a superuser without user and
/// database; tools/test starts one for all programs), else one of its own, which ends with the program.
class Postgres {
 public:
  /// Started at the first call.
  static Postgres& Shared();

  Postgres();
  ~Postgres();

  /// A copy of a template that is made once per server and set of migrations, so this takes some 50 ms. The schemas are
  /// made in the given order. A test failure and a database that refuses everything if it cannot be made.
  std::unique_ptr<Database> CreateDatabase(const std::vector<ServiceSchema>& schemas);

  /// libpq conninfo, without user and database.
  const std::string& conninfo() const { return conninfo_; }

 private:
  TempDir dir_;
  std::string conninfo_;
  std::unique_ptr<Process> process_;
};

}  // namespace embudo::testing
