#include "services/reporting/rpc/verify.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "embudo/reporting/v1/reporting_service.pb.h"
#include "services/reporting/rpc/reading.h"
#include "services/reporting/storage/freshness.h"
#include "services/reporting/storage/recount.h"

namespace embudo::reporting {
namespace {

using google::protobuf::Message;
using rpc::CallContext;
using v1::VerifyReportsResponse;

constexpr int kLeadsAtOnce = 5000;
/// How often what differs is looked at again, each time when the log has been read up to where it was.
constexpr int kLooks = 5;
constexpr int kStandardDifferences = 100;
constexpr int kMostDifferences = 1000;

/// A recount under way.
struct Recount {
  int limit = kStandardDifferences;
  std::string after;
  bool facts_done = false;
  bool listed = false;
  bool told_sums = false;
  std::vector<storage::Rollup> rollups;
  size_t next_rollup = 0;
  /// By what was compared.
  std::map<std::string, VerifyReportsResponse> sums;
  int64_t differences = 0;
  int64_t count = 0;
};

void Tell(Recount& recount, const std::string& what, int64_t count, int64_t differences) {
  VerifyReportsResponse& sum = recount.sums[what];
  sum.set_compared(what);
  sum.set_count(sum.count() + count);
  sum.set_difference_count(sum.difference_count() + differences);
  recount.count += count;
  recount.differences += differences;
}

/// Waits until everything that is in the log now has been taken in.
absl::Status CatchUp(db::Connection& connection, const CallContext& call) {
  constexpr std::chrono::milliseconds kPause{10};
  // Under load there is always something that has no place yet; what is to be compared has one after a moment.
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  EMBUDO_ASSIGN_OR_RETURN(storage::LogEnd end, storage::LoadLogEnd(connection));
  while (end.waiting && std::chrono::steady_clock::now() < give_up) {
    WaitForProgress(kPause);
    EMBUDO_ASSIGN_OR_RETURN(end, storage::LoadLogEnd(connection));
  }
  while (true) {
    EMBUDO_ASSIGN_OR_RETURN(const storage::Progress progress, storage::LoadProgress(connection, kConsumer));
    const bool behind = std::any_of(progress.partitions.begin(), progress.partitions.end(), [&](const auto& partition) {
      const auto found = end.positions.find(partition.partition);
      return found != end.positions.end() && partition.position < found->second;
    });
    if (!behind && !progress.partitions.empty()) return absl::OkStatus();
    if (call.cancelled->load() || call.TimeLeft() < std::chrono::seconds(1)) {
      return Error(absl::StatusCode::kDeadlineExceeded, "NOT_CAUGHT_UP", "the log has not been read to its end");
    }
    WaitForProgress(kPause);
  }
}

/// One comparison, of one moment.
absl::StatusOr<storage::Compared> Look(db::Connection& connection, const CallContext& call,
                                       const storage::LeadRange& range, const std::set<std::string>& only) {
  EMBUDO_RETURN_IF_ERROR(connection.ExecScript("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
  auto compared = storage::CompareRange(connection, call.tenant(), range, only);
  if (!connection.broken()) connection.ExecScript("ROLLBACK").IgnoreError();
  return compared;
}

absl::Status CompareFacts(const Room& room, const CallContext& call, Recount& recount) {
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, room.worker_pool.Acquire("", call.deadline));
  EMBUDO_ASSIGN_OR_RETURN(const storage::LeadRange range,
                          storage::NextRange(*lease, call.tenant(), recount.after, kLeadsAtOnce));
  EMBUDO_ASSIGN_OR_RETURN(const storage::Compared first, Look(*lease, call, range, {}));
  storage::Compared last = first;
  for (int look = 0; look < kLooks && !last.All().empty(); ++look) {
    EMBUDO_RETURN_IF_ERROR(CatchUp(*lease, call));
    EMBUDO_ASSIGN_OR_RETURN(last, Look(*lease, call, {}, last.All()));
  }
  const auto size = [](const std::set<std::string>& set) { return static_cast<int64_t>(set.size()); };
  Tell(recount, "leads", first.leads, size(last.lead_differences));
  Tell(recount, "activities", first.activities, size(last.activity_differences));
  Tell(recount, "touches", first.touches, size(last.touch_differences));
  Tell(recount, "stays", first.stays, size(last.stay_differences));
  for (const std::string& lead : last.All()) {
    VerifyReportsResponse& sum = recount.sums["leads"];
    if (sum.differences_size() >= recount.limit) break;
    EMBUDO_ASSIGN_OR_RETURN(*sum.add_differences(), storage::Describe(*lease, call.tenant(), lead, last));
  }
  recount.after = range.last;
  recount.facts_done = range.last.empty();
  return absl::OkStatus();
}

absl::StatusOr<VerifyReportsResponse> CompareRollup(const Room& room, const CallContext& call, Recount& recount) {
  const storage::Rollup& rollup = recount.rollups[recount.next_rollup++];
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, room.worker_pool.Acquire("", call.deadline));
  EMBUDO_ASSIGN_OR_RETURN(const storage::RollupCheck check, storage::CheckRollup(*lease, rollup));
  std::string name = storage::CubeName(rollup.cube) + " by";
  for (const std::string& column : rollup.columns) name += " " + column;
  VerifyReportsResponse told;
  told.set_compared(name);
  told.set_count(check.rows);
  told.set_difference_count(static_cast<int64_t>(check.differences.size()));
  for (const std::string& text : check.differences) {
    if (told.differences_size() < recount.limit) told.add_differences(text);
  }
  recount.count += told.count();
  recount.differences += told.difference_count();
  return told;
}

}  // namespace

rpc::Step VerifySteps(const Room& room, const Message& request) {
  auto recount = std::make_shared<Recount>();
  const int wanted = static_cast<const v1::VerifyReportsRequest&>(request).max_differences();
  recount->limit = wanted == 0 ? kStandardDifferences : std::min(wanted, kMostDifferences);
  return [&room, recount](const CallContext& call) -> absl::StatusOr<std::unique_ptr<Message>> {
    while (!recount->facts_done) EMBUDO_RETURN_IF_ERROR(CompareFacts(room, call, *recount));
    if (!recount->listed) {
      EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, room.worker_pool.Acquire("", call.deadline));
      EMBUDO_ASSIGN_OR_RETURN(recount->rollups, storage::ListRollups(*lease, call.tenant()));
      recount->listed = true;
    }
    if (!recount->sums.empty()) {
      auto told = std::make_unique<VerifyReportsResponse>(recount->sums.begin()->second);
      recount->sums.erase(recount->sums.begin());
      return told;
    }
    if (recount->next_rollup < recount->rollups.size()) {
      EMBUDO_ASSIGN_OR_RETURN(VerifyReportsResponse told, CompareRollup(room, call, *recount));
      return std::make_unique<VerifyReportsResponse>(std::move(told));
    }
    if (recount->told_sums) return std::unique_ptr<Message>();
    recount->told_sums = true;
    auto told = std::make_unique<VerifyReportsResponse>();
    told->set_compared("all");
    told->set_count(recount->count);
    told->set_difference_count(recount->differences);
    told->set_done(true);
    return told;
  };
}

}  // namespace embudo::reporting
