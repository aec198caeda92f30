// CreateLead at many in flight, against pgbench running the same statement.

#include <memory>

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

/// The service's own statement for one new lead, as a pgbench script: `:n` makes each lead another.
std::string PgbenchScript(const std::string& tenant) {
  const std::string id = "('00000000-0000-7000-8000-' || lpad(to_hex(:n::bigint), 12, '0'))";
  const resource::Table& table = pipeline::storage::LeadTable();
  resource::Record record{table.New(), 1, 1};
  static_cast<type::v1::Lead&>(*record.message) = LeadToCreate(1).lead();
  auto& lead = static_cast<type::v1::Lead&>(*record.message);
  lead.set_name("leads/11111111-1111-7111-8111-111111111111");
  lead.set_kind(type::v1::Lead::KIND_OPPORTUNITY);
  lead.set_state(type::v1::Lead::STATE_OPEN);
  lead.set_pipeline("pipelines/default");
  lead.set_stage("pipelines/default/stages/new");
  const auto now = ToTimestamp(Clock::System().Now());
  *lead.mutable_open_time() = *lead.mutable_create_time() = *lead.mutable_update_time() = now;
  std::string row = "[";
  table.AppendRow(row, tenant, record);
  row += "]";
  // pgbench takes `:null` and `:true` for its own variables.
  for (size_t at = row.find("\":"); at != std::string::npos; at = row.find("\":", at + 3)) row.insert(at + 2, " ");
  const std::string marker = "11111111-1111-7111-8111-111111111111";
  row.replace(row.find(marker), marker.size(), "' || " + id + " || '");
  const std::string bytes = db::ToByteaLiteral(std::string(700, 'x'));
  const std::string values[] = {"'" + tenant + "'",
                                "('" + row + "')::json",
                                "ARRAY[" + id + "]",
                                "ARRAY[0::bigint]",
                                "ARRAY[gen_random_uuid()]",
                                "ARRAY['\\x00'::bytea]",
                                "ARRAY['create']",
                                "ARRAY['" + bytes + "'::bytea]",
                                "ARRAY[gen_random_uuid()]",
                                "ARRAY[(:n::bigint % 16)::smallint]",
                                "ARRAY['" + bytes + "'::bytea]",
                                "ARRAY[now()]",
                                "ARRAY[]::text[]",
                                "ARRAY[]::text[]",
                                "ARRAY[]::text[]",
                                "ARRAY[NULL::bytea]"};
  std::string sql = resource::WriteStatement(table, true, true);
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

absl::Status MeasureCreate(cli::Context& context, const Options& options, std::vector<Figure>* figures) {
  return MeasureLoad(
      context, options, "CreateLead", kCreateLead, type::v1::Lead::default_instance(),
      [](int64_t n) { return std::make_unique<pipeline::v1::CreateLeadRequest>(LeadToCreate(n)); },
      [&] { return PgbenchRate(options, PgbenchScript(context.tenant)); }, "pgbench, the same statement", figures);
}

}  // namespace embudo::bench
