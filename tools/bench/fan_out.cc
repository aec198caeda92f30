// A thousand subscribers of one process, of whom one in ten reads nothing: what reaches the others, how late, how often
// the log is read for it, and what the process holds in memory for those that do not read.

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
constexpr char kBulkUpsert[] = "embudo.pipeline.v1.LeadService/BulkUpsertLeads";
constexpr char kRead[] = "embudo_event_hub_read_total";
constexpr int kBulk = 500;
constexpr int kLong = 5000;
constexpr int kLongBytes = 2000;
// Some 18,000 deliveries a second to 900 that read: what the client can take, too.
constexpr std::chrono::milliseconds kPace{50};
constexpr std::chrono::seconds kPatience{60};

/// When each lead was asked for, and how much later the subscribers were told. From the asking, since the event may be
/// there before the answer.
class Clocks {
 public:
  /// What the n-th lead of this run is called; others are none of its business.
  std::string NameOf(int64_t n) const { return run_ + "/" + std::to_string(n); }
  bool IsOwn(const type::v1::Event& event) const {
    return event.data().lead().display_name().starts_with(run_) && event.type() == "lead.created";
  }
  void Asked(const std::string& lead) {
    const std::lock_guard lock(mutex_);
    asked_[lead] = steady_clock::now();
  }
  void Told(const std::string& lead) {
    const auto now = steady_clock::now();
    const std::lock_guard lock(mutex_);
    const auto asked = asked_.find(lead);
    if (asked != asked_.end()) latencies_.Add(now - asked->second);
  }
  Latencies& latencies() { return latencies_; }

 private:
  const std::string run_ = cli::NewRequestId();
  std::mutex mutex_;
  std::map<std::string, steady_clock::time_point> asked_;
  Latencies latencies_;
};

class Subscribers {
 public:
  Subscribers(cli::Context& context, int count, Clocks& clocks)
      : context_(context),
        clocks_(clocks),
        stopped_(
            {.target = OtherName(context.targets["pipeline"]), .credentials = cli::CredentialsFor(context.token)}) {
    // The first has no filter: it counts all that there is to read.
    Open(context_.ClientOf(kTail), Start(""), true, true);
    for (int i = 1; i < count; ++i) {
      const bool reads = i % 10 != 9;
      Open(reads ? context_.ClientOf(kTail) : stopped_, Start("type = \"lead.created\""), reads, i % 50 == 0);
    }
  }
  ~Subscribers() {
    for (const auto& stream : streams_) stream->Cancel();
    StopReading();
  }

  int reading() const { return static_cast<int>(readers_.size()); }
  int started() const { return started_; }
  /// Deliveries of leads of this run.
  int64_t own() const { return own_; }
  /// Events of the tenant that came to one that gets all.
  int64_t all() const { return all_; }

  /// From now on there are only those that read nothing.
  void KeepStopped() {
    for (size_t i = 0; i < streams_.size(); ++i) {
      if (reads_[i]) streams_[i]->Cancel();
    }
    StopReading();
  }

 private:
  static TailRequest Start(const std::string& filter) {
    TailRequest request;
    request.mutable_start()->set_position(pipeline::v1::TailStart::POSITION_LATEST);
    request.mutable_start()->set_filter(filter);
    request.mutable_credit()->set_events(1000000);
    request.mutable_credit()->set_bytes(1 << 30);
    return request;
  }

  void Open(rpc::Client& client, const TailRequest& request, bool reads, bool timed) {
    const auto& stream = streams_.emplace_back(client.Stream(kTail, context_.identity()));
    reads_.push_back(reads);
    stream->Write(request);
    if (!reads) return;
    readers_.emplace_back(
        [this, &stream = *stream, timed, all = request.start().filter().empty()] { Read(stream, timed, all); });
  }

  void Read(rpc::ClientStream& stream, bool timed, bool all) {
    TailResponse response;
    while (stream.Read(&response)) {
      if (response.has_started()) ++started_;
      if (all) all_ += response.events_size();
      for (const type::v1::Event& event : response.events()) {
        if (!clocks_.IsOwn(event)) continue;
        if (timed) clocks_.Told(event.data().lead().display_name());
        ++own_;
      }
    }
  }

  void StopReading() {
    for (std::thread& reader : readers_) reader.join();
    readers_.clear();
  }

  /// Of the same server: those that read nothing have a connection of their own, since one carries 1,000 calls at most.
  static std::string OtherName(std::string target) {
    static constexpr std::string_view kLoopback = "127.0.0.1:";
    return target.starts_with(kLoopback) ? target.replace(0, kLoopback.size(), "localhost:") : target;
  }

