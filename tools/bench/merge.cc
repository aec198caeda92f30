// MergeLeads of five that are the same person's.

#include <memory>

#include "common/base/error.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "tools/bench/load.h"

namespace embudo::bench {
namespace {

constexpr char kService[] = "embudo.pipeline.v1.LeadService/";
constexpr int kOfEach = 5;
/// More than are merged, with the warming up, in the time that is measured.
constexpr int kMergesPerSecond = 1000;

void Fill(int n, type::v1::Lead& lead) {
  lead.set_display_name("Merge " + std::to_string(n));
  lead.set_contact_name("Person " + std::to_string(n / kOfEach));
  lead.set_email("merge" + std::to_string(n / kOfEach) + "@example.com");
  lead.set_description("Told us, for the " + std::to_string(n % kOfEach) + ". time, what is wanted.");
}

}  // namespace

absl::Status MeasureMerges(cli::Context& context, const Options& options, std::vector<Figure>* figures) {
  Options one = options;
  one.in_flight = 1;
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                          MakeLeads(context, (options.seconds + 1) * kMergesPerSecond * kOfEach, Fill));
  AwaitIdle(options);
  const auto merge = [&](int64_t n) {
    auto request = std::make_unique<pipeline::v1::MergeLeadsRequest>();
    for (int i = 0; i < kOfEach; ++i) {
      request->add_names(names[static_cast<size_t>(n * kOfEach + i) % names.size()]);
    }
    request->set_request_id(cli::NewRequestId());
    return request;
  };
  return MeasureLoad(
      context, one, "MergeLeads of 5", std::string(kService) + "MergeLeads", type::v1::Lead::default_instance(), merge,
      [] { return 0.0; }, "", figures);
}

}  // namespace embudo::bench
