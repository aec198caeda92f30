// CreateLead at many in flight, against pgbench running the same statement.

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <mutex>

#include "common/base/error.h"
#include "common/resource/writer.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "services/pipeline/storage/tables.h"
#include "tools/bench/measure.h"

namespace embudo::bench {
namespace {

using std::chrono::steady_clock;

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

/// Keeps a number of calls in flight until the time is over.
class Load {
 public:
  Load(cli::Context& context, int in_flight, std::chrono::seconds duration)
      : client_(context.ClientOf(kCreateLead)),
        identity_(context.identity()),
        in_flight_(in_flight),
        end_(steady_clock::now() + duration) {}

  absl::Status Run() {
    for (int i = 0; i < in_flight_; ++i) Next();
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return running_ == 0; });
    return failure_;
  }

  Latencies& latencies() { return latencies_; }

 private:
  struct Call {
    pipeline::v1::CreateLeadRequest request;
    type::v1::Lead response;
    steady_clock::time_point start;
  };

  void Next() {
    {
      const std::lock_guard lock(mutex_);
      if (steady_clock::now() >= end_ || !failure_.ok()) return;
      ++running_;
    }
    auto call = std::make_shared<Call>();
    call->request = LeadToCreate(next_++);
    call->start = steady_clock::now();
    client_.CallAsync(kCreateLead, identity_, call->request, &call->response, [this, call](const absl::Status& status) {
      {
        const std::lock_guard lock(mutex_);
        latencies_.Add(steady_clock::now() - call->start);
        if (!status.ok()) failure_ = status;
      }
      Next();
      const std::lock_guard lock(mutex_);
      --running_;
      idle_.notify_all();
    });
  }

  rpc::Client& client_;
  const rpc::Identity identity_;
  const int in_flight_;
  const steady_clock::time_point end_;
  std::atomic<int64_t> next_{0};
  std::mutex mutex_;
  std::condition_variable idle_;
  int running_ = 0;
  absl::Status failure_;
  Latencies latencies_;
};

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

absl::StatusOr<double> PgbenchRate(const cli::Context& context, const Options& options) {
  const std::string file = "/tmp/embudo-bench-" + cli::NewRequestId() + ".sql";
  std::ofstream(file) << PgbenchScript(context.tenant);
  absl::StatusOr<std::string> output = RunCommand(
      "$(find /usr/lib/postgresql -name pgbench | tail -1) -n -M prepared -c " + std::to_string(options.in_flight) +
      " -j 2 -T " + std::to_string(options.seconds) + " -f " + file + " '" + options.postgres + "'");
  std::remove(file.c_str());
  if (!output.ok()) return output.status();
  const size_t at = output->find("tps = ");
  return at == std::string::npos ? 0 : std::atof(output->c_str() + at + 6);
}

}  // namespace

absl::Status MeasureCreate(cli::Context& context, const Options& options, std::vector<Figure>* figures) {
  EMBUDO_RETURN_IF_ERROR(Load(context, options.in_flight, std::chrono::seconds(1)).Run());  // warm
  const CpuSeconds before = ReadCpu(options);
  Load load(context, options.in_flight, std::chrono::seconds(options.seconds));
  EMBUDO_RETURN_IF_ERROR(load.Run());
  const CpuSeconds after = ReadCpu(options);
  const auto calls = static_cast<double>(load.latencies().count());
  double limit = 0;
  if (!options.postgres.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(limit, PgbenchRate(context, options));
  }
  const std::string what = "CreateLead, " + std::to_string(options.in_flight) + " in flight";
  figures->push_back({what, "calls/s", calls / options.seconds, limit, "pgbench, the same statement"});
  figures->push_back({what + ", p50", "ms", load.latencies().Percentile(0.5), 0, ""});
  figures->push_back({what + ", p99", "ms", load.latencies().Percentile(0.99), 0, ""});
  figures->push_back({what + ", CPU of the service", "µs/call", (after.service - before.service) / calls * 1e6, 0, ""});
  figures->push_back(
      {what + ", CPU of PostgreSQL", "µs/call", (after.postgres - before.postgres) / calls * 1e6, 0, ""});
  return absl::OkStatus();
}

}  // namespace embudo::bench
