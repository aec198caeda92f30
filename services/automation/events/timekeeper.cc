#include "services/automation/events/timekeeper.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/log/log.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "services/automation/events/run_context.h"
#include "services/automation/logic/cron.h"
#include "services/automation/logic/due.h"
#include "services/automation/logic/new_run.h"
#include "services/automation/logic/trigger.h"
#include "services/automation/storage/runs.h"
#include "services/automation/storage/upkeep.h"

namespace embudo::automation::events {
namespace {

using storage::HeldTimer;
using type::v1::Lead;

constexpr std::chrono::seconds kStatementTimeout{30};
constexpr std::chrono::seconds kCallTimeout{30};
constexpr std::chrono::seconds kUpkeepEvery{15};
/// Every so many upkeeps, what is old is deleted.
constexpr int kDeleteEvery = 20;
constexpr int kTimersAtOnce = 8;
/// More than these at once are bulk.
constexpr int kManyLeads = 100;
/// The language takes no more.
constexpr size_t kMaxFilter = 4000;
/// Clocks of two machines differ by less; what is found twice is run once.
constexpr std::chrono::seconds kOverlap{10};

/// Both, where that is not too long: the run asks the condition anyway.
std::string Together(const std::string& filter, const std::string& condition) {
  if (filter.empty() || condition.empty()) return filter + condition;
  std::string both = filter + " AND (" + condition + ")";
  return both.size() <= kMaxFilter ? both : filter;
}

}  // namespace

Timekeeper::Timekeeper(Options options, db::Pool& pool, rpc::Client& pipeline, const Clock& clock,
                       std::function<void()> wake, metrics::Registry& metrics)
    : options_(options), pool_(pool), pipeline_(pipeline), clock_(clock), wake_(std::move(wake)), metrics_(metrics) {}

Timekeeper::~Timekeeper() { Stop(); }

void Timekeeper::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Timekeeper::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool Timekeeper::Stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void Timekeeper::Run() {
  while (!Stopping()) {
    if (const absl::Status status = LookAfterDue(); !status.ok()) {
      log::Warning("automation: can't look for what is due", {{"why", MessageOf(status)}});
    }
    if (std::chrono::steady_clock::now() >= next_upkeep_) {
      next_upkeep_ = std::chrono::steady_clock::now() + kUpkeepEvery;
      if (const absl::Status status = Upkeep(); !status.ok()) {
        log::Warning("automation: upkeep failed", {{"why", MessageOf(status)}});
      }
    }
    std::unique_lock lock(mutex_);
    stop_.wait_for(lock, options_.poll, [&] { return stopping_; });
  }
}

absl::Status Timekeeper::LookAfterDue() {
  while (!Stopping()) {
    const Time now = clock_.Now();
    std::vector<HeldTimer> timers;
    {
      EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
      EMBUDO_ASSIGN_OR_RETURN(timers, storage::TakeTimers(*lease, kTimersAtOnce, now, now + options_.lease));
    }
    for (const HeldTimer& timer : timers) {
      const absl::Status status = LookAfter(timer);
      if (status.ok()) continue;
      // It comes again when its lease is over.
      log::Warning("automation: a rule's time was not kept",
                   {{"tenant", timer.tenant}, {"rule", timer.rule.name()}, {"why", MessageOf(status)}});
    }
    if (timers.size() < kTimersAtOnce) break;
  }
  return absl::OkStatus();
}

absl::Status Timekeeper::LookAfter(const HeldTimer& timer) {
  return logic::KindOf(timer.rule.trigger()) == logic::TriggerKind::kSchedule ? KeepSchedule(timer)
                                                                              : FindMoments(timer);
}

absl::Status Timekeeper::FindMoments(const HeldTimer& timer) {
  const v1::Trigger& trigger = timer.rule.trigger();
  const absl::TimeZone zone = logic::ZoneOf(timer.time_zone);
  const Time now = clock_.Now();
  std::optional<Time> after;
  if (timer.scanned_until) after = *timer.scanned_until - kOverlap;
  if (!logic::LooksBack(trigger)) after = std::max(after.value_or(timer.enable_time), timer.enable_time);
  for (const logic::DueQuery& query : logic::DueQueries(trigger, after, now, zone)) {
    Question question{.filter = Together(query.filter, timer.rule.condition()),
                      .order_by = query.order_by,
                      .event_type = logic::kTimeDue};
    question.due = [&](const Lead& lead) -> std::optional<Time> {
      const std::optional<Time> due = logic::DueOf(trigger, lead, zone);
      // Asked for by days where the field is one.
      if (!due || *due > now || (after && *due <= *after)) return std::nullopt;
      return due;
    };
    question.id = [&](const std::string& lead, Time due) {
      return logic::MomentId(timer.tenant, timer.rule.name(), lead, due);
    };
    EMBUDO_RETURN_IF_ERROR(MakeRuns(timer, question));
  }
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
  return storage::PutTimer(*lease, timer, now, now + logic::LookEvery(trigger));
}

absl::Status Timekeeper::KeepSchedule(const HeldTimer& timer) {
  EMBUDO_ASSIGN_OR_RETURN(const logic::Cron cron,
                          logic::Cron::Parse(timer.rule.trigger().schedule().cron(), "rule.trigger.schedule.cron"));
  const absl::TimeZone zone = logic::ZoneOf(timer.time_zone);
  const Time now = clock_.Now();
  // Of several times that nobody kept, the last counts.
  const Time from = timer.scanned_until.value_or(timer.enable_time);
  std::optional<Time> due;
  std::optional<Time> next = cron.Next(from, zone);
  constexpr int kMostMissed = 100000;
  for (int i = 0; next && *next <= now && i < kMostMissed; ++i) {
    due = next;
    next = cron.Next(*next, zone);
  }
  if (due) EMBUDO_RETURN_IF_ERROR(RunOver(timer, *due));
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
  return storage::PutTimer(*lease, timer, due.value_or(from), next.value_or(now + std::chrono::hours(24)));
}

absl::Status Timekeeper::RunOver(const HeldTimer& timer, Time due) {
  Question question{.filter = timer.rule.condition(),
                    .order_by = "create_time",
                    .event_type = logic::kScheduleDue,
                    .most = options_.schedule_leads};
  question.due = [&](const Lead&) { return std::optional(due); };
  question.id = [&](const std::string& lead, Time time) {
    return logic::MomentId(timer.tenant, timer.rule.name(), lead, time);
  };
  return MakeRuns(timer, question);
}

absl::Status Timekeeper::MakeRuns(const HeldTimer& timer, const Question& question) {
  pipeline::v1::ListLeadsRequest request;
  request.set_page_size(options_.page_size);
  request.set_filter(question.filter);
  request.set_order_by(question.order_by);
  int leads = 0;
  while (true) {
    EMBUDO_ASSIGN_OR_RETURN(const auto page, pipeline_.Call<pipeline::v1::ListLeadsResponse>(
                                                 "embudo.pipeline.v1.LeadService/ListLeads", IdentityOf(timer.tenant),
                                                 request, kCallTimeout));
    const Time now = clock_.Now();
    std::vector<storage::NewRun> runs;
    for (const Lead& lead : page.leads()) {
      const std::optional<Time> due = question.due(lead);
      if (!due) continue;
      v1::Run run =
          logic::RunForMoment(timer.rule, question.event_type, question.id(lead.name(), *due), lead.name(), *due, now);
      run.set_bulk(++leads > kManyLeads);
      if (question.most > 0 && leads > question.most) {
        run.set_state(v1::Run::STATE_DROPPED);
        run.set_error("TOO_MANY_LEADS: the schedule matches more than " + std::to_string(question.most) +
                      " leads; this one and those after it were left out");
        run.clear_next_attempt_time();
        *run.mutable_end_time() = ToTimestamp(now);
      }
      runs.push_back({timer.tenant, std::move(run), &timer.rule});
      if (question.most > 0 && leads > question.most) break;
    }
    const bool more = !page.next_page_token().empty() && !(question.most > 0 && leads > question.most) && !Stopping();
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
    EMBUDO_RETURN_IF_ERROR(storage::InsertRuns(*lease, runs));
    if (!runs.empty()) wake_();
    if (!more) break;
    EMBUDO_RETURN_IF_ERROR(storage::HoldTimer(*lease, timer, clock_.Now() + options_.lease));
    request.set_page_token(page.next_page_token());
  }
  if (Stopping()) return absl::CancelledError("the service ends");
  metrics_.Counter("embudo_automation_moments_total", "Leads found due by rules that wait for a time").Increment(leads);
  return absl::OkStatus();
}

absl::Status Timekeeper::Upkeep() {
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
  const Time now = clock_.Now();
  if (++upkeeps_ % kDeleteEvery == 1) EMBUDO_RETURN_IF_ERROR(storage::DeleteOld(*lease, now));
  EMBUDO_ASSIGN_OR_RETURN(const storage::Backlog backlog, storage::BacklogOf(*lease, now));
  metrics_.Gauge("embudo_automation_due_runs", "Runs that are due").Set(static_cast<double>(backlog.runs));
  metrics_.Gauge("embudo_automation_due_age_seconds", "How long the oldest run that is due has waited")
      .Set(std::chrono::duration<double>(backlog.oldest).count());
  metrics_.Gauge("embudo_automation_due_deliveries", "Deliveries to webhooks that are due")
      .Set(static_cast<double>(backlog.deliveries));
  metrics_.Gauge("embudo_automation_waiting_mails", "Mails that have not gone out")
      .Set(static_cast<double>(backlog.mails));
  metrics_.Gauge("embudo_automation_oldest_mail_seconds", "Age of the oldest mail that has not gone out")
      .Set(std::chrono::duration<double>(backlog.oldest_mail).count());
  return absl::OkStatus();
}

}  // namespace embudo::automation::events
