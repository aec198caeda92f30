#include "services/reporting/rpc/rebuild.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "embudo/reporting/v1/reporting_service.pb.h"
#include "services/reporting/storage/recount.h"

namespace embudo::reporting {
namespace {

using google::protobuf::Message;
using rpc::CallContext;
using v1::RebuildReportsResponse;

/// Leads that one transaction puts right: events wait as long.
constexpr int kLeadsAtOnce = 2000;

/// A rebuild under way.
struct Rebuild {
  RebuildReportsResponse told;
  std::string after;
  bool facts_done = false;
  bool listed = false;
  std::vector<storage::Rollup> rollups;
  size_t next_rollup = 0;
};

absl::Status PutFactsRight(const Room& room, const CallContext& call, Rebuild& rebuild) {
  storage::LeadRange range;
  storage::Compared compared;
  const auto body = [&](db::Connection& connection) -> absl::Status {
    EMBUDO_RETURN_IF_ERROR(storage::HoldEvents(connection, call.tenant()));
    EMBUDO_ASSIGN_OR_RETURN(range, storage::NextRange(connection, call.tenant(), rebuild.after, kLeadsAtOnce));
    EMBUDO_ASSIGN_OR_RETURN(compared, storage::RepairRange(connection, call.tenant(), range));
    return absl::OkStatus();
  };
  EMBUDO_RETURN_IF_ERROR(db::RunInTx(room.worker_pool, "", call.deadline, body));
  rebuild.after = range.last;
  rebuild.facts_done = range.last.empty();
  RebuildReportsResponse& told = rebuild.told;
  told.set_phase(RebuildReportsResponse::PHASE_FACTS);
  told.set_leads(told.leads() + compared.leads);
  told.set_changes(told.changes() + compared.changes);
  told.set_repaired(told.repaired() + static_cast<int64_t>(compared.All().size()));
  return absl::OkStatus();
}

/// A new sum takes the old one's place when it is made; until then the old one answers.
absl::Status MakeRollup(const Room& room, const CallContext& call, Rebuild& rebuild) {
  const storage::Rollup& old = rebuild.rollups[rebuild.next_rollup++];
  EMBUDO_RETURN_IF_ERROR(storage::ReplaceRollup(room.worker_pool, old, call.deadline));
  rebuild.told.set_phase(RebuildReportsResponse::PHASE_ROLLUPS);
  rebuild.told.set_rollups(rebuild.told.rollups() + 1);
  return absl::OkStatus();
}

}  // namespace

rpc::Step RebuildSteps(const Room& room, const Message& /*request*/) {
  auto rebuild = std::make_shared<Rebuild>();
  return [&room, rebuild](const CallContext& call) -> absl::StatusOr<std::unique_ptr<Message>> {
    if (rebuild->told.phase() == RebuildReportsResponse::PHASE_DONE) return std::unique_ptr<Message>();
    if (!rebuild->facts_done) {
      EMBUDO_RETURN_IF_ERROR(PutFactsRight(room, call, *rebuild));
    } else if (!rebuild->listed) {
      EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, room.worker_pool.Acquire("", call.deadline));
      EMBUDO_ASSIGN_OR_RETURN(rebuild->rollups, storage::ListRollups(*lease, call.tenant()));
      rebuild->listed = true;
      rebuild->told.set_phase(RebuildReportsResponse::PHASE_ROLLUPS);
    } else if (rebuild->next_rollup < rebuild->rollups.size()) {
      EMBUDO_RETURN_IF_ERROR(MakeRollup(room, call, *rebuild));
    } else {
      rebuild->told.set_phase(RebuildReportsResponse::PHASE_DONE);
    }
    return std::make_unique<RebuildReportsResponse>(rebuild->told);
  };
}

}  // namespace embudo::reporting
