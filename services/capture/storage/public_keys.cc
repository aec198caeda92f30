#include "services/capture/storage/public_keys.h"

#include <openssl/rand.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "common/db/served.h"

namespace embudo::capture::storage {
namespace {

using db::Params;

constexpr size_t kKeyBytes = 16;

/// The live row with that key; the tenant is its last column.
std::string SelectByKey(const resource::Table& table) {
  return "SELECT " + table.SelectList("t") + ", t.tenant_id FROM " + table.name() +
         " t WHERE t.key = $1 AND t.delete_time IS NULL AND NOT t.disabled" EMBUDO_SERVED("t") " LIMIT 1";
}

template <class Record>
absl::StatusOr<std::optional<Record>> FindNamed(db::Pool& pool, const resource::Table& table, const std::string& tenant,
                                                const std::string& name, db::Deadline deadline) {
  const std::string sql = "SELECT " + table.SelectList("t") + " FROM " + table.name() +
                          " t WHERE t.tenant_id = $1 AND t." + table.key_columns().back() +
                          " = $2 AND t.delete_time IS NULL";
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool, tenant, deadline, sql, Params::Of(tenant, IdOf(name))));
  if (rows.empty()) return std::optional<Record>();
  return std::optional<Record>(static_cast<const Record&>(*table.Read(rows[0]).message));
}

}  // namespace

const resource::Table& FormTable() {
  static const resource::Table table(v1::Form::descriptor(), "capture.form");
  return table;
}

const resource::Table& HookTable() {
  static const resource::Table table(v1::Hook::descriptor(), "capture.hook");
  return table;
}

bool IsPublicKey(std::string_view text) {
  return text.size() == 2 * kKeyBytes && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string NewPublicKey() {
  std::string bytes(kKeyBytes, '\0');
  RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  return absl::BytesToHexString(bytes);
}

absl::StatusOr<std::optional<KeyedForm>> FindForm(db::Pool& pool, const std::string& key, db::Deadline deadline) {
  static const std::string sql = SelectByKey(FormTable());
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool, "", deadline, sql, Params::Of(key)));
  if (rows.empty()) return std::nullopt;
  const resource::Record record = FormTable().Read(rows[0]);
  const auto last = static_cast<int>(FormTable().columns().size()) + 2;
  return KeyedForm{std::string(rows[0].Text(last)), static_cast<const v1::Form&>(*record.message)};
}

absl::StatusOr<std::optional<KeyedHook>> FindHook(db::Pool& pool, const std::string& key, Time now,
                                                  db::Deadline deadline) {
  static const std::string sql = SelectByKey(HookTable());
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool, "", deadline, sql, Params::Of(key)));
  if (rows.empty()) return std::nullopt;
  const resource::Record record = HookTable().Read(rows[0]);
  const auto last = static_cast<int>(HookTable().columns().size()) + 2;
  KeyedHook keyed{std::string(rows[0].Text(last)), static_cast<const v1::Hook&>(*record.message), {}};
  EMBUDO_ASSIGN_OR_RETURN(const db::Result secrets,
                          db::Exec(pool, "", deadline,
                                   "SELECT secret FROM capture.hook_secret WHERE tenant_id = $1 AND hook_id = $2"
                                   " AND (expire_time IS NULL OR expire_time > $3::timestamptz)"
                                   " ORDER BY create_time DESC",
                                   Params::Of(keyed.tenant, IdOf(keyed.hook.name()), now)));
  for (int i = 0; i < secrets.size(); ++i) keyed.secrets.emplace_back(secrets[i].Bytes(0));
  return keyed;
}

absl::StatusOr<std::optional<v1::Form>> FindFormNamed(db::Pool& pool, const std::string& tenant,
                                                      const std::string& name, db::Deadline deadline) {
  return FindNamed<v1::Form>(pool, FormTable(), tenant, name, deadline);
}

absl::StatusOr<std::optional<v1::Hook>> FindHookNamed(db::Pool& pool, const std::string& tenant,
                                                      const std::string& name, db::Deadline deadline) {
  return FindNamed<v1::Hook>(pool, HookTable(), tenant, name, deadline);
}

absl::StatusOr<DuplicateRules> SourceRules(db::Pool& pool, const std::string& tenant, const v1::Payload& payload,
                                           db::Deadline deadline) {
  if (payload.has_web_form() && !payload.web_form().form().empty()) {
    EMBUDO_ASSIGN_OR_RETURN(const auto form, FindFormNamed(pool, tenant, payload.web_form().form(), deadline));
    if (form) return form->duplicate_rules();
  } else if (payload.has_webhook() && !payload.webhook().hook().empty()) {
    EMBUDO_ASSIGN_OR_RETURN(const auto hook, FindHookNamed(pool, tenant, payload.webhook().hook(), deadline));
    if (hook) return hook->duplicate_rules();
  }
  return DuplicateRules();
}

absl::StatusOr<bool> PutHookSecret(db::Connection& connection, const std::string& tenant, const std::string& hook,
                                   const std::string& secret, Time now, Time previous_end) {
  // Of those before, the last is good for a while yet; older ones are gone.
  EMBUDO_RETURN_IF_ERROR(connection
                             .Exec("DELETE FROM capture.hook_secret WHERE tenant_id = $1 AND hook_id = $2"
                                   " AND expire_time IS NOT NULL",
                                   Params::Of(tenant, hook))
                             .status());
  EMBUDO_ASSIGN_OR_RETURN(const db::Result before,
                          connection.Exec("UPDATE capture.hook_secret SET expire_time = $3::timestamptz"
                                          " WHERE tenant_id = $1 AND hook_id = $2",
                                          Params::Of(tenant, hook, previous_end)));
  EMBUDO_RETURN_IF_ERROR(connection
                             .Exec("INSERT INTO capture.hook_secret (tenant_id, hook_id, secret, create_time)"
                                   " VALUES ($1, $2, $3::bytea, $4::timestamptz)",
                                   Params::Of(tenant, hook).AddBytes(secret).Add(now))
                             .status());
  return before.affected() > 0;
}

absl::StatusOr<std::vector<std::string>> HookSecrets(db::Connection& connection, const std::string& tenant,
                                                     const std::string& hook) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec("SELECT secret FROM capture.hook_secret WHERE tenant_id = $1 AND hook_id = $2",
                      Params::Of(tenant, hook)));
  std::vector<std::string> secrets;
  for (int i = 0; i < rows.size(); ++i) secrets.push_back(rows[i].Bytes(0));
  return secrets;
}

absl::StatusOr<std::string> FindKept(db::Pool& pool, const std::string& tenant, const std::string& request_id,
                                     db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool, tenant, deadline,
               // Whatever commit is last makes sure of those before it, and this one waits for the disk.
               "UPDATE capture.submission SET reason = reason WHERE tenant_id = $1 AND request_id = $2::uuid"
               " RETURNING submission_id",
               Params::Of(tenant, request_id)));
  return rows.empty() ? std::string() : std::string(rows[0].Text(0));
}

absl::StatusOr<bool> IsServed(db::Pool& pool, const std::string& tenant, db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result closed,
      db::Exec(pool, "", deadline, "SELECT FROM pipeline.tenant_closed WHERE tenant_id = $1", Params::Of(tenant)));
  return closed.empty();
}

}  // namespace embudo::capture::storage
