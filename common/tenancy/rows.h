#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/pool.h"
#include "common/rpc/step_stream.h"

namespace embudo::tenancy {

// All rows that a schema keeps of a tenant, by the catalogue: a new table is exported and purged without a word here.

/// The schema's tables that hold tenants' rows, quoted, with their schema.
struct TenantTable {
  std::string name;
  bool partitioned = false;
};
absl::StatusOr<std::vector<TenantTable>> TablesOf(db::Connection& connection, const std::string& schema);

/// The pieces of one ExportTenantData, read in one snapshot. Not in it: secrets, and answers kept for repeated calls.
/// `pool` is of the worker role: the first step checks that the caller may have the tenant.
rpc::Step ExportSteps(db::Pool& pool, const std::string& schema, const google::protobuf::Message& request);

/// Deletes the tenant's rows, in small steps, and what the schema's consumer could not apply of its events. Tables in
/// `except` stay. Again and again is harmless.
absl::Status PurgeRows(db::Pool& pool, const std::string& schema, const std::string& tenant,
                       const std::vector<std::string>& except = {});

}  // namespace embudo::tenancy
