#include "services/automation/rpc/dry_run.h"

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "embudo/pipeline/v1/event_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "services/automation/events/run_context.h"
#include "services/automation/logic/actions.h"
#include "services/automation/logic/cron.h"
#include "services/automation/logic/due.h"
#include "services/automation/logic/new_run.h"
#include "services/automation/logic/rule.h"
#include "services/automation/logic/trigger.h"
#include "services/automation/storage/rules.h"

namespace embudo::automation {
namespace {

using embudo::rpc::CallContext;
using logic::TriggerKind;
using type::v1::Event;
using type::v1::Lead;

constexpr std::chrono::days kDefaultSpan{30};
constexpr int kDefaultMatches = 50;
constexpr int kPage = 1000;
/// Stops so long before the deadline.
constexpr std::chrono::milliseconds kMargin{1500};
/// Times of a schedule that are looked at.
constexpr int kMostTimes = 10000;

/// The events of leads that may set a rule of the kind off.
std::string EventsOf(const v1::Trigger& trigger) {
  switch (trigger.trigger_case()) {
    case v1::Trigger::kMessageReceived:
      return "type = \"message.created\"";
    case v1::Trigger::kActivityDone:
      return "type = \"activity.done\"";
    case v1::Trigger::kQuoteAccepted:
      return "type = \"quote.accepted\"";
    default:
      return "type = \"lead.*\"";
  }
}

class DryRun {
 public:
  DryRun(const CallContext& call, const v1::DryRunRuleRequest& request, const v1::Rule& rule,
         embudo::rpc::Client& pipeline, Time now)
      : call_(call), rule_(rule), pipeline_(pipeline), now_(now) {
    end_ = request.has_end_time() ? std::min(FromTimestamp(request.end_time()), now) : now;
    start_ = request.has_start_time() ? FromTimestamp(request.start_time()) : end_ - kDefaultSpan;
    most_ = request.max_matches() == 0 ? kDefaultMatches : request.max_matches();
  }

  absl::Status Compile(db::Connection& connection) {
    const filter::Resolver resolver = storage::ResolverOf(connection, call_.tenant());
    v1::Rule rule = rule_;
    rule.set_include_imports(rule_.include_imports());
    EMBUDO_ASSIGN_OR_RETURN(logic::CompiledRule compiled, logic::Compile(rule, resolver));
    EMBUDO_RETURN_IF_ERROR(CompileBranches(resolver));
    EMBUDO_ASSIGN_OR_RETURN(const std::string zone, storage::TimeZoneOf(connection, call_.tenant()));
    zone_ = logic::ZoneOf(zone);
    if (logic::KindOf(rule_.trigger()) != TriggerKind::kLead) {
      EMBUDO_ASSIGN_OR_RETURN(condition_, filter::Filter::Compile(rule_.condition(), logic::LeadFields(), resolver));
    }
    EMBUDO_ASSIGN_OR_RETURN(auto templates, storage::StageTemplates(connection, call_.tenant()));
    std::vector<logic::CompiledRule> rules;
    rules.push_back(std::move(compiled));
    set_.emplace(std::move(rules), logic::RuleSet::Catalogue{std::move(templates), zone_});
    return absl::OkStatus();
  }

  absl::StatusOr<v1::DryRunRuleResponse> Run() {
    switch (logic::KindOf(rule_.trigger())) {
      case TriggerKind::kLead:
      case TriggerKind::kRecord:
        EMBUDO_RETURN_IF_ERROR(OverEvents());
        break;
      case TriggerKind::kMoment:
        EMBUDO_RETURN_IF_ERROR(OverMoments());
        break;
      case TriggerKind::kSchedule:
        EMBUDO_RETURN_IF_ERROR(OverSchedule());
        break;
      case TriggerKind::kCall:
        return Error(absl::StatusCode::kFailedPrecondition, "NO_HISTORY",
                     "nobody knows when another system would have called");
    }
    response_.set_lead_count(static_cast<int>(leads_.size()));
    return std::move(response_);
  }

 private:
  absl::Status CompileBranches(const filter::Resolver& resolver) {
    return logic::ForEachAction(rule_, [&](const v1::Action& action, const std::string&, int) -> absl::Status {
      if (!action.has_branch()) return absl::OkStatus();
      EMBUDO_ASSIGN_OR_RETURN(filter::Filter filter,
                              filter::Filter::Compile(action.branch().condition(), logic::LeadFields(), resolver));
      branches_.emplace(&action, std::move(filter));
      return absl::OkStatus();
    });
  }

  template <class Response>
  absl::StatusOr<Response> Call(const char* method, const google::protobuf::Message& request) {
    return pipeline_.Call<Response>(std::string("embudo.pipeline.v1.") + method, events::IdentityOf(call_.tenant()),
                                    request);
  }
  bool IsLate() {
    if (call_.TimeLeft() > kMargin) return false;
    response_.set_incomplete(true);
    return true;
  }

  absl::Status OverEvents() {
    pipeline::v1::ListEventsRequest request;
    request.set_page_size(kPage);
    request.set_filter(EventsOf(rule_.trigger()));
    *request.mutable_time() = ToTimestamp(start_);
    const bool needs_lead = logic::KindOf(rule_.trigger()) == TriggerKind::kRecord;
    while (!IsLate()) {
      EMBUDO_ASSIGN_OR_RETURN(const auto page,
                              Call<pipeline::v1::ListEventsResponse>("EventService/ListEvents", request));
      for (const Event& event : page.events()) {
        response_.set_examined_count(response_.examined_count() + 1);
        const Time time = FromTimestamp(event.time());
        if (time > end_) continue;
        if (set_->MatchEvent(event, time).empty()) continue;
        if (needs_lead) {
          EMBUDO_ASSIGN_OR_RETURN(const std::optional<Lead> lead, Get(logic::LeadOf(event)));
          if (!lead || !condition_.Matches(*lead, time)) continue;
        }
        EMBUDO_RETURN_IF_ERROR(Add(logic::LeadOf(event), event.id(), event.type(), time));
      }
      if (page.next_page_token().empty()) break;
      request.set_page_token(page.next_page_token());
    }
    return absl::OkStatus();
  }

