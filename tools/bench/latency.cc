// From commit to subscriber: how long after a change's answer its event reaches a Tail.

#include <algorithm>
#include <map>
#include <mutex>
#include <thread>

#include "common/base/error.h"
#include "embudo/pipeline/v1/event_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "tools/bench/measure.h"

namespace embudo::bench {
namespace {

using std::chrono::steady_clock;

constexpr char kCreateLead[] = "embudo.pipeline.v1.LeadService/CreateLead";
constexpr char kTail[] = "embudo.pipeline.v1.EventService/Tail";
constexpr std::chrono::milliseconds kPace{2};

/// When the answer and the event of each lead came, in whichever order.
class Arrivals {
 public:
  void Answered(const std::string& lead) { Put(lead, &Both::answered); }
  void Seen(const std::string& lead) { Put(lead, &Both::seen); }

  /// An event that came before its answer was no later than it: 0.
  Latencies Differences() {
    const std::lock_guard lock(mutex_);
    Latencies latencies;
    for (const auto& [lead, both] : leads_) {
      if (both.answered == steady_clock::time_point() || both.seen == steady_clock::time_point()) continue;
      latencies.Add(std::max(both.seen - both.answered, steady_clock::duration::zero()));
    }
    return latencies;
  }

 private:
  struct Both {
    steady_clock::time_point answered;
    steady_clock::time_point seen;
  };

  void Put(const std::string& lead, steady_clock::time_point Both::*which) {
    const std::lock_guard lock(mutex_);
    leads_[lead].*which = steady_clock::now();
  }

  std::mutex mutex_;
  std::map<std::string, Both> leads_;
};

void Read(rpc::ClientStream& stream, Arrivals& arrivals) {
  pipeline::v1::TailResponse response;
  while (stream.Read(&response)) {
    for (const type::v1::Event& event : response.events()) arrivals.Seen(event.subject());
    if (response.events_size() == 0) continue;
    pipeline::v1::TailRequest more;
    more.mutable_credit()->set_events(response.events_size());
    stream.Write(more);
  }
}

}  // namespace

absl::Status MeasureLatency(cli::Context& context, const Options& options, std::vector<Figure>* figures) {
  auto stream = context.ClientOf(kTail).Stream(kTail, context.identity());
  pipeline::v1::TailRequest start;
  start.mutable_start()->set_position(pipeline::v1::TailStart::POSITION_LATEST);
  start.mutable_start()->set_filter("type = \"lead.created\"");
  start.mutable_credit()->set_events(1000);
  stream->Write(start);
  pipeline::v1::TailResponse started;
  if (!stream->Read(&started)) return stream->Finish();

  Arrivals arrivals;
  std::thread reader([&] { Read(*stream, arrivals); });
  absl::Status status;
  const auto end = steady_clock::now() + std::chrono::seconds(options.seconds);
  for (auto next = steady_clock::now(); next < end && status.ok(); next += kPace) {
    std::this_thread::sleep_until(next);
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name("Latency");
    request.set_request_id(cli::NewRequestId());
    const auto lead = context.Call<type::v1::Lead>(kCreateLead, request);
    status = lead.status();
    if (lead.ok()) arrivals.Answered(lead->name());
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // the last events
  stream->Cancel();
  reader.join();
  EMBUDO_RETURN_IF_ERROR(status);
  Latencies latencies = arrivals.Differences();
  figures->push_back({"commit to subscriber, p50", "ms", latencies.Percentile(0.5), 0, ""});
  figures->push_back({"commit to subscriber, p99", "ms", latencies.Percentile(0.99), 0, ""});
  return absl::OkStatus();
}

}  // namespace embudo::bench
