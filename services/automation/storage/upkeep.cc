#include "services/automation/storage/upkeep.h"

#include "common/base/error.h"

namespace embudo::automation::storage {
namespace {

using db::Params;

constexpr std::chrono::days kRunLife{90};
constexpr std::chrono::days kDeadRunLife{400};
constexpr std::chrono::days kDeliveryLife{30};

// By the creation, for which there is an index; what is old and not over stays.
constexpr char kDeleteRuns[] =
    "DELETE FROM automation.run WHERE ctid = ANY(ARRAY(SELECT ctid FROM automation.run"
    " WHERE create_time < $1::timestamptz AND end_time < (CASE state WHEN 'DEAD' THEN $2 ELSE $1 END)::timestamptz"
    " LIMIT 5000))";
constexpr char kDeleteDeliveries[] =
    "DELETE FROM automation.webhook_delivery WHERE ctid = ANY(ARRAY(SELECT ctid FROM automation.webhook_delivery"
    " WHERE create_time < $1::timestamptz AND end_time < $1::timestamptz LIMIT 5000))";

constexpr char kBacklog[] =
    "SELECT (SELECT count(*) FROM automation.run WHERE next_attempt_time <= $1::timestamptz),"
    " (SELECT min(next_attempt_time) FROM automation.run WHERE next_attempt_time <= $1::timestamptz),"
    " (SELECT count(*) FROM automation.webhook_delivery WHERE next_attempt_time <= $1::timestamptz),"
    " m.waiting, m.oldest FROM (SELECT count(*) AS waiting, min(create_time) AS oldest FROM automation.mail"
    "  WHERE next_attempt_time IS NOT NULL AND state IN ('QUEUED', 'SENDING')) m";

}  // namespace

absl::Status DeleteOld(db::Connection& connection, Time now) {
  EMBUDO_RETURN_IF_ERROR(connection.Exec(kDeleteRuns, Params::Of(now - kRunLife, now - kDeadRunLife)).status());
  return connection.Exec(kDeleteDeliveries, Params::Of(now - kDeliveryLife)).status();
}

absl::StatusOr<Backlog> BacklogOf(db::Connection& connection, Time now) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kBacklog, Params::Of(now)));
  Backlog backlog{.runs = rows[0].Int(0), .deliveries = rows[0].Int(2), .mails = rows[0].Int(3)};
  if (!rows[0].IsNull(1)) backlog.oldest = now - rows[0].TimeAt(1);
  if (!rows[0].IsNull(4)) backlog.oldest_mail = now - rows[0].TimeAt(4);
  return backlog;
}

}  // namespace embudo::automation::storage
