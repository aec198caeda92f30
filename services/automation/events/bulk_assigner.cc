#include "services/automation/events/bulk_assigner.h"

#include <algorithm>
#include <future>
#include <map>
#include <set>
#include <utility>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/log/log.h"
#include "embudo/pipeline/v1/lead_assignment_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "services/automation/logic/rule.h"
#include "services/automation/logic/working_hours.h"
#include "services/automation/storage/assignments.h"
#include "services/automation/storage/rules.h"

namespace embudo::automation::events {
namespace {

using storage::Operation;
using type::v1::Lead;
using v1::AssignLeadsRequest;
using v1::AssignLeadsSummary;
using v1::AssignmentDecision;

constexpr std::chrono::milliseconds kPoll{500};
constexpr std::chrono::seconds kDailyPoll{2};
constexpr std::chrono::seconds kLease{60};
constexpr std::chrono::seconds kStatementTimeout{30};
constexpr std::chrono::seconds kCallTimeout{30};
constexpr int kPageSize = 1000;
/// Of one run; the next takes the others.
constexpr size_t kMostCandidates = 100000;
constexpr size_t kChunk = 500;
/// Chunks that are given at once: while one is written, the next is planned.
constexpr size_t kChunksAtOnce = 2;

constexpr char kListLeads[] = "embudo.pipeline.v1.LeadService/ListLeads";
constexpr char kCountOwnerLeads[] = "embudo.pipeline.v1.LeadAssignmentService/CountOwnerLeads";
constexpr char kBulkAssign[] = "embudo.pipeline.v1.LeadAssignmentService/BulkAssignLeads";

rpc::Identity Self(const std::string& tenant) {
  rpc::Identity identity;
  identity.tenant = tenant;
  identity.actor = "services/automation";
  identity.roles = {type::v1::ROLE_SERVICE};
  identity.origin = type::v1::ORIGIN_AUTOMATION;
  return identity;
}

absl::StatusOr<std::optional<filter::Filter>> CompileOrNone(const std::string& text, const filter::Resolver& resolver) {
  if (text.empty()) return std::nullopt;
  auto filter = filter::Filter::Compile(text, logic::LeadFields(), resolver, "filter");
  if (!filter.ok()) return filter.status();
  return std::optional<filter::Filter>(*std::move(filter));
}

/// What a plan reads of a lead.
std::set<std::string> FieldsOf(const std::vector<logic::BulkTeam>& teams) {
  std::set<std::string> fields = {"team", "email", "probability"};
  const auto add = [&fields](const std::optional<filter::Filter>& filter) {
    if (!filter) return;
    for (const std::string& path : filter->fields()) fields.insert(path.substr(0, path.find('.')));
  };
  for (const logic::BulkTeam& team : teams) {
    add(team.filter);
    for (const logic::BulkMember& member : team.members) add(member.filter);
  }
  return fields;
}

}  // namespace

void BulkAssigner::Start() {
  thread_ = std::thread([this] { Run(); });
}

void BulkAssigner::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void BulkAssigner::Wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

bool BulkAssigner::Stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void BulkAssigner::Run() {
  while (!Stopping()) {
    const absl::StatusOr<bool> worked = Work();
    if (!worked.ok()) log::Warning("automation: bulk assignment waits", {{"why", MessageOf(worked.status())}});
    if (worked.ok() && *worked) continue;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPoll, [&] { return stopping_ || woken_; });
    woken_ = false;
  }
}

absl::StatusOr<bool> BulkAssigner::Work() {
  const auto now = std::chrono::steady_clock::now();
  const bool daily = now >= next_daily_look_;
  if (daily) next_daily_look_ = now + kDailyPoll;
  std::optional<Operation> operation;
  const auto take = [&](db::Connection& connection) -> absl::Status {
    if (daily) EMBUDO_RETURN_IF_ERROR(storage::StartDailyRuns(connection, clock_.Now()));
    EMBUDO_ASSIGN_OR_RETURN(operation, storage::TakeOperation(connection, clock_.Now(), kLease));
    return absl::OkStatus();
  };
  EMBUDO_RETURN_IF_ERROR(db::RunInTx(pool_, "", db::After(kStatementTimeout), take));
  if (!operation) return false;
  const absl::Status done = CarryOut(*operation);
  // It is taken up again, here or elsewhere, when the lease is over.
  if (!done.ok() && (Stopping() || done.code() == absl::StatusCode::kUnavailable)) return done;
  EMBUDO_RETURN_IF_ERROR(End(*operation, done));
  return true;
}

