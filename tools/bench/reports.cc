// Reports over a tenant of a million leads: from kept sums, from the facts, beside a plain GROUP BY of the same run and
// one read by primary key; how old figures are under load; how fast they are made anew.

#include <algorithm>
#include <atomic>
#include <thread>

#include "common/base/error.h"
#include "common/db/connection.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/reporting/v1/reporting_service.pb.h"
#include "services/reporting/storage/lead_table.h"
#include "tools/bench/measure.h"

namespace embudo::bench {
namespace {

namespace v1 = reporting::v1;
using std::chrono::steady_clock;

constexpr char kReporting[] = "embudo.reporting.v1.ReportingService/";
constexpr char kPipeline[] = "embudo.pipeline.v1.LeadService/";
constexpr char kTenant[] = "bench-reports";
constexpr int kCalls = 200;
constexpr int kPlain = 3;
constexpr std::chrono::seconds kLongest{120};

double MillisSince(steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(steady_clock::now() - start).count();
}

/// Leads like these, of one that the API made: what differs from lead to lead, by column; `n` counts them.
std::map<std::string, std::string> Varied() {
  return {{"lead_id", "gen_random_uuid()"},
          {"kind", "'OPPORTUNITY'"},
          {"state", "(ARRAY['OPEN','OPEN','OPEN','WON','LOST'])[1 + n % 5]"},
          {"stage_id",
           "CASE WHEN n % 5 = 3 THEN 'won' ELSE (ARRAY['new','qualified','proposal','negotiation'])"
           "[1 + n / 5 % 4] END"},
          {"team_id", "'team-' || n / 7 % 8"},
          {"owner_id", "'user-' || n / 11 % 100"},
          {"source", "(ARRAY['google','newsletter','fair','partner','phone','web'])[1 + n / 3 % 6]"},
          {"medium", "(ARRAY['cpc','email','organic','event'])[1 + n / 13 % 4]"},
          {"campaign", "'campaign-' || n / 17 % 20"},
          {"country", "(ARRAY['DE','FR','ES','US','GB','IT','BR','JP'])[1 + n / 19 % 8]"},
          {"expected_revenue", "n % 100000"},
          {"converted_expected_revenue", "n % 100000"},
          {"probability", "n % 101"},
          {"create_time", "timestamptz '2026-06-01' - n % 730 * interval '1 day'"},
          {"open_time", "timestamptz '2026-06-01' - n % 730 * interval '1 day'"},
          {"close_time", "CASE WHEN n % 5 > 2 THEN timestamptz '2026-06-20' - n % 700 * interval '1 day' END"},
          {"expected_close_date", "date '2026-06-01' + n % 365"}};
}

/// Fills the tenant, once. Straight into what reports are read from: a million leads by the API is another row.
absl::Status Fill(db::Connection& sql, const Options& options) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result there, sql.Exec("SELECT count(*) FROM reporting.lead WHERE tenant_id = $1",
                                                           db::Params::Of(kTenant)));
  if (there[0].Int(0) >= options.report_leads) return absl::OkStatus();
  std::string names = "tenant_id, revision, version";
  std::string values = "t.tenant_id, 0, 0";
  const auto varied = Varied();
  for (const std::string& column : reporting::storage::LeadTable().columns()) {
    const auto found = varied.find(column);
    names += ", " + column;
    values += ", " + (found == varied.end() ? "t." + column : found->second);
  }
  EMBUDO_RETURN_IF_ERROR(sql.ExecScript("SET statement_timeout = 0; SET synchronous_commit = off"));
  EMBUDO_RETURN_IF_ERROR(sql.ExecScript("INSERT INTO reporting.lead (" + names + ") SELECT " + values +
                                        " FROM (SELECT * FROM reporting.lead WHERE tenant_id = '" + kTenant +
                                        "' LIMIT 1) t, generate_series(1, " + std::to_string(options.report_leads) +
                                        ") n"));
  // Three stays a lead: the stages that it passed.
  EMBUDO_RETURN_IF_ERROR(sql.ExecScript(
      "INSERT INTO reporting.stay (tenant_id, lead_id, pipeline_id, stage_id, enter_time, stays, seconds, later)"
      " SELECT l.tenant_id, l.lead_id, 'default', s.id, NULL, 1, 86400 * s.place, s.later FROM reporting.lead l, "
      "(VALUES"
      " ('new', 1, ARRAY['default/proposal','default/qualified']), ('qualified', 2, ARRAY['default/proposal']),"
      " ('proposal', 3, ARRAY[]::text[])) s(id, place, later) WHERE l.tenant_id = '" +
      std::string(kTenant) + "' ON CONFLICT DO NOTHING"));
  return sql.ExecScript("ANALYZE reporting.lead; ANALYZE reporting.stay");
}

