#include "services/pipeline/storage/retention_store.h"

#include "common/base/error.h"
#include "common/db/served.h"

namespace embudo::pipeline::storage {
namespace {

using v1::RetentionSettings;

constexpr std::chrono::seconds kStatement{30};

/// What keeps a lead: it is not over, or something happened with it lately, or it became a deal.
#define EMBUDO_KEEPS_LEAD                                                                                  \
  "(NOT (l.state = 'LOST' OR l.archived) OR greatest(l.update_time, l.last_touch_time) >= $2::timestamptz" \
  " OR EXISTS (SELECT FROM pipeline.quote q WHERE q.tenant_id = l.tenant_id AND q.lead_id = l.lead_id"     \
  " AND q.delete_time IS NULL))"

constexpr char kContacts[] =
    "SELECT c.contact_id FROM pipeline.contact c WHERE c.tenant_id = $1 AND c.kind = 'PERSON' AND c.delete_time IS NULL"
    " AND c.update_time < $2::timestamptz"
    " AND EXISTS (SELECT FROM pipeline.lead l WHERE l.tenant_id = $1 AND l.contact_id = c.contact_id)"
    " AND NOT EXISTS (SELECT FROM pipeline.lead l WHERE l.tenant_id = $1 AND l.contact_id = c.contact_id"
    " AND " EMBUDO_KEEPS_LEAD ") ORDER BY c.contact_id LIMIT $3::int";
// By address: another lead of it may be going on.
constexpr char kLeads[] =
    "SELECT d.lead_id, d.email FROM pipeline.lead d WHERE d.tenant_id = $1 AND d.contact_id IS NULL AND d.email <> ''"
    " AND NOT EXISTS (SELECT FROM pipeline.lead l WHERE l.tenant_id = $1 AND l.email = d.email AND " EMBUDO_KEEPS_LEAD
    ") AND NOT EXISTS (SELECT FROM pipeline.contact c WHERE c.tenant_id = $1 AND c.email = d.email)"
    " ORDER BY d.lead_id LIMIT $3::int";

}  // namespace

absl::StatusOr<RetentionSettings> ReadRetention(db::Connection& connection, const std::string& tenant) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec("SELECT lost_lead_days, submission_days, mail_days, audit_days, update_time, revision"
                      " FROM pipeline.retention_settings WHERE tenant_id = $1",
                      db::Params::Of(tenant)));
  RetentionSettings settings;
  settings.set_name("retentionSettings/default");
  settings.set_etag("0");
  if (rows.empty()) return settings;
  settings.set_lost_lead_days(static_cast<int32_t>(rows[0].Int(0)));
  settings.set_submission_days(static_cast<int32_t>(rows[0].Int(1)));
  settings.set_mail_days(static_cast<int32_t>(rows[0].Int(2)));
  settings.set_audit_days(static_cast<int32_t>(rows[0].Int(3)));
  *settings.mutable_update_time() = ToTimestamp(rows[0].TimeAt(4));
  settings.set_etag(std::to_string(rows[0].Int(5)));
  return settings;
}

absl::Status WriteRetention(db::Connection& connection, const std::string& tenant, Time now,
                            RetentionSettings* settings) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec("INSERT INTO pipeline.retention_settings AS t (tenant_id, lost_lead_days, submission_days,"
                      " mail_days, audit_days, update_time, revision) VALUES ($1, $2::int, $3::int, $4::int, $5::int,"
                      " $6, 1) ON CONFLICT (tenant_id) DO UPDATE SET lost_lead_days = excluded.lost_lead_days,"
                      " submission_days = excluded.submission_days, mail_days = excluded.mail_days,"
                      " audit_days = excluded.audit_days, update_time = excluded.update_time,"
                      " revision = t.revision + 1 RETURNING revision",
                      db::Params::Of(tenant, settings->lost_lead_days(), settings->submission_days(),
                                     settings->mail_days(), settings->audit_days(), now)));
  *settings->mutable_update_time() = ToTimestamp(now);
  settings->set_etag(std::to_string(rows[0].Int(0)));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> TenantsWithRetention(db::Pool& pool) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool, "", db::After(kStatement),
                                   "SELECT tenant_id FROM pipeline.retention_settings r"
                                   " WHERE (lost_lead_days > 0 OR audit_days > 0)" EMBUDO_SERVED("r"),
                                   {}));
  std::vector<std::string> tenants;
  for (int i = 0; i < rows.size(); ++i) tenants.emplace_back(rows[i].Text(0));
  return tenants;
}

absl::StatusOr<Forgettable> FindForgettable(db::Connection& connection, const std::string& tenant, Time before,
                                            int limit) {
  Forgettable found;
  EMBUDO_ASSIGN_OR_RETURN(const db::Result contacts, connection.Exec(kContacts, db::Params::Of(tenant, before, limit)));
  for (int i = 0; i < contacts.size(); ++i) found.contacts.emplace_back(contacts[i].Text(0));
  EMBUDO_ASSIGN_OR_RETURN(const db::Result leads, connection.Exec(kLeads, db::Params::Of(tenant, before, limit)));
  for (int i = 0; i < leads.size(); ++i) {
    found.leads.push_back({std::string(leads[i].Text(0)), std::string(leads[i].Text(1))});
  }
  return found;
}

absl::StatusOr<int64_t> DropAuditEntries(db::Pool& pool, const std::string& tenant, Time before, bool only_count,
                                         db::Deadline deadline) {
  if (only_count) {
    EMBUDO_ASSIGN_OR_RETURN(
        const db::Result rows,
        db::Exec(pool, "", deadline,
                 "SELECT count(*) FROM pipeline.audit_entry WHERE tenant_id = $1 AND create_time < $2",
                 db::Params::Of(tenant, before)));
    return rows[0].Int(0);
  }
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool, "", deadline, "DELETE FROM pipeline.audit_entry WHERE tenant_id = $1 AND create_time < $2",
               db::Params::Of(tenant, before)));
  return rows.affected();
}

}  // namespace embudo::pipeline::storage
