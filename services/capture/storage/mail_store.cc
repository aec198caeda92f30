#include "services/capture/storage/mail_store.h"

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "common/db/served.h"

namespace embudo::capture::storage {
namespace {

using db::Params;
using v1::Mailbox;
using v1::MailSettings;

/// The first two columns are the tenant's and the mailbox's ids.
const std::string& TakeSql() {
  static const auto* const sql = new std::string(
      "WITH due AS (SELECT tenant_id, mailbox_id FROM capture.mailbox d"
      " WHERE delete_time IS NULL AND NOT disabled AND next_poll <= $1::timestamptz AND lease_until < $1::timestamptz"
      EMBUDO_SERVED("d")
      " ORDER BY next_poll LIMIT 1 FOR UPDATE SKIP LOCKED)"
      " UPDATE capture.mailbox t SET lease_owner = $2, lease_until = $3::timestamptz FROM due"
      " WHERE t.tenant_id = due.tenant_id AND t.mailbox_id = due.mailbox_id RETURNING t.tenant_id, " +
      MailboxTable().SelectList("t"));
  return *sql;
}

}  // namespace

const resource::Table& MailboxTable() {
  static const resource::Table table(Mailbox::descriptor(), "capture.mailbox");
  return table;
}

const resource::Table& MailSettingsTable() {
  static const resource::Table table(MailSettings::descriptor(), "capture.mail_settings");
  return table;
}

absl::StatusOr<MailSettings> MailStore::Settings(const std::string& tenant, db::Deadline deadline) {
  static const std::string sql =
      "SELECT " + MailSettingsTable().SelectList("t") + " FROM capture.mail_settings t WHERE tenant_id = $1";
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool_, tenant, deadline, sql, Params::Of(tenant)));
  MailSettings settings;
  if (!rows.empty()) settings.CopyFrom(*MailSettingsTable().Read(rows[0]).message);
  settings.set_name(kMailSettings);
  if (settings.catch_all() == MailSettings::CATCH_ALL_UNSPECIFIED) {
    settings.set_catch_all(MailSettings::CATCH_ALL_NEW_LEAD);
  }
  if (settings.mailing_lists() == MailSettings::MAILING_LISTS_UNSPECIFIED) {
    settings.set_mailing_lists(MailSettings::MAILING_LISTS_IGNORE);
  }
  if (settings.inbox().empty()) settings.set_inbox("inbox");
  return settings;
}

absl::StatusOr<std::string> MailStore::TokenSecret(const std::string& tenant, db::Deadline deadline) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    EMBUDO_ASSIGN_OR_RETURN(
        const db::Result rows,
        db::Exec(pool_, tenant, deadline, "SELECT secret FROM capture.mail_secret WHERE tenant_id = $1",
                 Params::Of(tenant)));
    if (!rows.empty()) return rows[0].Bytes(0);
    EMBUDO_RETURN_IF_ERROR(db::Exec(pool_, tenant, deadline,
                                    "INSERT INTO capture.mail_secret (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING",
                                    Params::Of(tenant))
                               .status());
  }
  return Internal("mail_secret: neither found nor inserted");
}

absl::StatusOr<std::optional<MailboxJob>> MailStore::Take(const std::string& owner, Time now, Time lease_until,
                                                          db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool_, "", deadline, TakeSql(), Params::Of(now, owner, lease_until)));
  if (rows.empty()) return std::optional<MailboxJob>();
  MailboxJob job;
  job.tenant = rows[0].Text(0);
  job.mailbox.CopyFrom(*MailboxTable().Read(rows[0], 1).message);
  return std::optional<MailboxJob>(std::move(job));
}

absl::StatusOr<bool> MailStore::Hold(const MailboxJob& job, const std::string& owner, Time lease_until,
                                     db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result result,
      db::Exec(pool_, "", deadline,
               "UPDATE capture.mailbox t SET lease_until = $4::timestamptz WHERE tenant_id = $1"
               " AND mailbox_id = $2 AND lease_owner = $3 AND delete_time IS NULL AND NOT disabled" EMBUDO_SERVED("t"),
               Params::Of(job.tenant, IdOf(job.mailbox.name()), owner, lease_until)));
  return result.affected() == 1;
}

absl::Status MailStore::Release(const MailboxJob& job, const std::string& owner, Time now, const MailboxReport& report,
                                db::Deadline deadline) {
  return db::Exec(pool_, "", deadline,
                  "UPDATE capture.mailbox SET lease_owner = '', lease_until = '-infinity', state = $4, last_error = $5,"
                  " received_count = received_count + $6, last_poll_time = $7::timestamptz, next_poll = $8::timestamptz"
                  " WHERE tenant_id = $1 AND mailbox_id = $2 AND lease_owner = $3",
                  Params::Of(job.tenant, IdOf(job.mailbox.name()), owner, report.error.empty() ? "OK" : "FAILING",
                             report.error, report.received, now, report.next_poll))
      .status();
}

absl::Status MailStore::PollSoon(const std::string& tenant, const std::string& mailbox, db::Deadline deadline) {
  return db::Exec(pool_, tenant, deadline,
                  "UPDATE capture.mailbox SET next_poll = '-infinity' WHERE tenant_id = $1 AND mailbox_id = $2",
                  Params::Of(tenant, mailbox))
      .status();
}

}  // namespace embudo::capture::storage
