// CreateLead at many in flight, against pgbench running the same statement.

#include <iterator>
#include <memory>
#include <utility>

#include "common/base/error.h"
#include "common/resource/rows.h"
#include "common/resource/writer.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "services/pipeline/storage/tables.h"
#include "tools/bench/load.h"

namespace embudo::bench {
namespace {

constexpr char kCreateLead[] = "embudo.pipeline.v1.LeadService/CreateLead";

pipeline::v1::CreateLeadRequest LeadToCreate(int64_t n) {
  pipeline::v1::CreateLeadRequest request;
  auto* lead = request.mutable_lead();
  lead->set_display_name("Bench " + std::to_string(n));
  lead->set_contact_name("Person " + std::to_string(n));
  lead->set_company_name("Company " + std::to_string(n % 1000));
  lead->set_email("person" + std::to_string(n) + "@example.com");
  lead->set_phone("+12025550123");
  lead->set_country("US");
  lead->set_source("bench");
  lead->mutable_expected_revenue()->set_units(n % 10000);
  request.set_request_id(cli::NewRequestId());
  return request;
}

constexpr char kMarker[] = "11111111-1111-7111-8111-111111111111";

std::string Quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

/// A new lead as an array literal of rows, as the service would write it.
absl::StatusOr<std::string> RowLiteral(const Options& options, const std::string& tenant) {
  const resource::Table& table = pipeline::storage::LeadTable();
  auto lead = std::make_unique<type::v1::Lead>(LeadToCreate(1).lead());
  lead->set_name(std::string("leads/") + kMarker);
  lead->set_kind(type::v1::Lead::KIND_OPPORTUNITY);
  lead->set_state(type::v1::Lead::STATE_OPEN);
  lead->set_pipeline("pipelines/default");
  lead->set_stage("pipelines/default/stages/new");
  const auto now = ToTimestamp(Clock::System().Now());
  *lead->mutable_open_time() = *lead->mutable_create_time() = *lead->mutable_update_time() = now;
  EMBUDO_ASSIGN_OR_RETURN(const auto connection, db::Connection::Open(options.postgres));
  EMBUDO_ASSIGN_OR_RETURN(resource::Rows rows, resource::Rows::For(*connection, table));
  rows.Add(tenant, {std::move(lead), 1, 1});
  EMBUDO_ASSIGN_OR_RETURN(const db::Result text,
                          connection->Exec("SELECT $1::" + table.name() + "[]", db::Params::Of(rows.Finish())));
  return std::string(text[0].Text(0));
}

/// The service's own statement for one new lead, as a pgbench script: `:n` makes each lead another.
absl::StatusOr<std::string> PgbenchScript(const Options& options, const std::string& tenant) {
  const std::string id = "('00000000-0000-7000-8000-' || lpad(to_hex(:n::bigint), 12, '0'))";
  EMBUDO_ASSIGN_OR_RETURN(const std::string literal, RowLiteral(options, tenant));
  std::string row = Quoted(literal);
  row.replace(row.find(kMarker), std::size(kMarker) - 1, "' || " + id + " || '");
  std::string bytes = "\\x";
  for (int i = 0; i < 700; ++i) bytes += "78";
  const std::string values[] = {"'" + tenant + "'",
                                "(" + row + ")::" + pipeline::storage::LeadTable().name() + "[]",
                                "ARRAY[" + id + "]",
                                "ARRAY[0::bigint]",
                                "ARRAY[gen_random_uuid()]",
                                "ARRAY['\\x00'::bytea]",
                                "ARRAY['create']",
                                "ARRAY['" + bytes + "'::bytea]",
                                "ARRAY[gen_random_uuid()]",
                                "ARRAY[:n::bigint]",
                                "ARRAY['" + bytes + "'::bytea]",
                                "ARRAY[now()]",
                                "ARRAY[]::text[]",
                                "ARRAY[]::text[]",
                                "ARRAY[]::text[]",
                                "ARRAY[NULL::bytea]"};
  std::string sql = resource::WriteStatement(pipeline::storage::LeadTable(), true, true);
  for (int i = static_cast<int>(std::size(values)); i >= 1; --i) {
    const std::string parameter = "$" + std::to_string(i);
    for (size_t at = sql.find(parameter); at != std::string::npos; at = sql.find(parameter, at + 1)) {
      const std::string& value = values[i - 1];
      sql.replace(at, parameter.size(), value);
      at += value.size();
    }
  }
  return "\\set n random(1, 281474976710655)\n" + sql + ";\n";
}

}  // namespace

absl::StatusOr<double> CreateLeadRate(const Options& options, const std::string& tenant) {
  if (options.postgres.empty()) return 0.0;
  EMBUDO_ASSIGN_OR_RETURN(const std::string script, PgbenchScript(options, tenant));
  return PgbenchRate(options, script);
}

absl::Status MeasureCreate(cli::Context& context, const Options& options, std::vector<Figure>* figures) {
  return MeasureLoad(
      context, options, "CreateLead", kCreateLead, type::v1::Lead::default_instance(),
      [](int64_t n) { return std::make_unique<pipeline::v1::CreateLeadRequest>(LeadToCreate(n)); },
      [&] { return CreateLeadRate(options, context.tenant); }, "pgbench, the same statement", figures);
}

}  // namespace embudo::bench
