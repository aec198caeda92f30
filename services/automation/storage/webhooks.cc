#include "services/automation/storage/webhooks.h"

#include <set>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "common/db/served.h"

namespace embudo::automation::storage {
namespace {

using db::Params;

constexpr char kQueue[] =
    "INSERT INTO automation.webhook_delivery (tenant_id, webhook_id, delivery_id, lead_id, run_id, state, attempts,"
    " next_attempt_time, status_code, error, payload, create_time, update_time, revision, version)"
    " SELECT $1, $2, $3, $4::uuid, $5, 'PENDING', 0, $6::timestamptz, 0, '', $7, $6, $6, 1, 1"
    " ON CONFLICT DO NOTHING";

// One of a webhook that fails: the first of them all, so that what is sent to find out whether it answers again is what
// has waited longest.
constexpr char kTake[] =
    "WITH due AS MATERIALIZED (SELECT d.tenant_id, d.webhook_id, d.delivery_id FROM automation.webhook_delivery d"
    " LEFT JOIN automation.webhook_failure f USING (tenant_id, webhook_id)"
    " WHERE d.next_attempt_time <= $1::timestamptz AND (f.pause_until IS NULL OR f.pause_until <= $1::timestamptz)"
    " AND NOT (d.tenant_id || '/' || d.webhook_id = ANY($4::text[]))"
    " AND (SELECT e.seq FROM automation.webhook_delivery e WHERE e.tenant_id = d.tenant_id AND e.lead_id = d.lead_id"
    "  AND e.webhook_id = d.webhook_id AND e.seq < d.seq AND e.next_attempt_time IS NOT NULL"
    "  LIMIT 1) IS NULL" EMBUDO_SERVED("d") " ORDER BY d.next_attempt_time LIMIT $2::int FOR UPDATE OF d SKIP LOCKED)"
    " UPDATE automation.webhook_delivery t SET attempts = t.attempts + 1, next_attempt_time = $3::timestamptz,"
    " update_time = $1, revision = t.revision + 1, version = t.version + 1 FROM due, automation.webhook w"
    " LEFT JOIN automation.webhook_failure f USING (tenant_id, webhook_id)"
    " WHERE t.tenant_id = due.tenant_id AND t.webhook_id = due.webhook_id AND t.delivery_id = due.delivery_id"
    " AND w.tenant_id = t.tenant_id AND w.webhook_id = t.webhook_id"
    " RETURNING t.tenant_id, t.webhook_id, t.delivery_id, t.lead_id, t.attempts, t.create_time, t.payload, w.uri,"
    " f.since, (SELECT array_agg(encode(s.secret, 'hex') ORDER BY s.create_time DESC) FROM automation.webhook_secret s"
    "  WHERE s.tenant_id = w.tenant_id AND s.webhook_id = w.webhook_id"
    "  AND (s.expire_time IS NULL OR s.expire_time > $1::timestamptz)),"
    " w.disabled OR w.delete_time IS NOT NULL";

constexpr char kSave[] =
    "UPDATE automation.webhook_delivery SET state = $4, next_attempt_time = $5::timestamptz, status_code = $6::int,"
    " error = $7, update_time = $8::timestamptz, end_time = $9::timestamptz, revision = revision + 1,"
    " version = version + 1 WHERE tenant_id = $1 AND webhook_id = $2 AND delivery_id = $3 AND state = 'PENDING'";

constexpr char kCountFailure[] =
    "INSERT INTO automation.webhook_failure AS f (tenant_id, webhook_id, since, count, pause_until)"
    " VALUES ($1, $2, $3::timestamptz, 1, $3) ON CONFLICT (tenant_id, webhook_id) DO UPDATE SET count = f.count + 1"
    " RETURNING count";

constexpr char kDisable[] =
    "UPDATE automation.webhook SET disabled = true, disable_reason = $3, update_time = $4::timestamptz,"
    " revision = revision + 1, version = version + 1 WHERE tenant_id = $1 AND webhook_id = $2 AND NOT disabled";
constexpr char kGiveUp[] =
    "UPDATE automation.webhook_delivery SET state = 'FAILED', next_attempt_time = NULL, end_time = $4::timestamptz,"
    " update_time = $4, error = $3, revision = revision + 1, version = version + 1"
    " WHERE tenant_id = $1 AND webhook_id = $2 AND next_attempt_time IS NOT NULL";

std::string BytesOfHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

absl::Status PutBack(db::Connection& connection, const HeldDelivery& held, Time due) {
  return connection
      .Exec(
          "UPDATE automation.webhook_delivery SET attempts = attempts - 1, next_attempt_time = $4::timestamptz"
          " WHERE tenant_id = $1 AND webhook_id = $2 AND delivery_id = $3",
          Params::Of(held.key.tenant, held.key.webhook_id, held.delivery_id, due))
      .status();
}

}  // namespace

absl::StatusOr<std::string> QueueDelivery(db::Connection& connection, const std::string& tenant,
                                          const std::string& webhook, const Uuid& id, const v1::Run& run,
                                          const std::string& payload, Time now) {
  const std::string webhook_id = IdOf(webhook);
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec("SELECT disabled, delete_time IS NOT NULL FROM automation.webhook"
                                          " WHERE tenant_id = $1 AND webhook_id = $2",
                                          Params::Of(tenant, webhook_id)));
  if (rows.empty() || rows[0].Bool(1)) return std::string("there is no ") + webhook;
  if (rows[0].Bool(0)) return webhook + " is disabled";
  EMBUDO_RETURN_IF_ERROR(
      connection
          .Exec(kQueue, Params::Of(tenant, webhook_id, id.ToString(), IdOf(run.lead()), IdOf(run.name()), now, payload))
          .status());
  return std::string();
}

