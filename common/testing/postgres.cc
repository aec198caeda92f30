#include "common/testing/postgres.h"

#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "gtest/gtest.h"

namespace embudo::testing {
namespace {

constexpr char kSuperuser[] = "postgres";

absl::StatusOr<std::unique_ptr<db::Connection>> Open(const std::string& server, const std::string& database,
                                                     const std::string& user) {
  EMBUDO_ASSIGN_OR_RETURN(auto connection,
                          db::Connection::Open(db::ConninfoFor(server + " dbname=" + database, user, "embudo-test")));
  EMBUDO_RETURN_IF_ERROR(connection->ExecScript("SET client_min_messages = warning"));
  return connection;
}

std::string RolesSql() {
  std::ifstream file(EMBUDO_SOURCE_DIR "/deploy/postgres/roles.sql");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Named after all that is in it, so that a changed migration makes another one.
std::string TemplateName(const std::vector<ServiceSchema>& schemas) {
  std::string all = RolesSql();
  for (const ServiceSchema& schema : schemas) {
    all += schema.service;
    for (const db::Migration& migration : *schema.migrations) all += migration.sql;
  }
  return "embudo_template_" + std::to_string(std::hash<std::string>()(all));
}

absl::Status RunRoles(const std::string& server, const std::string& database) {
  EMBUDO_ASSIGN_OR_RETURN(const auto connection, Open(server, database, kSuperuser));
  return connection->ExecScript(RolesSql());
}

/// Makes the template unless it is there; `admin` holds the lock. It is whole when it is marked as a template.
absl::Status EnsureTemplate(const std::string& server, db::Connection& admin, const std::string& name,
                            const std::vector<ServiceSchema>& schemas) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result whole,
      admin.Exec("SELECT FROM pg_database WHERE datname = $1 AND datistemplate", db::Params::Of(name)));
  if (!whole.empty()) return absl::OkStatus();
  EMBUDO_RETURN_IF_ERROR(admin.ExecScript("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"));
  EMBUDO_RETURN_IF_ERROR(admin.ExecScript("CREATE DATABASE " + name));
  EMBUDO_RETURN_IF_ERROR(RunRoles(server, name));
  {
    EMBUDO_ASSIGN_OR_RETURN(const auto owner, Open(server, name, "embudo_owner"));
    for (const ServiceSchema& schema : schemas) {
      EMBUDO_RETURN_IF_ERROR(db::Migrate(*owner, schema.service, *schema.migrations));
    }
  }
  return admin.ExecScript("ALTER DATABASE " + name + " IS_TEMPLATE true");
}

absl::Status CopyTemplate(const std::string& server, const std::string& name,
                          const std::vector<ServiceSchema>& schemas) {
  EMBUDO_ASSIGN_OR_RETURN(const auto admin, Open(server, "postgres", kSuperuser));
  // Roles belong to the whole server, and a template must have no session while it is copied: one at a time. Waiting
  // for the others may take long.
  EMBUDO_RETURN_IF_ERROR(admin->ExecScript("SET lock_timeout = '5min'"));
  EMBUDO_RETURN_IF_ERROR(admin->ExecScript("SELECT pg_advisory_lock(hashtext('embudo.testing'))"));
  const std::string from = TemplateName(schemas);
  EMBUDO_RETURN_IF_ERROR(EnsureTemplate(server, *admin, from, schemas));
  EMBUDO_RETURN_IF_ERROR(admin->ExecScript("CREATE DATABASE " + name + " TEMPLATE " + from));
  return RunRoles(server, name);  // the rights on the database itself are not copied
}

}  // namespace

Database::~Database() {
  const auto admin = Open(server_, "postgres", kSuperuser);
  if (admin.ok()) (*admin)->ExecScript("DROP DATABASE IF EXISTS " + name_ + " WITH (FORCE)").IgnoreError();
}

std::string Database::ConninfoAs(const std::string& role) const {
  return db::ConninfoFor(conninfo(), role, "embudo-test");
}

std::unique_ptr<db::Pool> Database::PoolAs(const std::string& role, int size) const {
  return std::make_unique<db::Pool>(ConninfoAs(role), size);
}

Postgres& Postgres::Shared() {
  static Postgres postgres;
  return postgres;
}

Postgres::Postgres() {
  if (const char* shared = std::getenv("EMBUDO_TEST_POSTGRES"); shared != nullptr && *shared != '\0') {
    conninfo_ = shared;
    return;
  }
  conninfo_ = "host=" + (dir_.path() / "postgres").string();
  Process::Options options;
  options.command = {EMBUDO_SOURCE_DIR "/tools/lib/server", "postgres", "run", dir_.path() / "postgres", "test"};
  options.output = dir_.path() / "output";
  options.death_signal = SIGINT;  // a fast shutdown
  auto process = Process::Start(std::move(options));
  if (!process.ok()) {
    ADD_FAILURE() << process.status();
    return;
  }
  process_ = std::move(process).value();
  EXPECT_TRUE(Eventually([this] { return Open(conninfo_, "postgres", kSuperuser).ok(); })) << process_->Output();
}

Postgres::~Postgres() {
  if (process_ == nullptr) return;
  process_->Signal(SIGINT);
  process_->WaitExit();
}

std::unique_ptr<Database> Postgres::CreateDatabase(const std::vector<ServiceSchema>& schemas) {
  std::string name = "test_" + Uuid::V7(Clock::System().Now()).ToString();
  std::erase(name, '-');
  const absl::Status status = CopyTemplate(conninfo_, name, schemas);
  EXPECT_TRUE(status.ok()) << status;
  return std::make_unique<Database>(conninfo_, name);
}

}  // namespace embudo::testing