/// The median time of a statement, in milliseconds.
absl::StatusOr<double> TimeOf(db::Connection& sql, const std::string& statement, int runs) {
  Latencies latencies;
  for (int i = 0; i < runs; ++i) {
    const auto start = steady_clock::now();
    EMBUDO_RETURN_IF_ERROR(sql.Exec(statement).status());
    latencies.Add(steady_clock::now() - start);
  }
  return latencies.Percentile(0.5);
}

/// A report and the plain statement that answers the same.
struct Case {
  std::string what;
  std::string method;
  std::unique_ptr<google::protobuf::Message> request;
  std::unique_ptr<google::protobuf::Message> response;
  std::string plain;
};

template <class Request, class Response>
Case CaseOf(const std::string& what, const std::string& method, const std::vector<std::string>& by,
            const std::string& filter, const std::string& plain) {
  auto request = std::make_unique<Request>();
  for (const std::string& dimension : by) request->add_group_by(dimension);
  request->set_filter(filter);
  return {what, method, std::move(request), std::make_unique<Response>(), plain};
}

std::vector<Case> Cases() {
  const std::string of = " FROM reporting.lead WHERE tenant_id = 'bench-reports' AND kind = 'OPPORTUNITY'";
  const std::string sums =
      "count(*), sum(converted_expected_revenue),"
      " sum(converted_expected_revenue * probability::numeric * 0.01)";
  const std::string month = "date_trunc('month', create_time AT TIME ZONE 'UTC')";
  std::vector<Case> cases;
  cases.push_back(CaseOf<v1::AnalyzePipelineRequest, v1::AnalyzePipelineResponse>(
      "pipeline by stage, team", "AnalyzePipeline", {"stage", "team"}, "",
      "SELECT stage_id, team_id, " + sums + of + " GROUP BY 1, 2"));
  cases.push_back(CaseOf<v1::AnalyzePipelineRequest, v1::AnalyzePipelineResponse>(
      "pipeline by source, month", "AnalyzePipeline", {"source", "create_month"}, "",
      "SELECT source, " + month + ", " + sums + of + " GROUP BY 1, 2"));
  cases.push_back(CaseOf<v1::AnalyzePipelineRequest, v1::AnalyzePipelineResponse>(
      "pipeline by stage, filtered by team and country", "AnalyzePipeline", {"stage"},
      "team = \"teams/team-3\" AND country = \"DE\"",
      "SELECT stage_id, " + sums + of + " AND team_id = 'team-3' AND country = 'DE' GROUP BY 1"));
  cases.push_back(CaseOf<v1::AnalyzePipelineRequest, v1::AnalyzePipelineResponse>(
      "pipeline by stage, team, month, source", "AnalyzePipeline", {"stage", "team", "create_month", "source"}, "",
      "SELECT stage_id, team_id, " + month + ", source, " + sums + of +
          " AND create_time >= '2026-01-01' GROUP BY 1, 2, 3, 4"));
  auto& period = *static_cast<v1::AnalyzePipelineRequest&>(*cases.back().request).mutable_period();
  *period.mutable_start_date() = ToDate(std::chrono::year(2026) / 1 / 1);
  cases.push_back(CaseOf<v1::AnalyzeWinLossRequest, v1::AnalyzeWinLossResponse>(
      "win/loss by owner", "AnalyzeWinLoss", {"owner"}, "",
      "SELECT owner_id, state, " + sums + of + " AND state <> 'OPEN' GROUP BY 1, 2"));
  cases.push_back(CaseOf<v1::AnalyzeLeadsRequest, v1::AnalyzeLeadsResponse>(
      "leads by campaign", "AnalyzeLeads", {"campaign"}, "",
      "SELECT campaign, state, " + sums + of + " GROUP BY 1, 2"));
  cases.push_back(CaseOf<v1::AnalyzeFunnelRequest, v1::AnalyzeFunnelResponse>(
      "funnel by team", "AnalyzeFunnel", {"team"}, "",
      "SELECT x.stage_id, l.team_id, x.later, count(*), sum(x.seconds) FROM reporting.stay x JOIN reporting.lead l"
      " USING (tenant_id, lead_id) WHERE x.tenant_id = 'bench-reports' GROUP BY 1, 2, 3"));
  return cases;
}

