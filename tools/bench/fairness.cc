#include "tools/bench/fairness.h"

#include <atomic>
#include <thread>

#include "common/base/error.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/tenancy_service.pb.h"
#include "embudo/pipeline/v1/tenant_service.pb.h"

namespace embudo::bench {
namespace {

using std::chrono::steady_clock;

constexpr char kListLeads[] = "embudo.pipeline.v1.LeadService/ListLeads";
constexpr char kQuiet[] = "bench-quiet";
constexpr char kLoud[] = "bench-loud";
constexpr std::chrono::milliseconds kPace{5};
constexpr int64_t kLimit = 100;
/// How long a decision takes to be known everywhere.
constexpr std::chrono::seconds kKnown{2};

rpc::Identity In(cli::Context& context, const std::string& tenant) {
  rpc::Identity identity = context.identity();
  identity.tenant = tenant;
  return identity;
}

absl::Status MakeTenant(cli::Context& context, const std::string& id) {
  constexpr char kMethod[] = "embudo.pipeline.v1.TenantService/CreateTenant";
  pipeline::v1::CreateTenantRequest request;
  request.set_tenant_id(id);
  request.mutable_tenant()->set_display_name(id);
  const absl::Status status =
      context.ClientOf(kMethod).Call<type::v1::Tenant>(kMethod, In(context, id), request).status();
  return absl::IsAlreadyExists(status) ? absl::OkStatus() : status;
}

absl::Status SetLimit(cli::Context& context, int64_t reads) {
  constexpr char kMethod[] = "embudo.pipeline.v1.TenancyService/UpdateTenantLimits";
  pipeline::v1::UpdateTenantLimitsRequest request;
  request.mutable_limits()->set_name(std::string("tenants/") + kLoud + "/limits");
  request.mutable_limits()->set_reads_per_second(reads);
  request.mutable_update_mask()->add_paths("reads_per_second");
  EMBUDO_RETURN_IF_ERROR(
      context.ClientOf(kMethod).Call<pipeline::v1::TenantLimits>(kMethod, In(context, ""), request).status());
  std::this_thread::sleep_for(kKnown);
  return absl::OkStatus();
}

/// Many calls of one tenant at once, for as long as it lives.
class Flood {
 public:
  Flood(cli::Context& context, int callers) {
    for (int i = 0; i < callers; ++i) {
      callers_.emplace_back([this, &client = context.ClientOf(kListLeads), identity = In(context, kLoud)] {
        pipeline::v1::ListLeadsRequest request;
        while (!over_) {
          const bool ok = client.Call<pipeline::v1::ListLeadsResponse>(kListLeads, identity, request).ok();
          ++(ok ? served_ : refused_);
        }
      });
    }
  }
  ~Flood() {
    over_ = true;
    for (std::thread& caller : callers_) caller.join();
  }

  double served() const { return static_cast<double>(served_); }
  double refused() const { return static_cast<double>(refused_); }

 private:
  std::atomic<bool> over_ = false;
  std::atomic<int64_t> served_ = 0;
  std::atomic<int64_t> refused_ = 0;
  std::vector<std::thread> callers_;
};

/// The quiet tenant's calls, one every few milliseconds.
absl::Status MeasureQuiet(cli::Context& context, const Options& options, const std::string& when,
                          std::vector<Figure>* figures) {
  rpc::Client& client = context.ClientOf(kListLeads);
  const rpc::Identity identity = In(context, kQuiet);
  const pipeline::v1::ListLeadsRequest request;
  Latencies latencies;
  const auto end = steady_clock::now() + std::chrono::seconds(options.seconds);
  for (auto next = steady_clock::now(); next < end; next = std::max(next + kPace, steady_clock::now())) {
    std::this_thread::sleep_until(next);
    const auto begin = steady_clock::now();
    EMBUDO_RETURN_IF_ERROR(client.Call<pipeline::v1::ListLeadsResponse>(kListLeads, identity, request).status());
    latencies.Add(steady_clock::now() - begin);
  }
  figures->push_back({"a quiet tenant's lists " + when + ", p50", "ms", latencies.Percentile(0.5), 0, ""});
  figures->push_back({"a quiet tenant's lists " + when + ", p99", "ms", latencies.Percentile(0.99), 0, ""});
  return absl::OkStatus();
}

absl::Status MeasureBeside(cli::Context& context, const Options& options, const std::string& when,
                           std::vector<Figure>* figures) {
  const Flood flood(context, options.in_flight);
  EMBUDO_RETURN_IF_ERROR(MeasureQuiet(context, options, when, figures));
  figures->push_back({"lists of the flood served " + when, "1/s", flood.served() / options.seconds, 0, ""});
  figures->push_back({"lists of the flood refused " + when, "1/s", flood.refused() / options.seconds, 0, ""});
  return absl::OkStatus();
}

}  // namespace

absl::Status MeasureFairness(cli::Context& context, const Options& options, std::vector<Figure>* figures) {
  EMBUDO_RETURN_IF_ERROR(MakeTenant(context, kQuiet));
  EMBUDO_RETURN_IF_ERROR(MakeTenant(context, kLoud));
  EMBUDO_RETURN_IF_ERROR(SetLimit(context, 0));
  EMBUDO_RETURN_IF_ERROR(MeasureQuiet(context, options, "alone", figures));
  EMBUDO_RETURN_IF_ERROR(MeasureBeside(context, options, "beside a flood", figures));
  EMBUDO_RETURN_IF_ERROR(SetLimit(context, kLimit));
  const absl::Status limited = MeasureBeside(context, options, "beside a flood of 100/s at most", figures);
  EMBUDO_RETURN_IF_ERROR(SetLimit(context, 0));
  return limited;
}

}  // namespace embudo::bench
