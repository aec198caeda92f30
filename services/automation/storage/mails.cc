#include "services/automation/storage/mails.h"

#include <algorithm>
#include <memory>

#include "common/base/error.h"
#include "common/db/served.h"
#include "common/resource/rows.h"
#include "services/automation/storage/tables.h"

namespace embudo::automation::storage {
namespace {

using v1::Mail;

constexpr char kInsert[] =
    "INSERT INTO automation.mail SELECT * FROM unnest($1::automation.mail[]) ON CONFLICT DO NOTHING";

constexpr char kSave[] =
    "UPDATE automation.mail t SET state = r.state, message = r.message, to_addresses = r.to_addresses,"
    " cc_addresses = r.cc_addresses, internet_message_id = r.internet_message_id, domain = r.domain,"
    " attempts = r.attempts, next_attempt_time = r.next_attempt_time, error = r.error, reply_code = r.reply_code,"
    " send_time = r.send_time, slot_time = $3::timestamptz, update_time = r.update_time, revision = r.revision, "
    "version = r.version"
    " FROM unnest($1::automation.mail[]) r"
    " WHERE t.tenant_id = r.tenant_id AND t.mail_id = r.mail_id AND t.version = $2";

constexpr char kTakeSlot[] =
    "INSERT INTO automation.mail_domain AS d (tenant_id, domain, next_send_time)"
    " VALUES ($1, $2, $3::timestamptz + $4::interval) ON CONFLICT (tenant_id, domain) DO UPDATE"
    " SET next_send_time = greatest(d.next_send_time, $3::timestamptz) + $4::interval"
    " RETURNING next_send_time - $4::interval";

constexpr char kBounce[] =
    "UPDATE automation.mail m SET state = 'BOUNCED', error = b.error, update_time = $4, next_attempt_time = NULL,"
    " revision = m.revision + 1, version = m.version + 1"
    " FROM unnest($1::text[], $2::text[], $3::text[]) AS b (tenant_id, mail_id, error)"
    " WHERE m.tenant_id = b.tenant_id AND m.mail_id = b.mail_id AND m.state IN ('QUEUED', 'SENDING', 'SENT')";

constexpr char kErase[] =
    "UPDATE automation.mail SET to_addresses = '{}', cc_addresses = '{}', domain = '', error = '',"
    " revision = revision + 1, version = version + 1 WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])";

const std::string& TakeDueSql() {
  // What waits to be told is no attempt at sending.
  static const std::string sql =
      "WITH due AS MATERIALIZED (SELECT tenant_id, mail_id FROM automation.mail d WHERE next_attempt_time <= $1"
      EMBUDO_SERVED("d")
      " ORDER BY next_attempt_time LIMIT $2::int FOR UPDATE SKIP LOCKED)"
      " UPDATE automation.mail t SET"
      " state = CASE WHEN t.state IN ('QUEUED', 'SENDING') THEN 'SENDING' ELSE t.state END,"
      " attempts = CASE WHEN t.state IN ('QUEUED', 'SENDING') THEN t.attempts + 1 ELSE t.attempts END,"
      " next_attempt_time = $3, update_time = $1, revision = t.revision + 1, version = t.version + 1"
      " FROM due WHERE t.tenant_id = due.tenant_id AND t.mail_id = due.mail_id RETURNING t.tenant_id, t.slot_time, " +
      MailTable().SelectList("t");
  return sql;
}

resource::Record RecordOf(const Mail& mail, int64_t version, int64_t revision) {
  return {std::make_unique<Mail>(mail), version, revision};
}

}  // namespace

Uuid MailIdOf(const std::string& tenant, const std::string& lead, const std::string& event_id,
              const std::string& mail_template) {
  return Uuid::V5(EmbudoUuidSpace(), "mail " + tenant + " " + lead + " " + event_id + " " + mail_template);
}

absl::StatusOr<std::string> EnqueueMail(db::Connection& connection, const NewMail& mail, Time now) {
  WrittenMail row{mail.tenant, {}};
  Mail& queued = row.mail;
  queued.set_name("mails/" + mail.id.ToString());
  queued.set_state(Mail::STATE_QUEUED);
  queued.set_lead(mail.lead);
  queued.set_template_(mail.mail_template);
  queued.set_language(mail.language);
  queued.mutable_to_addresses()->Assign(mail.to_addresses.begin(), mail.to_addresses.end());
  queued.mutable_cc_addresses()->Assign(mail.cc_addresses.begin(), mail.cc_addresses.end());
  queued.set_rule(mail.rule);
  queued.set_event_id(mail.event_id);
  queued.set_depth(mail.depth);
  *queued.mutable_create_time() = *queued.mutable_update_time() = *queued.mutable_next_attempt_time() =
      ToTimestamp(now);
  EMBUDO_RETURN_IF_ERROR(InsertMails(connection, {row}));
  return queued.name();
}

absl::Status InsertMails(db::Connection& connection, const std::vector<WrittenMail>& mails) {
  if (mails.empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(resource::Rows rows, resource::Rows::For(connection, MailTable()));
  for (const WrittenMail& mail : mails) rows.Add(mail.tenant, RecordOf(mail.mail, 1, 1));
  return connection.Exec(kInsert, db::Params::Of(rows.Finish())).status();
}

absl::StatusOr<std::vector<HeldMail>> TakeDueMails(db::Connection& connection, int limit, Time now, Time lease_end) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(TakeDueSql(), db::Params::Of(now, limit, lease_end)));
  std::vector<HeldMail> taken(rows.size());
  for (int i = 0; i < rows.size(); ++i) {
    HeldMail& held = taken[i];
    held.tenant = rows[i].Text(0);
    if (!rows[i].IsNull(1)) held.slot = rows[i].TimeAt(1);
    const resource::Record record = MailTable().Read(rows[i], 2);
    held.mail = static_cast<const Mail&>(*record.message);
    held.version = record.version;
    held.revision = record.revision;
  }
  return taken;
}

