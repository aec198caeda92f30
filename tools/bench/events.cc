// The stream of events through one Tail, as a replay of the log and as it comes, against the same messages over a bare
// gRPC stream and against XREAD of events from Redis.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/error.h"
#include "common/redis/connection.h"
#include "common/rpc/server.h"
#include "embudo/pipeline/v1/event_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "tools/bench/measure.h"

namespace embudo::bench {
namespace {

using pipeline::v1::TailRequest;
using pipeline::v1::TailResponse;
using std::chrono::steady_clock;

constexpr char kTail[] = "embudo.pipeline.v1.EventService/Tail";
constexpr char kBulkUpsert[] = "embudo.pipeline.v1.LeadService/BulkUpsertLeads";
constexpr int64_t kPlenty = 1000000;
constexpr int64_t kPlentyBytes = 1 << 30;
constexpr int64_t kBulk = 1000;

double RatePerSecond(int64_t count, steady_clock::time_point start) {
  return static_cast<double>(count) / std::chrono::duration<double>(steady_clock::now() - start).count();
}

TailRequest From(pipeline::v1::TailStart::Position position) {
  TailRequest request;
  request.mutable_start()->set_position(position);
  request.mutable_credit()->set_events(kPlenty);
  request.mutable_credit()->set_bytes(kPlentyBytes);
  return request;
}

/// What has been given is given again, so that credit never runs out.
void GiveBack(rpc::ClientStream& stream, int64_t events, int64_t* owed) {
  *owed += events;
  if (*owed < kPlenty / 2) return;
  TailRequest more;
  more.mutable_credit()->set_events(*owed);
  more.mutable_credit()->set_bytes(kPlentyBytes / 2);
  stream.Write(more);
  *owed = 0;
}

/// Reads up to `count` events of an open stream; `sample` is one of the responses that were full.
int64_t ReadEvents(rpc::ClientStream& stream, int64_t count, bool to_the_end, TailResponse* sample) {
  int64_t seen = 0;
  int64_t owed = 0;
  TailResponse response;
  while (seen < count && stream.Read(&response)) {
    seen += response.events_size();
    if (response.events_size() > sample->events_size()) *sample = response;
    if (to_the_end && response.has_caught_up()) break;
    GiveBack(stream, response.events_size(), &owed);
  }
  return seen;
}

absl::StatusOr<double> TailRate(rpc::Client& client, const rpc::Identity& identity, int64_t count, int64_t* seen,
                                TailResponse* sample) {
  const auto stream = client.Stream(kTail, identity);
  const auto start = steady_clock::now();
  stream->Write(From(pipeline::v1::TailStart::POSITION_EARLIEST));
  *seen = ReadEvents(*stream, count, true, sample);
  const double rate = RatePerSecond(*seen, start);
  stream->Cancel();
  const absl::Status status = stream->Finish();
  // A tenant that has no events yet: its end was reached, and the call cancelled.
  if (*seen == 0 && !absl::IsCancelled(status)) return status;
  return rate;
}

/// Makes as many leads, that is, events.
absl::Status MakeEvents(cli::Context& context, int64_t count) {
  const std::string run = cli::NewRequestId();
  for (int64_t done = 0; done < count; done += kBulk) {
    pipeline::v1::BulkUpsertLeadsRequest bulk;
    for (int64_t i = 0; i < std::min(kBulk, count - done); ++i) {
      auto* lead = bulk.add_items()->mutable_lead();
      lead->set_display_name("Event " + std::to_string(done + i));
      lead->set_company_name("Company " + std::to_string(i));
      lead->set_country("US");
      lead->set_source("bench");
      lead->add_external_ids()->set_system("bench");
      lead->mutable_external_ids(0)->set_id(run + "/" + std::to_string(done + i));
    }
    EMBUDO_RETURN_IF_ERROR(context.Call<pipeline::v1::BulkUpsertLeadsResponse>(kBulkUpsert, bulk).status());
  }
  return absl::OkStatus();
}

/// Events a second that reach a Tail while they are made as fast as they can be.
absl::StatusOr<double> LiveRate(cli::Context& context, int64_t count, TailResponse* sample) {
  const auto stream = context.ClientOf(kTail).Stream(kTail, context.identity());
  stream->Write(From(pipeline::v1::TailStart::POSITION_LATEST));
  TailResponse response;
  while (!response.has_caught_up()) {
    if (!stream->Read(&response)) return stream->Finish();
  }
  const auto start = steady_clock::now();
  absl::Status made;
  std::thread maker([&] {
    made = MakeEvents(context, count);
    if (!made.ok()) stream->Cancel();
  });
  const int64_t seen = ReadEvents(*stream, count, false, sample);
  const double rate = RatePerSecond(seen, start);
  maker.join();
  stream->Cancel();
  EMBUDO_RETURN_IF_ERROR(made);
  return rate;
}

/// Sends one message over and over.
class Repeat final : public rpc::StreamHandler {
 public:
  Repeat(std::shared_ptr<rpc::BidiStream> stream, const TailResponse& message)
      : stream_(std::move(stream)), message_(message) {}
  void OnMessage(const google::protobuf::Message& /*message*/) override { stream_->Write(message_); }
  void OnReadsDone() override {}
  void OnWritable() override { stream_->Write(message_); }
  void OnDone() override {}

