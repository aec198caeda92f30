// Brings the schemas of all services up to date, as the role embudo_owner. Running it again, or beside another one,
// is harmless. The roles come first: deploy/postgres/roles.sql.
#include <CLI/CLI.hpp>
#include <iostream>

#include "common/base/error.h"
#include "common/db/connection.h"
#include "common/db/sessions.h"
#include "tools/migrate/schemas.h"

namespace embudo {
namespace {

absl::Status MigrateAll(const std::string& postgres) {
  const std::string owner = db::ConninfoFor(postgres, "embudo_owner", "embudo-migrate");
  // The lock that keeps a second migration out is the session's.
  EMBUDO_RETURN_IF_ERROR(db::CheckSessions(owner));
  EMBUDO_ASSIGN_OR_RETURN(const auto connection, db::Connection::Open(owner));
  for (const Schema& schema : Schemas()) {
    EMBUDO_RETURN_IF_ERROR(db::Migrate(*connection, schema.service, *schema.migrations));
    EMBUDO_ASSIGN_OR_RETURN(const int version, db::SchemaVersion(*connection, schema.service));
    std::cout << schema.service << " is at step " << version << '\n';
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace embudo

int main(int argc, char** argv) {
  CLI::App parser("Brings Embudo's database schemas up to date", "embudo-migrate");
  std::string postgres;
  parser.add_option("--postgres", postgres, "libpq connection string without user")
      ->envname("EMBUDO_POSTGRES")
      ->required();
  CLI11_PARSE(parser, argc, argv);
  const absl::Status status = embudo::MigrateAll(postgres);
  if (!status.ok()) std::cerr << "error: " << embudo::MessageOf(status) << '\n';
  return status.ok() ? 0 : 1;
}