absl::Status SaveMail(db::Connection& connection, HeldMail& held) {
  EMBUDO_ASSIGN_OR_RETURN(resource::Rows rows, resource::Rows::For(connection, MailTable()));
  rows.Add(held.tenant, RecordOf(held.mail, held.version + 1, held.revision + 1));
  EMBUDO_ASSIGN_OR_RETURN(const db::Result saved,
                          connection.Exec(kSave, db::Params::Of(rows.Finish(), held.version, held.slot)));
  if (saved.affected() == 0) {
    return Error(absl::StatusCode::kAborted, "MAIL_TAKEN", held.mail.name() + " was changed meanwhile");
  }
  ++held.version;
  ++held.revision;
  return absl::OkStatus();
}

absl::StatusOr<Time> TakeSlot(db::Connection& connection, const std::string& tenant, const std::string& domain,
                              Time now, std::chrono::microseconds interval) {
  const std::string text = std::to_string(interval.count()) + " microseconds";
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kTakeSlot, db::Params::Of(tenant, domain, now, text)));
  return rows[0].TimeAt(0);
}

absl::Status RecordBounces(db::Connection& connection, const std::vector<Bounce>& bounces, Time now) {
  if (bounces.empty()) return absl::OkStatus();
  std::vector<std::string> tenants;
  std::vector<std::string> ids;
  std::vector<std::string> errors;
  for (const Bounce& bounce : bounces) {
    tenants.push_back(bounce.tenant);
    ids.push_back(bounce.mail_id);
    errors.push_back(bounce.error);
  }
  return connection.Exec(kBounce, db::Params::Of(tenants, ids, errors, now)).status();
}

absl::Status EraseReceivers(db::Connection& connection, const std::string& tenant,
                            const std::vector<std::string>& lead_ids) {
  return connection.Exec(kErase, db::Params::Of(tenant, lead_ids)).status();
}

}  // namespace embudo::automation::storage