  cli::Context& context_;
  Clocks& clocks_;
  rpc::Client stopped_;
  std::vector<std::unique_ptr<rpc::ClientStream>> streams_;
  std::vector<bool> reads_;
  std::vector<std::thread> readers_;
  std::atomic<int> started_ = 0;
  std::atomic<int64_t> own_ = 0;
  std::atomic<int64_t> all_ = 0;
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

/// What the service reads from the log is what was there before, until it reads no more.
absl::Status WaitUntilQuiet(const Options& options) {
  double last = -1;
  auto since = steady_clock::now();
  return WaitUntil(
      [&] {
        const double now = ReadMetric(options, kRead);
        if (now != last) since = steady_clock::now();
        last = now;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        return steady_clock::now() - since > std::chrono::seconds(1);
      },
      "the log does not come to rest");
}

/// Leads at an even pace; how many.
absl::StatusOr<int64_t> MakeLeads(cli::Context& context, const Options& options, Clocks& clocks) {
  int64_t made = 0;
  const auto start = steady_clock::now();
  for (auto next = start; next < start + std::chrono::seconds(options.seconds); next += kPace, ++made) {
    std::this_thread::sleep_until(next);
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name(clocks.NameOf(made));
    request.set_request_id(cli::NewRequestId());
    clocks.Asked(request.lead().display_name());
    EMBUDO_RETURN_IF_ERROR(context.Call<type::v1::Lead>(kCreateLead, request).status());
  }
  return made;
}

/// More than the buffers of a connection hold, for those that read nothing. Returns the bytes that each is owed.
absl::StatusOr<double> MakeLongLeads(cli::Context& context) {
  for (int done = 0; done < kLong; done += kBulk) {
    pipeline::v1::BulkUpsertLeadsRequest bulk;
    for (int i = 0; i < kBulk; ++i) {
      bulk.add_items()->mutable_lead()->set_display_name("Fan-out");
      bulk.mutable_items(i)->mutable_lead()->set_description(std::string(kLongBytes, 'p'));
      bulk.mutable_items(i)->mutable_lead()->add_external_ids()->set_system("fan-out");
      bulk.mutable_items(i)->mutable_lead()->mutable_external_ids(0)->set_id(cli::NewRequestId());
    }
    EMBUDO_RETURN_IF_ERROR(context.Call<pipeline::v1::BulkUpsertLeadsResponse>(kBulkUpsert, bulk).status());
  }
  return static_cast<double>(kLong) * kLongBytes;
}

}  // namespace

absl::Status MeasureFanOut(cli::Context& context, const Options& options, std::vector<Figure>* figures) {
  const std::string count = std::to_string(options.subscribers);
  const auto add = [&](const std::string& what, const std::string& unit, double reached, double limit,
                       const std::string& limit_is) {
    figures->push_back({count + " subscribers" + what, unit, reached, limit, limit_is});
  };
  if (ReadMetric(options, kRead) == 0 && Resident(options) == 0) {
    return absl::FailedPreconditionError("fan-out: no metrics at " + options.metrics + ", so nothing can be measured");
  }
  EMBUDO_RETURN_IF_ERROR(WaitUntilQuiet(options));
  Clocks clocks;
  const double resident = Resident(options);
  const double threads = ReadMetric(options, "process_threads");
  Subscribers subscribers(context, options.subscribers, clocks);
  EMBUDO_RETURN_IF_ERROR(
      WaitUntil([&] { return subscribers.started() == subscribers.reading(); }, "not all streams have begun"));
  EMBUDO_RETURN_IF_ERROR(WaitUntilQuiet(options));
  const double open = Resident(options);
  const double read = ReadMetric(options, kRead);
  const int64_t before = subscribers.all();
  const auto start = steady_clock::now();
  EMBUDO_ASSIGN_OR_RETURN(const int64_t made, MakeLeads(context, options, clocks));
  EMBUDO_RETURN_IF_ERROR(
      WaitUntil([&] { return subscribers.own() >= made * subscribers.reading(); }, "not all events have come"));
  const double seconds = std::chrono::duration<double>(steady_clock::now() - start).count();
  EMBUDO_RETURN_IF_ERROR(WaitUntilQuiet(options));
  add(", one in ten reads nothing: events", "deliveries/s", static_cast<double>(subscribers.own()) / seconds,
      static_cast<double>(made * subscribers.reading()) / options.seconds, "what was asked for");
  add(", from the call to each of them, p50", "ms", clocks.latencies().Percentile(0.5), 0, "");
  add(", from the call to each of them, p99", "ms", clocks.latencies().Percentile(0.99), 0, "");
  add(": events read from the log", "", ReadMetric(options, kRead) - read,
      static_cast<double>(subscribers.all() - before), "events that there were");
  add(": memory of an open stream", "KiB", (open - resident) * 1024 / options.subscribers, 0, "");
  add(": threads of the service", "", ReadMetric(options, "process_threads"), threads, "before");

  subscribers.KeepStopped();
  EMBUDO_RETURN_IF_ERROR(WaitUntilQuiet(options));
  const double stopped = Resident(options);
  EMBUDO_ASSIGN_OR_RETURN(const double owed, MakeLongLeads(context));
  EMBUDO_RETURN_IF_ERROR(WaitUntilQuiet(options));
  const double all_owed = owed / kMebibyte * (options.subscribers / 10);
  add(": events in memory for those that read nothing", "MiB", Buffered(options), all_owed, "what they are owed");
  add(": memory that the service took for it", "MiB", std::max(0.0, Resident(options) - stopped), all_owed,
      "what they are owed");
  return absl::OkStatus();
}

}  // namespace embudo::bench