bool FromFacts(const google::protobuf::Message& response) {
  const auto* field = response.GetDescriptor()->FindFieldByName("freshness");
  const auto& freshness = static_cast<const v1::Freshness&>(response.GetReflection()->GetMessage(response, field));
  return freshness.source() != v1::Freshness::SOURCE_ROLLUP;
}

absl::Status MeasureCase(cli::Context& context, db::Connection& sql, Case& report, std::vector<Figure>* figures) {
  EMBUDO_ASSIGN_OR_RETURN(const double plain, TimeOf(sql, report.plain, kPlain));
  rpc::Client& client = context.ClientOf(kReporting);
  bool facts = true;
  // That the facts are too many to be read is told with the promise that a sum is being made.
  const auto call = [&]() -> absl::Status {
    const absl::Status status =
        client.Call(kReporting + report.method, context.identity(), *report.request, report.response.get(), kLongest);
    facts = !status.ok() || FromFacts(*report.response);
    return status.code() == absl::StatusCode::kResourceExhausted ? absl::OkStatus() : status;
  };
  // The first ones ask for a sum to be kept.
  const auto begin = steady_clock::now();
  const auto give_up = begin + std::chrono::seconds(40);
  EMBUDO_RETURN_IF_ERROR(call());
  while (facts && steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    EMBUDO_RETURN_IF_ERROR(call());
  }
  Latencies latencies;
  const int calls = facts ? kPlain : kCalls;
  for (int i = 0; i < calls; ++i) {
    const auto start = steady_clock::now();
    EMBUDO_RETURN_IF_ERROR(call());
    latencies.Add(steady_clock::now() - start);
  }
  const std::string what = report.what + (facts ? " (facts)" : "");
  figures->push_back({what + ", p50", "ms", latencies.Percentile(0.5), plain, "plain GROUP BY, same run"});
  figures->push_back({what + ", p99", "ms", latencies.Percentile(0.99), plain, "plain GROUP BY, same run"});
  return absl::OkStatus();
}

/// How old the figures are while leads are written.
absl::Status MeasureStaleness(cli::Context& context, const Options& options, std::vector<Figure>* figures) {
  std::atomic<bool> stop = false;
  std::atomic<int64_t> written = 0;
  std::vector<std::thread> writers;
  const std::string method = std::string(kPipeline) + "CreateLead";
  rpc::Client& client = context.ClientOf(method);  // the context itself is for one thread
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&] {
      while (!stop) {
        pipeline::v1::CreateLeadRequest create;
        create.mutable_lead()->set_display_name("Under load");
        create.set_request_id(cli::NewRequestId());
        if (client.Call<type::v1::Lead>(method, context.identity(), create).ok()) ++written;
      }
    });
  }
  Latencies ages;
  const auto end = steady_clock::now() + std::chrono::seconds(options.seconds);
  absl::Status status;
  while (status.ok() && steady_clock::now() < end) {
    const auto figure = context.Call<v1::AnalyzePipelineResponse>(std::string(kReporting) + "AnalyzePipeline",
                                                                  v1::AnalyzePipelineRequest());
    status = figure.status();
    if (!status.ok()) break;
    const auto& age = figure->freshness().staleness();
    ages.Add(std::chrono::seconds(age.seconds()) + std::chrono::nanoseconds(age.nanos()));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  stop = true;
  for (std::thread& writer : writers) writer.join();
  EMBUDO_RETURN_IF_ERROR(status);
  const std::string load = std::to_string(written / std::max(1, options.seconds)) + " creates/s";
  figures->push_back({"age of figures at " + load + ", p50", "ms", ages.Percentile(0.5), 0, ""});
  figures->push_back({"age of figures at " + load + ", p99", "ms", ages.Percentile(0.99), 0, ""});
  return absl::OkStatus();
}

