// From commit to subscriber: how long after a change's answer its event reaches a Tail.

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

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
constexpr int kMakers = 8;

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

/// Half of what CreateLead was measured to do; 0 if it was not.
double HalfLoad(const std::vector<Figure>& figures) {
  for (const Figure& figure : figures) {
    if (figure.what.starts_with("CreateLead") && figure.unit == "calls/s") return figure.reached / 2;
  }
  return 0;
}

absl::Status MakeLead(cli::Context& context, Arrivals& arrivals) {
  pipeline::v1::CreateLeadRequest request;
  request.mutable_lead()->set_display_name("Latency");
  request.set_request_id(cli::NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const auto lead, context.Call<type::v1::Lead>(kCreateLead, request));
  arrivals.Answered(lead.name());
  return absl::OkStatus();
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
  const double rate = HalfLoad(*figures);
  std::vector<absl::Status> statuses(kMakers);
  std::vector<std::thread> makers;
  for (absl::Status& status : statuses) {
    makers.emplace_back([&] {
      const auto pace =
          rate > 0 ? std::chrono::duration_cast<steady_clock::duration>(std::chrono::duration<double>(kMakers / rate))
                   : steady_clock::duration(kPace * kMakers);
      const auto end = steady_clock::now() + std::chrono::seconds(options.seconds);
      for (auto next = steady_clock::now(); next < end && status.ok(); next += pace) {
        std::this_thread::sleep_until(next);
        status = MakeLead(context, arrivals);
      }
    });
  }
  for (std::thread& maker : makers) maker.join();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // the last events
  stream->Cancel();
  reader.join();
  for (const absl::Status& status : statuses) EMBUDO_RETURN_IF_ERROR(status);
  Latencies latencies = arrivals.Differences();
  const std::string at =
      rate > 0 ? "half load, " + std::to_string(static_cast<int>(rate)) + " leads/s" : std::string("500 leads/s");
  figures->push_back({"commit to subscriber at " + at + ", p50", "ms", latencies.Percentile(0.5), 0, ""});
  figures->push_back({"commit to subscriber at " + at + ", p99", "ms", latencies.Percentile(0.99), 0, ""});
  return absl::OkStatus();
}

}  // namespace embudo::bench
