#include "services/reporting/storage/projection.h"

#include <google/protobuf/util/json_util.h>

#include <memory>

#include "common/base/error.h"
#include "common/base/json.h"
#include "common/privacy/dead_letters.h"
#include "common/privacy/erased.h"
#include "common/resource/resource.h"
#include "common/resource/rows.h"
#include "services/reporting/storage/lead_table.h"

namespace embudo::reporting::storage {
namespace {

using google::protobuf::Message;

constexpr char kSaveNames[] =
    "INSERT INTO reporting.name (tenant_id, name, type, display_name, sequence, data)"
    " SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::jsonb[])"
    " ON CONFLICT (tenant_id, name) DO UPDATE"
    " SET display_name = excluded.display_name, sequence = excluded.sequence, data = excluded.data";

constexpr char kRemoveNames[] =
    "DELETE FROM reporting.name AS n USING unnest($1::text[], $2::text[]) AS gone(tenant_id, name)"
    " WHERE n.tenant_id = gone.tenant_id AND n.name = gone.name";

constexpr char kSaveTenants[] =
    "INSERT INTO reporting.tenant (tenant_id, currency_code, time_zone)"
    " SELECT t.tenant_id, t.currency_code, coalesce(z.name, 'UTC')"
    " FROM unnest($1::text[], $2::text[], $3::text[]) AS t(tenant_id, currency_code, time_zone)"
    " LEFT JOIN pg_timezone_names AS z ON z.name = t.time_zone"
    " ON CONFLICT (tenant_id) DO UPDATE"
    " SET currency_code = excluded.currency_code, time_zone = excluded.time_zone";

constexpr char kEraseLeads[] =
    "UPDATE reporting.lead SET display_name = 'Erased', contact_name = '', email = '', phone = '', job_title = '',"
    " website = '', description = '', current_solution = '', pain = '', custom_fields = '{}', external_ids = '[]',"
    " lost_note = '', override_reason = '' WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])";

// What is under the leads, what refers to them as its own, and the contact.
constexpr char kEraseNames[] =
    "DELETE FROM reporting.name WHERE tenant_id = $1 AND (name = $3 OR split_part(name, '/', 1) = 'leads'"
    " AND split_part(name, '/', 2) = ANY($2::text[]) OR split_part(data->>'lead', '/', 2) = ANY($2::text[]))";

constexpr char kRemoveLeads[] =
    "DELETE FROM reporting.lead AS t USING unnest($1::text[], $2::uuid[]) AS gone(tenant_id, lead_id)"
    " WHERE t.tenant_id = gone.tenant_id AND t.lead_id = gone.lead_id";

std::string MakeSaveLeads() {
  const std::string& table = LeadTable().name();
  std::vector<std::string> columns = LeadTable().columns();
  columns.emplace_back("revision");
  columns.emplace_back("version");
  std::string names = "tenant_id";
  std::string values = "r.tenant_id";
  std::string set;
  for (const std::string& column : columns) {
    names += ", " + column;
    values += ", r." + column;
    set += (set.empty() ? "" : ", ") + column + " = excluded." + column;
  }
  return "INSERT INTO " + table + " (" + names + ") SELECT " + values + " FROM unnest($1::" + table +
         "[]) AS r ON CONFLICT (tenant_id, lead_id) DO UPDATE SET " + set;
}

/// `pipelines/p/stages/s` is a Stage: the message's name.
const std::string& TypeOf(const Message& record) { return record.GetDescriptor()->name(); }

int SequenceOf(const Message& record) {
  const auto* field = record.GetDescriptor()->FindFieldByName("sequence");
  return field == nullptr ? 0 : record.GetReflection()->GetInt32(record, field);
}

absl::StatusOr<std::string> JsonOf(const Message& record) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(record, &json, options).ok()) {
    return Internal("a record that has no JSON form: " + resource::NameOf(record));
  }
  return json;
}

}  // namespace

absl::Status SaveLeads(db::Connection& connection, const std::vector<Owned<type::v1::Lead>>& leads) {
  if (leads.empty()) return absl::OkStatus();
  static const std::string* const statement = new std::string(MakeSaveLeads());
  EMBUDO_ASSIGN_OR_RETURN(resource::Rows rows, resource::Rows::For(connection, LeadTable()));
  // The row's counters guard writes, of which there are none but the log's.
  for (const auto& [tenant, lead] : leads) rows.Add(tenant, {std::make_unique<type::v1::Lead>(*lead), 0, 0});
  return connection.Exec(*statement, db::Params::Of(rows.Finish())).status();
}

absl::Status RemoveLeads(db::Connection& connection, const std::vector<Owned<type::v1::Lead>>& leads) {
  if (leads.empty()) return absl::OkStatus();
  std::vector<std::string> tenants;
  std::vector<std::string> ids;
  for (const auto& [tenant, lead] : leads) {
    tenants.push_back(tenant);
    ids.push_back(LeadTable().KeyOf(*lead));
  }
  return connection.Exec(kRemoveLeads, db::Params::Of(tenants, ids)).status();
}

absl::Status SaveNames(db::Connection& connection, const std::vector<Owned<Message>>& records) {
  if (records.empty()) return absl::OkStatus();
  std::vector<std::string> tenants;
  std::vector<std::string> names;
  std::vector<std::string> types;
  std::vector<std::string> display_names;
  std::vector<std::string> sequences;
  std::vector<std::string> data;
  for (const auto& [tenant, record] : records) {
    EMBUDO_ASSIGN_OR_RETURN(std::string json, JsonOf(*record));
    tenants.push_back(tenant);
    names.push_back(resource::NameOf(*record));
    types.push_back(TypeOf(*record));
    display_names.push_back(resource::GetText(*record, "display_name"));
    sequences.push_back(std::to_string(SequenceOf(*record)));
    data.push_back(std::move(json));
  }
  return connection.Exec(kSaveNames, db::Params::Of(tenants, names, types, display_names, sequences, data)).status();
}

absl::Status RemoveNames(db::Connection& connection, const std::vector<Owned<Message>>& records) {
  if (records.empty()) return absl::OkStatus();
  std::vector<std::string> tenants;
  std::vector<std::string> names;
  for (const auto& [tenant, record] : records) {
    tenants.push_back(tenant);
    names.push_back(resource::NameOf(*record));
  }
  return connection.Exec(kRemoveNames, db::Params::Of(tenants, names)).status();
}

absl::Status SaveTenants(db::Connection& connection, const std::vector<Owned<type::v1::Tenant>>& tenants) {
  if (tenants.empty()) return absl::OkStatus();
  std::vector<std::string> ids;
  std::vector<std::string> currencies;
  std::vector<std::string> zones;
  for (const auto& [id, tenant] : tenants) {
    ids.push_back(id);
    currencies.push_back(tenant->currency_code());
    zones.push_back(tenant->time_zone());
  }
  return connection.Exec(kSaveTenants, db::Params::Of(ids, currencies, zones)).status();
}

absl::Status ErasePerson(db::Connection& connection, const std::string& tenant, const type::v1::Erasure& erasure) {
  const std::vector<std::string> leads = privacy::LeadIdsOf(erasure);
  EMBUDO_RETURN_IF_ERROR(connection.Exec(kEraseLeads, db::Params::Of(tenant, leads)).status());
  EMBUDO_RETURN_IF_ERROR(connection.Exec(kEraseNames, db::Params::Of(tenant, leads, erasure.contact())).status());
  return privacy::RedactDeadLetters(connection, "reporting", privacy::PersonOf(erasure));
}

}  // namespace embudo::reporting::storage
