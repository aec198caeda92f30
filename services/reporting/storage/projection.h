#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/db/connection.h"
#include "embudo/type/v1/erasure.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "embudo/type/v1/tenant.pb.h"
#include "google/protobuf/message.h"

namespace embudo::reporting::storage {

/// A record and the tenant that it belongs to. The message lives elsewhere.
template <class Message>
struct Owned {
  std::string tenant;
  const Message* record;
};

/// Each of these writes all that it is given in one statement; no record is in it twice. They run in the caller's
/// transaction, as the worker role.

absl::Status SaveLeads(db::Connection& connection, const std::vector<Owned<type::v1::Lead>>& leads);
absl::Status RemoveLeads(db::Connection& connection, const std::vector<Owned<type::v1::Lead>>& leads);
/// Any resource that has a display name, and memberships, which tell a user's teams.
absl::Status SaveNames(db::Connection& connection, const std::vector<Owned<google::protobuf::Message>>& records);
absl::Status RemoveNames(db::Connection& connection, const std::vector<Owned<google::protobuf::Message>>& records);
/// Takes an erased person out of what was kept.
absl::Status ErasePerson(db::Connection& connection, const std::string& tenant, const type::v1::Erasure& erasure);
/// A time zone that PostgreSQL does not know is taken as UTC.
absl::Status SaveTenants(db::Connection& connection, const std::vector<Owned<type::v1::Tenant>>& tenants);

}  // namespace embudo::reporting::storage