  absl::Status OverMoments() {
    for (const logic::DueQuery& query : logic::DueQueries(rule_.trigger(), start_, end_, zone_)) {
      EMBUDO_RETURN_IF_ERROR(ForEachLead(query.filter, query.order_by, [&](const Lead& lead) -> absl::Status {
        const std::optional<Time> due = logic::DueOf(rule_.trigger(), lead, zone_);
        if (!due || *due <= start_ || *due > end_ || !condition_.Matches(lead, now_)) return absl::OkStatus();
        return Add(lead.name(), "", logic::kTimeDue, *due, &lead);
      }));
    }
    return absl::OkStatus();
  }

  absl::Status OverSchedule() {
    EMBUDO_ASSIGN_OR_RETURN(const logic::Cron cron,
                            logic::Cron::Parse(rule_.trigger().schedule().cron(), "rule.trigger.schedule.cron"));
    std::vector<Time> times;
    for (std::optional<Time> next = cron.Next(start_, zone_); next && *next <= end_ && times.size() < kMostTimes;
         next = cron.Next(*next, zone_)) {
      times.push_back(*next);
    }
    return ForEachLead(rule_.condition(), "create_time", [&](const Lead& lead) -> absl::Status {
      for (const Time time : times) EMBUDO_RETURN_IF_ERROR(Add(lead.name(), "", logic::kScheduleDue, time, &lead));
      return absl::OkStatus();
    });
  }

  template <class Use>
  absl::Status ForEachLead(const std::string& filter, const std::string& order_by, const Use& use) {
    pipeline::v1::ListLeadsRequest request;
    request.set_page_size(kPage);
    request.set_filter(filter);
    request.set_order_by(order_by);
    while (!IsLate()) {
      EMBUDO_ASSIGN_OR_RETURN(const auto page, Call<pipeline::v1::ListLeadsResponse>("LeadService/ListLeads", request));
      for (const Lead& lead : page.leads()) {
        response_.set_examined_count(response_.examined_count() + 1);
        EMBUDO_RETURN_IF_ERROR(use(lead));
      }
      if (page.next_page_token().empty()) break;
      request.set_page_token(page.next_page_token());
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<Lead>> Get(const std::string& name) {
    pipeline::v1::GetLeadRequest request;
    request.set_name(name);
    auto lead = Call<Lead>("LeadService/GetLead", request);
    if (lead.status().code() == absl::StatusCode::kNotFound) return std::optional<Lead>();
    if (!lead.ok()) return lead.status();
    return std::optional<Lead>(*std::move(lead));
  }

  absl::Status Add(const std::string& lead, const std::string& event_id, const std::string& type, Time time,
                   const Lead* record = nullptr) {
    response_.set_match_count(response_.match_count() + 1);
    leads_.insert(lead);
    if (response_.matches_size() >= most_) return absl::OkStatus();
    v1::DryRunMatch& match = *response_.add_matches();
    match.set_lead(lead);
    match.set_event_id(event_id);
    match.set_event_type(type);
    *match.mutable_event_time() = ToTimestamp(time);
    std::optional<Lead> read;
    if (record == nullptr && !branches_.empty()) {
      EMBUDO_ASSIGN_OR_RETURN(read, Get(lead));
      record = read ? &*read : nullptr;
    }
    Tell(rule_.actions(), record, match);
    return absl::OkStatus();
  }

  /// False: the run would have ended.
  bool Tell(const google::protobuf::RepeatedPtrField<v1::Action>& actions, const Lead* lead, v1::DryRunMatch& match) {
    for (const v1::Action& action : actions) {
      if (action.has_branch()) {
        const auto filter = branches_.find(&action);
        if (lead == nullptr || filter == branches_.end()) return true;
        const bool then = filter->second.Matches(*lead, now_);
        if (!Tell(then ? action.branch().then() : action.branch().else_(), lead, match)) return false;
        continue;
      }
      match.add_actions(logic::DescribeAction(action));
      if (action.has_stop()) return false;
    }
    return true;
  }

  const CallContext& call_;
  const v1::Rule& rule_;
  embudo::rpc::Client& pipeline_;
  const Time now_;
  Time start_;
  Time end_;
  int most_ = 0;
  absl::TimeZone zone_;
  filter::Filter condition_;
  std::map<const v1::Action*, filter::Filter> branches_;
  std::optional<logic::RuleSet> set_;
  std::set<std::string> leads_;
  v1::DryRunRuleResponse response_;
};

}  // namespace

absl::StatusOr<v1::DryRunRuleResponse> DryRunRule(const CallContext& call, const v1::DryRunRuleRequest& request,
                                                  const v1::Rule& rule, db::Pool& pool, embudo::rpc::Client& pipeline,
                                                  const Clock& clock) {
  DryRun run(call, request, rule, pipeline, clock.Now());
  {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool.Acquire(call.tenant(), call.deadline));
    EMBUDO_RETURN_IF_ERROR(run.Compile(*lease));
  }
  return run.Run();
}

}  // namespace embudo::automation