 private:
  const std::shared_ptr<rpc::BidiStream> stream_;
  const TailResponse& message_;
};

absl::StatusOr<double> BareRate(const rpc::Identity& identity, const TailResponse& message, int64_t count) {
  rpc::Service service(TailRequest::descriptor()->file()->service(0));
  const auto answer_nothing = [](const rpc::CallContext&, const google::protobuf::Message&,
                                 google::protobuf::Message&) { return absl::OkStatus(); };
  service.UnaryAny("ListEvents", answer_nothing).UnaryAny("ListEventTypes", answer_nothing);
  for (const char* method : {"Tail", "Consume"}) {
    service.Bidi(method, [&message](std::shared_ptr<rpc::BidiStream> stream) {
      return std::make_shared<Repeat>(std::move(stream), message);
    });
  }
  metrics::Registry metrics;
  rpc::Server server({.listen = "127.0.0.1:0"}, rpc::DevAuthenticator(), metrics);
  server.Add(service);
  EMBUDO_RETURN_IF_ERROR(server.Start());
  rpc::Client client({.target = "127.0.0.1:" + std::to_string(server.port()), .credentials = rpc::DevCredentials()});
  TailResponse sample;
  int64_t seen = 0;
  return TailRate(client, identity, count, &seen, &sample);
}

absl::StatusOr<double> XreadRate(const std::string& redis, int64_t count) {
  EMBUDO_ASSIGN_OR_RETURN(const auto connection, redis::Connection::Open(redis, std::chrono::seconds(10)));
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> streams, StreamsOf(*connection));
  const auto start = steady_clock::now();
  int64_t seen = 0;
  for (const std::string& key : streams) {
    std::string last = "0-0";
    while (seen < count) {
      EMBUDO_ASSIGN_OR_RETURN(const redis::Reply reply,
                              connection->Command({"XREAD", "COUNT", "500", "STREAMS", key, last}));
      if (reply.size() == 0) break;
      const redis::Reply entries = reply[0][1];
      seen += static_cast<int64_t>(entries.size());
      last = entries[entries.size() - 1][0].text();
    }
  }
  return RatePerSecond(seen, start);
}

}  // namespace

absl::StatusOr<std::vector<std::string>> StreamsOf(redis::Connection& connection) {
  EMBUDO_ASSIGN_OR_RETURN(const redis::Reply keys, connection.Command({"KEYS", "embudo:events:*"}));
  std::vector<std::string> streams;
  for (size_t i = 0; i < keys.size(); ++i) streams.emplace_back(keys[i].text());
  return streams;
}

absl::Status MeasureEvents(cli::Context& context, const Options& options, std::vector<Figure>* figures) {
  TailResponse sample;
  int64_t seen = 0;
  EMBUDO_ASSIGN_OR_RETURN(double replay,
                          TailRate(context.ClientOf(kTail), context.identity(), options.events, &seen, &sample));
  if (seen < options.events) {
    EMBUDO_RETURN_IF_ERROR(MakeEvents(context, options.events - seen));
    EMBUDO_ASSIGN_OR_RETURN(replay,
                            TailRate(context.ClientOf(kTail), context.identity(), options.events, &seen, &sample));
  }
  EMBUDO_ASSIGN_OR_RETURN(const double bare, BareRate(context.identity(), sample, options.events));
  const std::string what = "replay of " + std::to_string(seen) + " events by one Tail";
  figures->push_back({what, "events/s", replay, bare, "the same messages, bare gRPC stream"});
  EMBUDO_ASSIGN_OR_RETURN(const double live, LiveRate(context, options.live_events, &sample));
  const std::string as_made = std::to_string(options.live_events) + " events by one Tail as they are made";
  figures->push_back({as_made, "events/s", live, bare, "the same messages, bare gRPC stream"});
  if (options.redis.empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const double xread, XreadRate(options.redis, options.events));
  figures->push_back({what, "events/s", replay, xread, "XREAD of events from Redis"});
  figures->push_back({as_made, "events/s", live, xread, "XREAD of events from Redis"});
  return absl::OkStatus();
}

}  // namespace embudo::bench
