#include "services/automation/storage/rule_hooks.h"

#include <openssl/rand.h>

#include "absl/strings/escaping.h"
#include "common/base/error.h"
#include "common/db/served.h"
#include "services/automation/storage/tables.h"

namespace embudo::automation::storage {
namespace {

using db::Params;

constexpr size_t kKeyBytes = 16;

}  // namespace

bool IsHookKey(std::string_view text) {
  return text.size() == 2 * kKeyBytes && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string NewHookKey() {
  std::string bytes(kKeyBytes, '\0');
  RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  return absl::BytesToHexString(bytes);
}

absl::StatusOr<std::optional<HookedRule>> FindHookedRule(db::Pool& pool, const std::string& key,
                                                         db::Deadline deadline) {
  static const std::string sql =
      "SELECT h.tenant_id, h.secret, " + RuleTable().SelectList("r") +
      " FROM automation.rule_hook h JOIN automation.rule r USING (tenant_id, rule_id)"
      " WHERE h.key = $1 AND r.enabled AND r.delete_time IS NULL" EMBUDO_SERVED("h") " LIMIT 1";
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool, "", deadline, sql, Params::Of(key)));
  if (rows.empty()) return std::optional<HookedRule>();
  HookedRule found{.tenant = std::string(rows[0].Text(0)), .secret = rows[0].Bytes(1)};
  found.rule = static_cast<const v1::Rule&>(*RuleTable().Read(rows[0], 2).message);
  if (!found.rule.trigger().has_webhook_received()) return std::optional<HookedRule>();
  return std::optional(std::move(found));
}

absl::Status PutRuleHook(db::Connection& connection, const std::string& tenant, const std::string& rule_id,
                         const RuleHook& hook, Time now) {
  return connection
      .Exec(
          "INSERT INTO automation.rule_hook (tenant_id, rule_id, key, secret, create_time)"
          " VALUES ($1, $2, $3, $4::bytea, $5::timestamptz) ON CONFLICT (tenant_id, rule_id) DO UPDATE"
          " SET key = excluded.key, secret = excluded.secret, create_time = excluded.create_time",
          Params::Of(tenant, rule_id, hook.key).AddBytes(hook.secret).Add(now))
      .status();
}

absl::StatusOr<std::optional<RuleHook>> FindRuleHook(db::Connection& connection, const std::string& tenant,
                                                     const std::string& rule_id) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec("SELECT key, secret FROM automation.rule_hook WHERE tenant_id = $1 AND rule_id = $2",
                      Params::Of(tenant, rule_id)));
  if (rows.empty()) return std::optional<RuleHook>();
  return std::optional(RuleHook{.key = std::string(rows[0].Text(0)), .secret = rows[0].Bytes(1)});
}

}  // namespace embudo::automation::storage
