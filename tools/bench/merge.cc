// MergeLeads of five that are the same person's.

#include <algorithm>
#include <memory>

#include "common/base/error.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "tools/bench/load.h"

namespace embudo::bench {
namespace {

constexpr char kService[] = "embudo.pipeline.v1.LeadService/";
constexpr int kOfEach = 5;
constexpr int kBatch = 1000;
/// More than are merged, with the warming up, in the time that is measured.
constexpr int kMergesPerSecond = 250;

absl::StatusOr<std::vector<std::string>> MakeLeads(cli::Context& context, int count) {
  std::vector<std::string> names;
  for (int made = 0; made < count; made += kBatch) {
    pipeline::v1::BatchCreateLeadsRequest request;
    for (int i = made; i < std::min(made + kBatch, count); ++i) {
      type::v1::Lead& lead = *request.add_requests()->mutable_lead();
      lead.set_display_name("Merge " + std::to_string(i));
      lead.set_contact_name("Person " + std::to_string(i / kOfEach));
      lead.set_email("merge" + std::to_string(i / kOfEach) + "@example.com");
      lead.set_description("Told us, for the " + std::to_string(i % kOfEach) + ". time, what is wanted.");
    }
    EMBUDO_ASSIGN_OR_RETURN(const auto created, context.Call<pipeline::v1::BatchCreateLeadsResponse>(
                                                    std::string(kService) + "BatchCreateLeads", request));
    for (const type::v1::Lead& lead : created.leads()) names.push_back(lead.name());
  }
  return names;
}

}  // namespace

absl::Status MeasureMerges(cli::Context& context, const Options& options, std::vector<Figure>* figures) {
  Options one = options;
  one.in_flight = 1;
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                          MakeLeads(context, (options.seconds + 1) * kMergesPerSecond * kOfEach));
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