absl::Status BulkAssigner::End(Operation& operation, const absl::Status& why) {
  operation.end_time = clock_.Now();
  if (why.ok()) {
    operation.state = "SUCCEEDED";
  } else {
    operation.state = why.code() == absl::StatusCode::kCancelled ? "CANCELLED" : "FAILED";
    operation.error = ToRpcStatus(why).SerializeAsString();
    operation.response.reset();
  }
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
  return storage::EndOperation(*lease, operation);
}

absl::Status BulkAssigner::CarryOut(Operation& operation) {
  std::vector<Lead> leads;
  EMBUDO_ASSIGN_OR_RETURN(logic::BulkPlan plan, Plan(operation.tenant, operation.request, leads));
  operation.total = static_cast<int64_t>(plan.assignments.size());
  operation.done = 0;
  AssignLeadsSummary& summary = operation.response.emplace(std::move(plan.summary));
  for (size_t at = 0; at < plan.assignments.size();) {
    {
      EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
      EMBUDO_ASSIGN_OR_RETURN(const bool stop, storage::KeepOperation(*lease, operation, clock_.Now(), kLease));
      if (stop) return Error(absl::StatusCode::kCancelled, "CANCELLED", "it was cancelled").ToStatus();
    }
    if (Stopping()) return absl::UnavailableError("the service stops");
    std::vector<std::future<absl::StatusOr<Given>>> chunks;
    for (size_t i = 0; i < kChunksAtOnce && at < plan.assignments.size(); ++i) {
      const size_t count = std::min(kChunk, plan.assignments.size() - at);
      chunks.push_back(std::async(std::launch::async, [this, &operation, begin = plan.assignments.data() + at, count] {
        return Give(operation, begin, count);
      }));
      at += count;
    }
    absl::Status status;
    for (auto& chunk : chunks) {
      const absl::StatusOr<Given> given = chunk.get();
      if (given.ok()) {
        Count(*given, operation, summary);
      } else {
        status = given.status();
      }
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void BulkAssigner::Count(const Given& given, Operation& operation, AssignLeadsSummary& summary) {
  summary.set_assigned(summary.assigned() - given.refused - given.overtaken);
  summary.set_left(summary.left() + given.refused);
  summary.set_overtaken(summary.overtaken() + given.overtaken);
  operation.done += given.count;
}

absl::StatusOr<BulkAssigner::Given> BulkAssigner::Give(const Operation& operation, const logic::BulkAssignment* begin,
                                                       size_t count) {
  const Time now = clock_.Now();
  std::vector<AssignmentDecision> decisions;
  pipeline::v1::BulkAssignLeadsRequest request;
  std::map<std::string, std::string> names;
  for (const logic::BulkAssignment* each = begin; each != begin + count; ++each) {
    AssignmentDecision& decision = decisions.emplace_back();
    decision.set_name("assignmentDecisions/" + Uuid::V7(now).ToString());
    decision.set_lead(each->lead->name());
    decision.set_owner(each->owner);
    decision.set_team(each->team);
    decision.set_strategy("BULK");
    decision.set_reason(each->reason);
    decision.set_cause("operations/" + operation.id);
    decision.set_state(AssignmentDecision::STATE_DECIDED);
    *decision.mutable_create_time() = ToTimestamp(now);
    names[each->lead->name()] = decision.name();
    auto& assignment = *request.add_assignments();
    assignment.set_lead(each->lead->name());
    assignment.set_owner(each->owner);
    assignment.set_team(each->team);
  }
  {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
    EMBUDO_RETURN_IF_ERROR(storage::InsertDecisions(*lease, operation.tenant, decisions));
  }
  EMBUDO_ASSIGN_OR_RETURN(const auto given, pipeline_.Call<pipeline::v1::BulkAssignLeadsResponse>(
                                                kBulkAssign, Self(operation.tenant), request, kCallTimeout));
  std::vector<std::string> dropped;
  for (const auto* leads : {&given.overtaken_leads(), &given.refused_leads()}) {
    for (const std::string& lead : *leads) {
      dropped.push_back(names[lead]);
      names.erase(lead);
    }
  }
  std::vector<std::string> done;
  for (const auto& [lead, decision] : names) done.push_back(decision);
  const auto settle = [&](db::Connection& connection) -> absl::Status {
    EMBUDO_RETURN_IF_ERROR(
        storage::SettleDecisions(connection, operation.tenant, done, AssignmentDecision::STATE_DONE));
    return storage::SettleDecisions(connection, operation.tenant, dropped, AssignmentDecision::STATE_DROPPED);
  };
  EMBUDO_RETURN_IF_ERROR(db::RunInTx(pool_, "", db::After(kStatementTimeout), settle));
  return Given{.count = static_cast<int64_t>(count),
               .refused = given.refused_leads_size(),
               .overtaken = given.overtaken_leads_size()};
}

absl::StatusOr<logic::BulkPlan> BulkAssigner::Plan(const std::string& tenant, const AssignLeadsRequest& request,
                                                   std::vector<Lead>& leads) {
  EMBUDO_ASSIGN_OR_RETURN(std::vector<logic::BulkTeam> teams, Teams(tenant, request));
  EMBUDO_RETURN_IF_ERROR(FindCandidates(tenant, request, FieldsOf(teams), leads));
  return logic::PlanBulk(leads, std::move(teams), request.seed(), clock_.Now());
}

absl::StatusOr<std::vector<logic::BulkTeam>> BulkAssigner::Teams(const std::string& tenant,
                                                                 const AssignLeadsRequest& request) {
  std::map<std::string, std::vector<logic::Member>> members;
  v1::AssignmentSettings settings;
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
  EMBUDO_ASSIGN_OR_RETURN(members, storage::GetMembers(*lease, tenant));
  EMBUDO_ASSIGN_OR_RETURN(settings, storage::GetAssignmentSettings(*lease, tenant));
  const filter::Resolver resolver = storage::ResolverOf(*lease, tenant);
  std::map<std::string, const v1::AssignmentSettings::TeamShare*> shares;
  for (const auto& share : settings.teams()) shares[share.team()] = &share;
  const std::set<std::string> wanted(request.teams().begin(), request.teams().end());
  std::vector<logic::BulkTeam> teams;
  for (const auto& [name, of_team] : members) {
    if (!wanted.empty() && !wanted.contains(name)) continue;
    const auto share = shares.find(name);
    if (share != shares.end() && share->second->paused()) continue;
    logic::BulkTeam& team = teams.emplace_back();
    team.name = name;
    if (share != shares.end()) {
      EMBUDO_ASSIGN_OR_RETURN(team.filter, CompileOrNone(share->second->filter(), resolver));
    }
    pipeline::v1::CountOwnerLeadsRequest count;
    count.set_team(name);
    for (const logic::Member& member : of_team) count.add_owners(member.user);
    EMBUDO_ASSIGN_OR_RETURN(const auto counted, pipeline_.Call<pipeline::v1::CountOwnerLeadsResponse>(
                                                    kCountOwnerLeads, Self(tenant), count, kCallTimeout));
    std::map<std::string, std::pair<int, int>> loads;
    for (const auto& load : counted.loads()) loads[load.owner()] = {load.day_count(), load.month_count()};
    for (const logic::Member& member : of_team) {
      if (member.paused || member.disabled) continue;
      if (request.working_hours() && !logic::IsAtWork(settings, member.time_zone, clock_.Now())) continue;
      auto filter = CompileOrNone(member.assignment_filter, resolver);
      // A filter that does not compile matches nothing.
      if (!filter.ok()) continue;
      const auto [day, month] = loads[member.user];
      const int quota = logic::QuotaOf(member.capacity, day, month, request.full_capacity());
      team.capacity += member.capacity;
      team.members.push_back({member.user, quota, *std::move(filter)});
    }
  }
  return teams;
}

absl::Status BulkAssigner::FindCandidates(const std::string& tenant, const AssignLeadsRequest& request,
                                          const std::set<std::string>& fields, std::vector<Lead>& leads) {
  pipeline::v1::ListLeadsRequest list;
  list.mutable_read_mask()->mutable_paths()->Assign(fields.begin(), fields.end());
  std::string filter = "NOT is_set(owner) AND state = OPEN AND NOT archived";
  if (!request.filter().empty()) filter += " AND (" + request.filter() + ")";
  list.set_filter(filter);
  list.set_order_by("priority desc, create_time desc");
  list.set_page_size(kPageSize);
  do {
    EMBUDO_ASSIGN_OR_RETURN(
        auto page, pipeline_.Call<pipeline::v1::ListLeadsResponse>(kListLeads, Self(tenant), list, kCallTimeout));
    for (Lead& lead : *page.mutable_leads()) leads.push_back(std::move(lead));
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty() && leads.size() < kMostCandidates);
  return absl::OkStatus();
}

}  // namespace embudo::automation::events