absl::StatusOr<std::vector<HeldDelivery>> TakeDeliveries(db::Connection& connection, int limit,
                                                         const std::vector<WebhookKey>& busy, Time now,
                                                         Time lease_end) {
  std::vector<std::string> names;
  for (const WebhookKey& key : busy) names.push_back(key.tenant + "/" + key.webhook_id);
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kTake, Params::Of(now, limit, lease_end, names)));
  std::vector<HeldDelivery> taken;
  std::set<WebhookKey> failing;
  for (int i = 0; i < rows.size(); ++i) {
    const db::Row row = rows[i];
    HeldDelivery held{.key = {std::string(row.Text(0)), std::string(row.Text(1))},
                      .delivery_id = std::string(row.Text(2)),
                      .lead = "leads/" + std::string(row.Text(3)),
                      .attempts = static_cast<int>(row.Int(4)),
                      .create_time = row.TimeAt(5),
                      .payload = std::string(row.Text(6)),
                      .uri = std::string(row.Text(7))};
    if (!row.IsNull(8)) held.failing_since = row.TimeAt(8);
    for (const std::string& secret : row.IsNull(9) ? std::vector<std::string>() : row.TextArray(9)) {
      held.secrets.push_back(BytesOfHex(secret));
    }
    if (row.Bool(10)) {
      EMBUDO_RETURN_IF_ERROR(
          SaveOutcome(connection, held, {.given_up = true, .error = "the webhook is disabled"}, now));
    } else if (held.failing_since && !failing.insert(held.key).second) {
      EMBUDO_RETURN_IF_ERROR(PutBack(connection, held, now));
    } else {
      taken.push_back(std::move(held));
    }
  }
  for (const WebhookKey& key : failing) EMBUDO_RETURN_IF_ERROR(PauseWebhook(connection, key, lease_end));
  return taken;
}

absl::Status SaveOutcome(db::Connection& connection, const HeldDelivery& held, const DeliveryOutcome& outcome,
                         Time now) {
  const bool over = outcome.arrived || outcome.given_up;
  const char* state = outcome.arrived ? "DELIVERED" : outcome.given_up ? "FAILED" : "PENDING";
  return connection
      .Exec(kSave, Params::Of(held.key.tenant, held.key.webhook_id, held.delivery_id, state,
                              over ? std::nullopt : std::optional(outcome.next), outcome.status_code, outcome.error,
                              now, over ? std::optional(now) : std::nullopt))
      .status();
}

absl::Status EndFailure(db::Connection& connection, const WebhookKey& key) {
  return connection
      .Exec("DELETE FROM automation.webhook_failure WHERE tenant_id = $1 AND webhook_id = $2",
            Params::Of(key.tenant, key.webhook_id))
      .status();
}

absl::StatusOr<int> CountFailure(db::Connection& connection, const WebhookKey& key, Time now) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec(kCountFailure, Params::Of(key.tenant, key.webhook_id, now)));
  return static_cast<int>(rows[0].Int(0));
}

absl::Status PauseWebhook(db::Connection& connection, const WebhookKey& key, Time until) {
  return connection
      .Exec(
          "UPDATE automation.webhook_failure SET pause_until = $3::timestamptz WHERE tenant_id = $1"
          " AND webhook_id = $2",
          Params::Of(key.tenant, key.webhook_id, until))
      .status();
}

absl::Status DisableWebhook(db::Connection& connection, const WebhookKey& key, const std::string& why, Time now) {
  EMBUDO_RETURN_IF_ERROR(connection.Exec(kDisable, Params::Of(key.tenant, key.webhook_id, why, now)).status());
  EMBUDO_RETURN_IF_ERROR(EndFailure(connection, key));
  return connection.Exec(kGiveUp, Params::Of(key.tenant, key.webhook_id, "the webhook was disabled: " + why, now))
      .status();
}

absl::StatusOr<bool> PutWebhookSecret(db::Connection& connection, const WebhookKey& key, const std::string& secret,
                                      Time now, Time previous_end) {
  // Of those before, the last signs on for a while; older ones are gone.
  EMBUDO_RETURN_IF_ERROR(connection
                             .Exec("DELETE FROM automation.webhook_secret WHERE tenant_id = $1 AND webhook_id = $2"
                                   " AND expire_time IS NOT NULL",
                                   Params::Of(key.tenant, key.webhook_id))
                             .status());
  EMBUDO_ASSIGN_OR_RETURN(const db::Result before,
                          connection.Exec("UPDATE automation.webhook_secret SET expire_time = $3::timestamptz"
                                          " WHERE tenant_id = $1 AND webhook_id = $2",
                                          Params::Of(key.tenant, key.webhook_id, previous_end)));
  EMBUDO_RETURN_IF_ERROR(connection
                             .Exec("INSERT INTO automation.webhook_secret (tenant_id, webhook_id, secret, create_time)"
                                   " VALUES ($1, $2, $3::bytea, $4::timestamptz)",
                                   Params::Of(key.tenant, key.webhook_id).AddBytes(secret).Add(now))
                             .status());
  return before.affected() > 0;
}

absl::StatusOr<std::vector<std::string>> WebhookSecrets(db::Connection& connection, const WebhookKey& key) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec("SELECT secret FROM automation.webhook_secret WHERE tenant_id = $1 AND webhook_id = $2",
                      Params::Of(key.tenant, key.webhook_id)));
  std::vector<std::string> secrets;
  for (int i = 0; i < rows.size(); ++i) secrets.push_back(rows[i].Bytes(0));
  return secrets;
}

}  // namespace embudo::automation::storage
