#include "services/reporting/storage/names.h"

#include <map>
#include <set>

#include "common/base/error.h"

namespace embudo::reporting::storage {
namespace {

constexpr char kSettings[] = "SELECT currency_code, time_zone FROM reporting.tenant WHERE tenant_id = $1";

constexpr char kFindByDisplayName[] =
    "SELECT name FROM reporting.name WHERE tenant_id = $1 AND type = $2 AND display_name = $3 LIMIT 1001";

constexpr char kFindByField[] =
    "SELECT name FROM reporting.name WHERE tenant_id = $1 AND type = $2 AND data ->> $3 = $4 LIMIT 1001";

constexpr char kNames[] =
    "SELECT name, display_name, sequence FROM reporting.name WHERE tenant_id = $1 AND name = ANY($2::text[])";

}  // namespace

absl::StatusOr<Settings> LoadSettings(db::Connection& connection, const std::string& tenant) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kSettings, db::Params::Of(tenant)));
  if (rows.empty()) return Settings();
  return Settings{std::string(rows[0].Text(0)), std::string(rows[0].Text(1))};
}

absl::StatusOr<std::vector<std::string>> FindNames(db::Connection& connection, const std::string& tenant,
                                                   const std::string& resource_type, const std::string& field,
                                                   const std::string& value) {
  const std::string type = resource_type.substr(resource_type.find('/') + 1);
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          field == "display_name"
                              ? connection.Exec(kFindByDisplayName, db::Params::Of(tenant, type, value))
                              : connection.Exec(kFindByField, db::Params::Of(tenant, type, field, value)));
  std::vector<std::string> names;
  for (int i = 0; i < rows.size(); ++i) names.emplace_back(rows[i].Text(0));
  return names;
}

absl::Status FillNames(db::Connection& connection, const std::string& tenant, std::vector<logic::Row>& rows) {
  std::multimap<std::string, logic::Value*> wanted;
  std::set<std::string> names;
  for (logic::Row& row : rows) {
    for (logic::Value& value : row.values) {
      if (!value.reference) continue;
      wanted.emplace(value.value, &value);
      names.insert(value.value);
    }
  }
  if (names.empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result found,
      connection.Exec(kNames, db::Params::Of(tenant, std::vector<std::string>(names.begin(), names.end()))));
  for (int i = 0; i < found.size(); ++i) {
    const auto [begin, end] = wanted.equal_range(std::string(found[i].Text(0)));
    for (auto value = begin; value != end; ++value) {
      value->second->display_name = found[i].Text(1);
      value->second->place = found[i].Int(2);
    }
  }
  return absl::OkStatus();
}

}  // namespace embudo::reporting::storage