/// The caller's own tenant, which the other measurements have filled through the API.
absl::Status MeasureRebuilding(cli::Context& context, std::vector<Figure>* figures) {
  const auto begin = steady_clock::now();
  const std::string method = std::string(kReporting) + "RebuildReports";
  const auto stream = context.ClientOf(method).Stream(method, context.identity());
  if (!stream->Write(v1::RebuildReportsRequest())) return stream->Finish();
  stream->WritesDone();
  v1::RebuildReportsResponse step;
  v1::RebuildReportsResponse last;
  while (stream->Read(&step)) last = step;
  EMBUDO_RETURN_IF_ERROR(stream->Finish());
  const double events = static_cast<double>(last.leads() + last.changes());
  figures->push_back({"reports made anew", "events/s", 1000 * events / MillisSince(begin), 0, ""});
  return absl::OkStatus();
}

/// The tenant of the million leads, with one lead by the API.
absl::Status MakeTenant(cli::Context& context, db::Connection& sql) {
  pipeline::v1::CreateLeadRequest create;
  create.mutable_lead()->set_display_name("Deal");
  create.set_request_id(cli::NewRequestId());
  EMBUDO_RETURN_IF_ERROR(context.Call<type::v1::Lead>(std::string(kPipeline) + "CreateLead", create).status());
  const auto give_up = steady_clock::now() + std::chrono::seconds(20);
  while (steady_clock::now() < give_up) {
    EMBUDO_ASSIGN_OR_RETURN(const db::Result there, sql.Exec("SELECT FROM reporting.lead WHERE tenant_id = $1 LIMIT 1",
                                                             db::Params::Of(kTenant)));
    if (!there.empty()) return absl::OkStatus();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return Error(absl::StatusCode::kUnavailable, "NOT_CAUGHT_UP", "reporting has not taken the lead in");
}

}  // namespace

absl::Status MeasureReports(cli::Context& context, const Options& options, std::vector<Figure>* figures) {
  EMBUDO_RETURN_IF_ERROR(MeasureStaleness(context, options, figures));
  EMBUDO_RETURN_IF_ERROR(MeasureRebuilding(context, figures));
  // The tenant is made by `embudo admin create-tenant bench-reports`; without a superuser nothing fills it.
  if (options.postgres.empty() || options.report_leads == 0) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const auto sql, db::Connection::Open(options.postgres));
  const std::string own = context.tenant;
  context.tenant = kTenant;
  absl::Status status = MakeTenant(context, *sql);
  if (status.ok()) status = Fill(*sql, options);
  const auto key = TimeOf(*sql,
                          "SELECT * FROM reporting.lead WHERE tenant_id = 'bench-reports' AND lead_id ="
                          " (SELECT '00000000-0000-7000-8000-000000000000'::uuid)",
                          kCalls);
  if (key.ok()) figures->push_back({"one SELECT by primary key, p50", "ms", *key, 0, ""});
  for (Case& report : Cases()) {
    if (status.ok()) status = MeasureCase(context, *sql, report, figures);
  }
  context.tenant = own;
  return status;
}

}  // namespace embudo::bench
