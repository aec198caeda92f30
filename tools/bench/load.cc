#include "tools/bench/load.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "common/base/error.h"
#include "embudo/pipeline/v1/lead_service.pb.h"

namespace embudo::bench {
namespace {

using google::protobuf::Message;
using std::chrono::steady_clock;

struct Call {
  std::unique_ptr<Message> request;
  std::unique_ptr<Message> response;
  steady_clock::time_point start;
};

}  // namespace

absl::Status Load::Run(int in_flight, std::chrono::seconds duration) {
  end_ = steady_clock::now() + duration;
  for (int i = 0; i < in_flight; ++i) Next();
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [&] { return running_ == 0; });
  return failure_;
}

void Load::Next() {
  {
    const std::lock_guard lock(mutex_);
    if (steady_clock::now() >= end_ || !failure_.ok()) return;
    ++running_;
  }
  auto call = std::make_shared<Call>();
  call->request = make_request_(next_++);
  call->response.reset(response_.New());
  call->start = steady_clock::now();
  client_.CallAsync(method_, identity_, *call->request, call->response.get(), [this, call](const absl::Status& status) {
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

absl::Status MeasureLoad(cli::Context& context, const Options& options, const std::string& what,
                         const std::string& method, const Message& response, const Load::MakeRequest& make_request,
                         const std::function<absl::StatusOr<double>()>& limit, const std::string& limit_is,
                         std::vector<Figure>* figures) {
  // What the warming made is not there a second time.
  std::atomic<int64_t> next{0};
  const auto counting = [&](int64_t) { return make_request(next++); };
  EMBUDO_RETURN_IF_ERROR(Load(context, method, response, counting).Run(options.in_flight, std::chrono::seconds(1)));
  const CpuSeconds before = ReadCpu(options);
  Load load(context, method, response, counting);
  EMBUDO_RETURN_IF_ERROR(load.Run(options.in_flight, std::chrono::seconds(options.seconds)));
  const CpuSeconds after = ReadCpu(options);
  const auto calls = static_cast<double>(load.latencies().count());
  EMBUDO_ASSIGN_OR_RETURN(const double most, limit());
  const std::string name = what + ", " + std::to_string(options.in_flight) + " in flight";
  figures->push_back({name, "calls/s", calls / options.seconds, most, limit_is});
  figures->push_back({name + ", p50", "ms", load.latencies().Percentile(0.5), 0, ""});
  figures->push_back({name + ", p99", "ms", load.latencies().Percentile(0.99), 0, ""});
  figures->push_back({name + ", CPU of the service", "µs/call", (after.service - before.service) / calls * 1e6, 0, ""});
  figures->push_back(
      {name + ", CPU of PostgreSQL", "µs/call", (after.postgres - before.postgres) / calls * 1e6, 0, ""});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> MakeLeads(cli::Context& context, int count,
                                                   const std::function<void(int n, type::v1::Lead&)>& fill) {
  std::vector<std::string> names;
  for (int made = 0; made < count; made += kLeadBatch) {
    pipeline::v1::BatchCreateLeadsRequest request;
    for (int n = made; n < std::min(made + kLeadBatch, count); ++n) fill(n, *request.add_requests()->mutable_lead());
    EMBUDO_ASSIGN_OR_RETURN(const auto created, context.Call<pipeline::v1::BatchCreateLeadsResponse>(
                                                    "embudo.pipeline.v1.LeadService/BatchCreateLeads", request));
    for (const type::v1::Lead& lead : created.leads()) names.push_back(lead.name());
  }
  return names;
}

absl::StatusOr<double> PgbenchRate(const Options& options, const std::string& script) {
  if (options.postgres.empty()) return 0;
  const std::string file = "/tmp/embudo-bench-" + cli::NewRequestId() + ".sql";
  std::ofstream(file) << script;
  absl::StatusOr<std::string> output = RunCommand(
      "$(find /usr/lib/postgresql -name pgbench | tail -1) -n -M prepared -c " + std::to_string(options.in_flight) +
      " -j 2 -T " + std::to_string(options.seconds) + " -f " + file + " '" + options.postgres + "'");
  std::remove(file.c_str());
  if (!output.ok()) return output.status();
  const size_t at = output->find("tps = ");
  return at == std::string::npos ? 0 : std::atof(output->c_str() + at + 6);
}

}  // namespace embudo::bench
