#include "services/scoring/storage/rebuild.h"

#include "common/base/error.h"
#include "services/scoring/logic/features.h"
#include "services/scoring/storage/frequencies.h"
#include "services/scoring/storage/leads.h"
#include "services/scoring/storage/rescoring.h"
#include "services/scoring/storage/tenant.h"

namespace embudo::scoring::storage {
namespace {

constexpr char kSetNext[] =
    "UPDATE scoring.config SET rebuild_due = CASE WHEN daily_rebuild THEN $2::timestamptz + interval '1 day' END"
    " WHERE tenant_id = $1";

}  // namespace

absl::StatusOr<Rebuilt> Rebuild(db::Connection& connection, const std::string& tenant, Time now) {
  EMBUDO_RETURN_IF_ERROR(LockTenant(connection, tenant, now));
  EMBUDO_ASSIGN_OR_RETURN(const Settings settings, LoadSettings(connection, tenant));
  Rebuilt rebuilt;
  logic::FrequencyTable table;
  const auto count = [&](const std::vector<type::v1::Lead>& leads) -> absl::Status {
    Contributions contributions;
    LeadIds too_old;
    for (const type::v1::Lead& lead : leads) {
      auto contribution = logic::ContributionOf(lead, settings.stages, settings.config);
      if (!contribution) {
        too_old.push_back(logic::IdOf(lead.name()));
        continue;
      }
      table.Add(*contribution);
      ++(contribution->won ? rebuilt.won : rebuilt.lost);
      contributions[logic::IdOf(lead.name())] = *std::move(contribution);
    }
    EMBUDO_RETURN_IF_ERROR(RemoveContributions(connection, tenant, too_old));
    return SaveContributions(connection, tenant, contributions);
  };
  EMBUDO_RETURN_IF_ERROR(ForEachClosed(connection, tenant, count));
  EMBUDO_RETURN_IF_ERROR(RemoveStaleContributions(connection, tenant));
  EMBUDO_RETURN_IF_ERROR(Replace(connection, tenant, table));
  EMBUDO_RETURN_IF_ERROR(connection.Exec(kSetNext, db::Params::Of(tenant, now)).status());
  rebuilt.rows = static_cast<int64_t>(table.rows().size());
  EMBUDO_ASSIGN_OR_RETURN(rebuilt.pending, AskForRescoring(connection, tenant));
  return rebuilt;
}

}  // namespace embudo::scoring::storage
