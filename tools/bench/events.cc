// The stream of events: a replay of the log through one Tail, against the same messages over a bare gRPC stream and
// against XREAD of the same events from Redis.

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/error.h"
#include "common/event/event.h"
#include "common/redis/connection.h"
#include "common/rpc/server.h"
#include "embudo/pipeline/v1/event_service.pb.h"
#include "tools/bench/measure.h"

namespace embudo::bench {
namespace {

using pipeline::v1::TailRequest;
using pipeline::v1::TailResponse;
using std::chrono::steady_clock;

constexpr char kTail[] = "embudo.pipeline.v1.EventService/Tail";
constexpr int64_t kPlenty = 1000000;
constexpr int64_t kPlentyBytes = 1 << 30;

double RatePerSecond(int64_t count, steady_clock::time_point start) {
  return static_cast<double>(count) / std::chrono::duration<double>(steady_clock::now() - start).count();
}

TailRequest FromEarliest() {
  TailRequest request;
  request.mutable_start()->set_position(pipeline::v1::TailStart::POSITION_EARLIEST);
  request.mutable_credit()->set_events(kPlenty);
  request.mutable_credit()->set_bytes(kPlentyBytes);
  return request;
}

/// Reads up to `count` events; `sample` is one of the responses that were full.
absl::StatusOr<double> TailRate(rpc::Client& client, const rpc::Identity& identity, int64_t count, int64_t* seen,
                                TailResponse* sample) {
  const auto stream = client.Stream(kTail, identity);
  const auto start = steady_clock::now();
  stream->Write(FromEarliest());
  *seen = 0;
  TailResponse response;
  while (*seen < count && stream->Read(&response)) {
    *seen += response.events_size();
    if (response.events_size() > sample->events_size()) *sample = response;
    if (response.has_caught_up()) break;
  }
  const double rate = RatePerSecond(*seen, start);
  stream->Cancel();
  if (*seen == 0) return stream->Finish();
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
  const auto start = steady_clock::now();
  int64_t seen = 0;
  for (int partition = 0; partition < event::kPartitions && seen < count; ++partition) {
    const std::string key = event::StreamKey(partition);
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

absl::Status MeasureEvents(cli::Context& context, const Options& options, std::vector<Figure>* figures) {
  TailResponse sample;
  int64_t seen = 0;
  EMBUDO_ASSIGN_OR_RETURN(const double replay,
                          TailRate(context.ClientOf(kTail), context.identity(), options.events, &seen, &sample));
  EMBUDO_ASSIGN_OR_RETURN(const double bare, BareRate(context.identity(), sample, options.events));
  const std::string what = "replay of " + std::to_string(seen) + " events by one Tail";
  figures->push_back({what, "events/s", replay, bare, "the same messages, bare gRPC stream"});
  if (options.redis.empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const double xread, XreadRate(options.redis, options.events));
  figures->push_back({what, "events/s", replay, xread, "XREAD of events from Redis"});
  return absl::OkStatus();
}

}  // namespace embudo::bench
