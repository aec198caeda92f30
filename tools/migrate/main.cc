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

/// Divides the log of events anew; the services go on meanwhile.
absl::Status SetEventPartitions(const std::string& postgres, int count) {
  EMBUDO_ASSIGN_OR_RETURN(const auto connection,
                          db::Connection::Open(db::ConninfoFor(postgres, "embudo_owner", "embudo-migrate")));
  EMBUDO_ASSIGN_OR_RETURN(const db::Result epoch,
                          connection->Exec("SELECT pipeline.set_event_partitions($1::int)", db::Params::Of(count)));
  std::cout << "the log has " << count << " partitions, epoch " << epoch[0].Int(0) << '\n';
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
  int event_partitions = 0;
  parser
      .add_option("--set-event-partitions", event_partitions,
                  "Then divide the log of events into so many partitions, with services running or not")
      ->check(CLI::Range(1, 256));
  CLI11_PARSE(parser, argc, argv);
  absl::Status status = embudo::MigrateAll(postgres);
  if (status.ok() && event_partitions > 0) status = embudo::SetEventPartitions(postgres, event_partitions);
  if (!status.ok()) std::cerr << "error: " << embudo::MessageOf(status) << '\n';
  return status.ok() ? 0 : 1;
}
