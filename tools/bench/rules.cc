// Rules: a stage's move → the effect of its rule, and the rate of the whole engine; matching with 200 rules on one core
// against the bare rate of reading the same stream.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/redis/connection.h"
#include "embudo/automation/v1/rule_service.pb.h"
#include "embudo/automation/v1/run_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "embudo/pipeline/v1/tenant_service.pb.h"
#include "services/automation/logic/rule.h"
#include "tools/bench/load.h"
#include "tools/bench/measure.h"

namespace embudo::bench {
namespace {

using automation::v1::Rule;
using std::chrono::steady_clock;
using type::v1::Lead;

constexpr char kQualified[] = "pipelines/default/stages/qualified";
constexpr int kRules = 200;

double SecondsSince(steady_clock::time_point start) {
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

double ThreadCpu() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// A tenant of its own with a rule that plans an activity and notifies.
class RuleBench {
 public:
  RuleBench(cli::Context& context, const Options& options) : context_(context), options_(options) {
    identity_ = context.identity();
    identity_.tenant = "bench-rules-" + Uuid::V7(Clock::System().Now()).ToString().substr(24);
  }

  absl::Status Measure(std::vector<Figure>* figures) {
    EMBUDO_RETURN_IF_ERROR(MakeTenant());
    EMBUDO_RETURN_IF_ERROR(Latency(figures));
    return Rate(figures);
  }

 private:
  template <class Response>
  absl::StatusOr<Response> Call(const std::string& method, const google::protobuf::Message& request) {
    return context_.ClientOf(method).Call<Response>(method, identity_, request);
  }

  absl::Status MakeTenant() {
    pipeline::v1::CreateTenantRequest tenant;
    tenant.set_tenant_id(identity_.tenant);
    tenant.mutable_tenant()->set_display_name("Rules");
    EMBUDO_RETURN_IF_ERROR(Call<type::v1::Tenant>("embudo.pipeline.v1.TenantService/CreateTenant", tenant).status());
    pipeline::v1::CreateUserRequest user;
    user.set_user_id("ada");
    user.mutable_user()->set_display_name("Ada");
    EMBUDO_RETURN_IF_ERROR(Call<type::v1::User>("embudo.pipeline.v1.TeamService/CreateUser", user).status());
    automation::v1::CreateRuleRequest request;
    Rule& rule = *request.mutable_rule();
    rule.set_display_name("Move");
    rule.set_enabled(true);
    rule.mutable_trigger()->mutable_stage_entered();
    rule.set_condition("changed:stage");
    rule.add_actions()->mutable_create_activity()->set_summary("Follow up");
    rule.add_actions()->mutable_notify()->set_owner(true);
    rule.mutable_actions(1)->mutable_notify()->set_text("Moved");
    return Call<Rule>("embudo.automation.v1.RuleService/CreateRule", request).status();
  }

  absl::StatusOr<std::string> CreateLead() {
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name("Deal");
    request.mutable_lead()->set_owner("users/ada");
    request.mutable_lead()->add_checklist("first_contact_made");
    EMBUDO_ASSIGN_OR_RETURN(const Lead lead, Call<Lead>("embudo.pipeline.v1.LeadService/CreateLead", request));
    return lead.name();
  }
  absl::Status Move(const std::string& lead, const char* stage) {
    pipeline::v1::MoveLeadRequest request;
    request.set_name(lead);
    request.set_stage(stage);
    return Call<Lead>("embudo.pipeline.v1.LeadService/MoveLead", request).status();
  }
  absl::StatusOr<int64_t> Count(const std::string& filter, int64_t wanted) {
    automation::v1::ListRunsRequest request;
    request.set_filter(filter);
    int64_t count = 0;
    do {
      request.set_page_size(static_cast<int32_t>(std::min<int64_t>(wanted - count, 1000)));
      EMBUDO_ASSIGN_OR_RETURN(
          const auto page, Call<automation::v1::ListRunsResponse>("embudo.automation.v1.RunService/ListRuns", request));
      count += page.runs_size();
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty() && count < wanted);
    return count;
  }
  /// Asks little: a run that is not over is a short answer, and only without one are all counted.
  absl::StatusOr<bool> AllSucceeded() {
    EMBUDO_ASSIGN_OR_RETURN(const int64_t open, Count("state = PENDING OR state = RUNNING OR state = FAILED", 1));
    if (open > 0) return false;
    EMBUDO_ASSIGN_OR_RETURN(const int64_t done, Count("state = SUCCEEDED", runs_));
    return done >= runs_;
  }

  /// One move at a time: until the activity shows in the lead.
  absl::Status Latency(std::vector<Figure>* figures) {
    Latencies latencies;
    const auto end = steady_clock::now() + std::chrono::seconds(options_.seconds);
    while (steady_clock::now() < end) {
      EMBUDO_ASSIGN_OR_RETURN(const std::string lead, CreateLead());
      EMBUDO_RETURN_IF_ERROR(Move(lead, kQualified));
      const auto moved = steady_clock::now();
      pipeline::v1::GetLeadRequest get;
      get.set_name(lead);
      while (true) {
        EMBUDO_ASSIGN_OR_RETURN(const Lead now, Call<Lead>("embudo.pipeline.v1.LeadService/GetLead", get));
        if (now.has_next_activity_date()) break;
        if (steady_clock::now() - moved > std::chrono::seconds(10)) return absl::DeadlineExceededError("no effect");
        std::this_thread::sleep_for(std::chrono::microseconds(500));  // leaves the processor to what is measured
      }
      latencies.Add(steady_clock::now() - moved);
      ++runs_;
    }
    figures->push_back({"move → effect of its rule, p50", "ms", latencies.Percentile(0.5), 0, ""});
    figures->push_back({"move → effect of its rule, p99", "ms", latencies.Percentile(0.99), 20, "the goal"});
    return absl::OkStatus();
  }

  /// Many moves at once: until every rule has run.
  absl::Status Rate(std::vector<Figure>* figures) {
    std::vector<std::string> leads;
    const int count = std::min(options_.leads, 4000);
    for (int i = 0; i < count; ++i) {
      EMBUDO_ASSIGN_OR_RETURN(leads.emplace_back(), CreateLead());
    }
    std::atomic<int> next{0};
    std::atomic<bool> failed{false};
    const auto start = steady_clock::now();
    std::vector<std::thread> callers;
    for (int t = 0; t < options_.in_flight; ++t) {
      callers.emplace_back([&] {
        for (int i = next++; i < count; i = next++) {
          if (!Move(leads[static_cast<size_t>(i)], kQualified).ok()) failed = true;
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
    if (failed) return absl::InternalError("a move failed");
    const double moves = SecondsSince(start);
    runs_ += count;
    while (true) {
      EMBUDO_ASSIGN_OR_RETURN(const bool done, AllSucceeded());
      if (done) break;
      if (SecondsSince(start) > 300) return absl::DeadlineExceededError("runs are not done");
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    const std::string what = std::to_string(count) + " moves with a rule that plans an activity and notifies";
    figures->push_back({what + ", moves", "/s", count / moves, 0, ""});
    figures->push_back({what + ", until all rules have run", "/s", count / SecondsSince(start), 1500, "the goal"});
    return absl::OkStatus();
  }

  cli::Context& context_;
  const Options& options_;
  rpc::Identity identity_;
  int64_t runs_ = 0;
};

/// The bytes of up to `count` events of the stream.
absl::StatusOr<std::vector<std::string>> ReadStream(const std::string& redis, int64_t count, double* seconds) {
  EMBUDO_ASSIGN_OR_RETURN(const auto connection, redis::Connection::Open(redis, std::chrono::seconds(10)));
  std::vector<std::string> events;
  double spent = 0;
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> streams, StreamsOf(*connection));
  for (const std::string& key : streams) {
    if (static_cast<int64_t>(events.size()) >= count) break;
    // The group may be there from a run before.
    connection->Command({"XGROUP", "CREATE", key, "bench", "0"}).status().IgnoreError();
    connection->Command({"XGROUP", "SETID", key, "bench", "0"}).status().IgnoreError();
    while (static_cast<int64_t>(events.size()) < count) {
      const auto start = steady_clock::now();
      EMBUDO_ASSIGN_OR_RETURN(
          const redis::Reply reply,
          connection->Command({"XREADGROUP", "GROUP", "bench", "b", "COUNT", "500", "NOACK", "STREAMS", key, ">"}));
      spent += SecondsSince(start);
      if (reply.size() == 0) break;
      const redis::Reply entries = reply[0][1];
      for (size_t i = 0; i < entries.size(); ++i) {
        const redis::Reply fields = entries[i][1];
        events.emplace_back(fields[fields.size() - 1].text());
      }
    }
    connection->Command({"XGROUP", "DESTROY", key, "bench"}).status().IgnoreError();
  }
  *seconds = spent;
  return events;
}

/// `count` rules, of which `matching` wait for every move and the others for other stages.
automation::logic::RuleSet MakeRules(int count, int matching) {
  std::vector<automation::logic::CompiledRule> rules;
  for (int i = 0; i < count; ++i) {
    Rule rule;
    rule.set_name("rules/" + std::to_string(i));
    const std::string stage = i < matching ? "" : "pipelines/other/stages/s" + std::to_string(i);
    rule.mutable_trigger()->mutable_stage_entered()->set_stage(stage);
    rule.set_condition("expected_revenue > 1000 AND NOT tags:\"tags/none\"");
    rule.add_actions()->mutable_stop();
    auto compiled = automation::logic::Compile(rule, {});
    if (compiled.ok()) rules.push_back(*std::move(compiled));
  }
  return {std::move(rules), {}};
}

/// Events a second that one core parses and matches.
double MatchRate(const automation::logic::RuleSet& rules, const std::vector<std::string>& events) {
  const Time now = Clock::System().Now();
  size_t matches = 0;
  const double start = ThreadCpu();
  for (const std::string& bytes : events) {
    type::v1::Event event;
    if (event.ParseFromString(bytes)) matches += rules.MatchEvent(event, now).size();
  }
  const double spent = ThreadCpu() - start;
  return matches == events.size() + 1 ? 0 : static_cast<double>(events.size()) / spent;
}

absl::Status MeasureMatching(const Options& options, std::vector<Figure>* figures) {
  double seconds = 0;
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> events, ReadStream(options.redis, options.events, &seconds));
  if (events.empty()) return absl::OkStatus();
  const double bare = static_cast<double>(events.size()) / seconds;
  const std::string of = " of " + std::to_string(events.size()) + " events of the stream, one core";
  for (const int rules : {1, kRules}) {
    const std::string what = "matching with " + std::to_string(rules) + " rules" + of;
    figures->push_back({what, "events/s", MatchRate(MakeRules(rules, 1), events), bare, "XREADGROUP of the same"});
  }
  figures->push_back({"matching with " + std::to_string(kRules) + " rules that all wait for it" + of, "events/s",
                      MatchRate(MakeRules(kRules, kRules), events), bare, "XREADGROUP of the same"});
  return absl::OkStatus();
}

}  // namespace

absl::Status MeasureRules(cli::Context& context, const Options& options, std::vector<Figure>* figures) {
  EMBUDO_RETURN_IF_ERROR(RuleBench(context, options).Measure(figures));
  return options.redis.empty() ? absl::OkStatus() : MeasureMatching(options, figures);
}

}  // namespace embudo::bench
