#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "embudo/type/v1/lead.pb.h"
#include "google/protobuf/message.h"
#include "tools/bench/measure.h"

namespace embudo::bench {

/// Keeps a number of calls of one method in flight until the time is over.
class Load {
 public:
  /// The n-th request, from 0.
  using MakeRequest = std::function<std::unique_ptr<google::protobuf::Message>(int64_t n)>;

  Load(cli::Context& context, std::string method, const google::protobuf::Message& response, MakeRequest make_request)
      : client_(context.ClientOf(method)),
        identity_(context.identity()),
        method_(std::move(method)),
        response_(response),
        make_request_(std::move(make_request)) {}

  /// The first error ends it.
  absl::Status Run(int in_flight, std::chrono::seconds duration);

  Latencies& latencies() { return latencies_; }

 private:
  void Next();

  rpc::Client& client_;
  const rpc::Identity identity_;
  const std::string method_;
  const google::protobuf::Message& response_;
  const MakeRequest make_request_;
  std::chrono::steady_clock::time_point end_;
  std::atomic<int64_t> next_{0};
  std::mutex mutex_;
  std::condition_variable idle_;
  int running_ = 0;
  absl::Status failure_;
  Latencies latencies_;
};

/// Warms up, measures, and adds rate, p50, p99 and CPU a call as figures. `limit` gives what the machine itself does.
absl::Status MeasureLoad(cli::Context& context, const Options& options, const std::string& what,
                         const std::string& method, const google::protobuf::Message& response,
                         const Load::MakeRequest& make_request, const std::function<absl::StatusOr<double>()>& limit,
                         const std::string& limit_is, std::vector<Figure>* figures);

/// Transactions a second of a pgbench script with as many connections as calls in flight. 0 without --postgres.
absl::StatusOr<double> PgbenchRate(const Options& options, const std::string& script);
/// Leads of one BatchCreateLeads.
inline constexpr int kLeadBatch = 1000;
/// Makes leads by BatchCreateLeads, the n-th as `fill` has it. Their names.
absl::StatusOr<std::vector<std::string>> MakeLeads(cli::Context& context, int count,
                                                   const std::function<void(int n, type::v1::Lead&)>& fill);
/// The statement that CreateLead writes a lead with, by pgbench, a second; 0 without Options::postgres.
absl::StatusOr<double> CreateLeadRate(const Options& options, const std::string& tenant);

}  // namespace embudo::bench
