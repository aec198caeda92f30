// A thousand subscribers of one process, of whom one in ten reads nothing: what reaches the others, how late, and what
// the process holds for it in memory.

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/error.h"
#include "embudo/pipeline/v1/event_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "tools/bench/measure.h"
#include "tools/cli/access.h"

namespace embudo::bench {
namespace {

using pipeline::v1::TailRequest;
using pipeline::v1::TailResponse;
using std::chrono::steady_clock;

constexpr char kTail[] = "embudo.pipeline.v1.EventService/Tail";
constexpr char kCreateLead[] = "embudo.pipeline.v1.LeadService/CreateLead";
// Some 18,000 deliveries a second to 900 that read: what the client can take, too.
constexpr std::chrono::milliseconds kPace{50};
constexpr std::chrono::seconds kPatience{60};

/// When each lead was made, and how much later the subscribers were told.
class Clocks {
 public:
  void Made(const std::string& lead) {
    const std::lock_guard lock(mutex_);
    made_[lead] = steady_clock::now();
  }
  void Told(const std::string& lead) {
    const auto now = steady_clock::now();
    const std::lock_guard lock(mutex_);
    const auto made = made_.find(lead);
    // Before the answer to who made it: no delay.
    latencies_.Add(made == made_.end() ? std::chrono::nanoseconds(0) : now - made->second);
  }
  Latencies& latencies() { return latencies_; }

 private:
  std::mutex mutex_;
  std::map<std::string, steady_clock::time_point> made_;
  Latencies latencies_;
};

class Subscribers {
 public:
  Subscribers(cli::Context& context, int count, Clocks& clocks)
      : clocks_(clocks),
        stopped_(
            {.target = OtherName(context.targets["pipeline"]), .credentials = cli::CredentialsFor(context.token)}) {
    for (int i = 0; i < count; ++i) {
      const bool reads = i % 10 != 9;
      rpc::Client& client = reads ? context.ClientOf(kTail) : stopped_;
      const auto& stream = streams_.emplace_back(client.Stream(kTail, context.identity()));
      TailRequest request;
      request.mutable_start()->set_position(pipeline::v1::TailStart::POSITION_LATEST);
      request.mutable_start()->set_filter("type = \"lead.created\"");
      request.mutable_credit()->set_events(1000000);
      request.mutable_credit()->set_bytes(1 << 30);
      stream->Write(request);
      if (!reads) continue;
      ++reading_;
      readers_.emplace_back([this, &stream = *stream, timed = i % 50 == 0] { Read(stream, timed); });
    }
  }
  ~Subscribers() {
    for (const auto& stream : streams_) stream->Cancel();
    for (std::thread& reader : readers_) reader.join();
  }

  int reading() const { return reading_; }
  int started() const { return started_; }
  int64_t events() const { return events_; }

 private:
  void Read(rpc::ClientStream& stream, bool timed) {
    TailResponse response;
    while (stream.Read(&response)) {
      if (response.has_started()) ++started_;
      events_ += response.events_size();
      for (int i = 0; i < response.events_size() && timed; ++i) clocks_.Told(response.events(i).subject());
    }
  }

  /// Of the same server: those that read nothing have a connection of their own, since one carries 1,000 calls at most.
  static std::string OtherName(std::string target) {
    static constexpr std::string_view kLoopback = "127.0.0.1:";
    return target.starts_with(kLoopback) ? target.replace(0, kLoopback.size(), "localhost:") : target;
  }

  Clocks& clocks_;
  rpc::Client stopped_;
  std::vector<std::unique_ptr<rpc::ClientStream>> streams_;
  std::vector<std::thread> readers_;
  int reading_ = 0;
  std::atomic<int> started_ = 0;
  std::atomic<int64_t> events_ = 0;
};

template <class Condition>
absl::Status WaitUntil(const Condition& condition, const std::string& what) {
  const auto end = steady_clock::now() + kPatience;
  while (!condition()) {
    if (steady_clock::now() > end) return absl::DeadlineExceededError("fan-out: " + what);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return absl::OkStatus();
}

constexpr double kMebibyte = 1 << 20;

double Resident(const Options& options) { return ReadMetric(options, "process_resident_memory_bytes") / kMebibyte; }

double Buffered(const Options& options) {
  double bytes = 0;
  for (const std::string where : {"window", "pages", "messages"}) {
    bytes += ReadMetric(options, "embudo_event_buffered_bytes{where=\"" + where + "\"}");
  }
  return bytes / kMebibyte;
}

}  // namespace

absl::Status MeasureFanOut(cli::Context& context, const Options& options, std::vector<Figure>* figures) {
  Clocks clocks;
  const double resident = Resident(options);
  const double threads = ReadMetric(options, "process_threads");
  Subscribers subscribers(context, options.subscribers, clocks);
  EMBUDO_RETURN_IF_ERROR(
      WaitUntil([&] { return subscribers.started() == subscribers.reading(); }, "not all streams have begun"));
  const double read = ReadMetric(options, "embudo_event_hub_read_total");
  const auto start = steady_clock::now();
  int64_t made = 0;
  for (auto next = start; next < start + std::chrono::seconds(options.seconds); next += kPace, ++made) {
    std::this_thread::sleep_until(next);
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name("Fan-out");
    request.set_request_id(cli::NewRequestId());
    EMBUDO_ASSIGN_OR_RETURN(const auto lead, context.Call<type::v1::Lead>(kCreateLead, request));
    clocks.Made(lead.name());
  }
  EMBUDO_RETURN_IF_ERROR(
      WaitUntil([&] { return subscribers.events() >= made * subscribers.reading(); }, "not all events have come"));
  const double seconds = std::chrono::duration<double>(steady_clock::now() - start).count();
  const std::string who = std::to_string(options.subscribers) + " subscribers, one in ten reads nothing: ";
  const auto add = [&](const std::string& what, const std::string& unit, double reached, double limit,
                       const std::string& limit_is) {
    figures->push_back({who + what, unit, reached, limit, limit_is});
  };
  add("events", "deliveries/s", static_cast<double>(subscribers.events()) / seconds, 0, "");
  add("commit to subscriber, p50", "ms", clocks.latencies().Percentile(0.5), 0, "");
  add("commit to subscriber, p99", "ms", clocks.latencies().Percentile(0.99), 0, "");
  add("events read from the log", "", ReadMetric(options, "embudo_event_hub_read_total") - read,
      static_cast<double>(made), "events made");
  add("memory of the service", "MiB", Resident(options), resident, "before");
  add("events in memory", "MiB", Buffered(options), 0, "");
  add("threads of the service", "", ReadMetric(options, "process_threads"), threads, "before");
  return absl::OkStatus();
}

}  // namespace embudo::bench
