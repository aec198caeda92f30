#include "services/pipeline/events/maintenance.h"

#include <openssl/rand.h>

#include <utility>

#include "common/base/error.h"
#include "common/log/log.h"
#include "services/pipeline/events/places.h"

namespace embudo::pipeline::events {
namespace {

constexpr std::chrono::seconds kStatement{60};
constexpr std::chrono::hours kInterval{1};
constexpr std::chrono::hours kRequestLife{24};
/// Of ids that services make of what led to a call (UUIDv5): as long as events are kept as a rule, and so as long as a
/// run may be taken up again.
constexpr std::chrono::hours kOwnRequestLife{24 * 35};
constexpr int kDaysAhead = 7;
constexpr std::chrono::days kDeliveryLife{7};
/// Leads that are removed in one transaction.
constexpr int kPurgeBatch = 100;

/// Deleted leads whose time is over, and those that they have taken in: their names lead nowhere any more.
constexpr char kDoomed[] =
    "WITH RECURSIVE due AS MATERIALIZED ("
    "SELECT tenant_id, lead_id FROM pipeline.lead l WHERE purge_time <= $1 AND NOT EXISTS (SELECT FROM"
    " pipeline.\"order\" o WHERE o.tenant_id = l.tenant_id AND o.lead_id = l.lead_id) ORDER BY purge_time"
    " LIMIT $2::int FOR UPDATE OF l SKIP LOCKED),"
    " doomed AS (SELECT tenant_id, lead_id FROM due UNION SELECT m.tenant_id, m.lead_id FROM pipeline.lead m"
    " JOIN doomed d ON m.tenant_id = d.tenant_id AND m.merged_into_id = d.lead_id)"
    " SELECT tenant_id, array_agg(lead_id) FROM doomed GROUP BY tenant_id";
/// What goes with a lead, in an order that the foreign keys allow; $1 is the tenant, $2 the leads.
constexpr const char* kPurges[] = {
    "DELETE FROM pipeline.attachment_content c USING pipeline.attachment a WHERE a.tenant_id = $1 AND a.lead_id ="
    " ANY($2::uuid[]) AND c.tenant_id = $1 AND c.attachment_id = a.attachment_id",
    "DELETE FROM pipeline.quote_document c USING pipeline.quote q WHERE q.tenant_id = $1 AND q.lead_id ="
    " ANY($2::uuid[]) AND c.tenant_id = $1 AND c.quote_id = q.quote_id",
    "DELETE FROM pipeline.attachment WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])",
    "DELETE FROM pipeline.message WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])",
    "DELETE FROM pipeline.activity WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])",
    "DELETE FROM pipeline.approval WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])",
    "DELETE FROM pipeline.notification WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])",
    "DELETE FROM pipeline.quote WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])",
    "DELETE FROM pipeline.lead_external_id WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])",
    "DELETE FROM pipeline.lead_history WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])",
    "DELETE FROM pipeline.lead WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])"};

}  // namespace

Maintenance::Maintenance(std::string postgres, const Clock& clock)
    : Chore("maintenance", kInterval, [this] { return RunOnce(); }), pool_(std::move(postgres), 1), clock_(clock) {}

Maintenance::~Maintenance() { Stop(); }

std::shared_ptr<const CursorCodec> Maintenance::cursors() {
  const std::lock_guard lock(mutex_);
  return cursors_;
}

absl::Status Maintenance::RunOnce() {
  const Day today = std::chrono::floor<std::chrono::days>(clock_.Now());
  const auto day = [](Day date) { return FormatDate(ToDate(date)); };
  EMBUDO_RETURN_IF_ERROR(
      db::Exec(pool_, "", db::After(kStatement), "SELECT pipeline.ensure_event_partitions($1::date, $2::date)",
               db::Params::Of(day(today - std::chrono::days(1)), day(today + std::chrono::days(kDaysAhead))))
          .status());
  EMBUDO_RETURN_IF_ERROR(db::Exec(pool_, "", db::After(kStatement),
                                  "DELETE FROM pipeline.request WHERE create_time < $1"
                                  " AND (substr(request_id::text, 15, 1) <> '5' OR create_time < $2)",
                                  db::Params::Of(clock_.Now() - kRequestLife, clock_.Now() - kOwnRequestLife))
                             .status());
  EMBUDO_RETURN_IF_ERROR(ReadKey());
  EMBUDO_RETURN_IF_ERROR(DropOldDays(today));
  EMBUDO_RETURN_IF_ERROR(db::Exec(pool_, "", db::After(kStatement),
                                  "DELETE FROM pipeline.push_delivery WHERE time < $1",
                                  db::Params::Of(clock_.Now() - kDeliveryLife))
                             .status());
  return PurgeLeads();
}

absl::Status Maintenance::DropOldDays(Day today) {
  // A day goes when the tenant that keeps its events longest does not keep them any more.
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result kept,
      db::Exec(pool_, "", db::After(kStatement),
               "SELECT coalesce(max(CASE event_retention_days WHEN 0 THEN $1::int ELSE event_retention_days END),"
               " $1::int) FROM pipeline.tenant",
               db::Params::Of(kStandardRetention)));
  const Day first = today - std::chrono::days(kept[0].Int(0));
  return db::Exec(pool_, "", db::After(kStatement), "SELECT pipeline.drop_event_partitions($1::date)",
                  db::Params::Of(FormatDate(ToDate(first))))
      .status();
}

absl::Status Maintenance::ReadKey() {
  unsigned char fresh[32];
  RAND_bytes(fresh, sizeof fresh);
  EMBUDO_RETURN_IF_ERROR(
      db::Exec(pool_, "", db::After(kStatement),
               "INSERT INTO pipeline.setting (key, value) VALUES ('cursor_key', $1) ON CONFLICT DO NOTHING",
               db::Params().AddBytes({reinterpret_cast<const char*>(fresh), sizeof fresh}))
          .status());
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result key,
      db::Exec(pool_, "", db::After(kStatement), "SELECT value FROM pipeline.setting WHERE key = 'cursor_key'", {}));
  const std::lock_guard lock(mutex_);
  cursors_ = std::make_shared<CursorCodec>(key[0].Bytes(0));
  return absl::OkStatus();
}

absl::Status Maintenance::PurgeLeads() {
  int purged = 0;
  const auto purge = [&](db::Connection& tx) -> absl::Status {
    purged = 0;
    EMBUDO_ASSIGN_OR_RETURN(const db::Result doomed, tx.Exec(kDoomed, db::Params::Of(clock_.Now(), kPurgeBatch)));
    for (int i = 0; i < doomed.size(); ++i) {
      const std::vector<std::string> leads = doomed[i].TextArray(1);
      for (const char* statement : kPurges) {
        EMBUDO_RETURN_IF_ERROR(tx.Exec(statement, db::Params::Of(std::string(doomed[i].Text(0)), leads)).status());
      }
      purged += static_cast<int>(leads.size());
    }
    return absl::OkStatus();
  };
  do {
    EMBUDO_RETURN_IF_ERROR(db::RunInTx(pool_, "", db::After(kStatement), purge));
  } while (purged > 0);
  return absl::OkStatus();
}

}  // namespace embudo::pipeline::events
