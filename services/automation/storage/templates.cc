#include "services/automation/storage/templates.h"

#include <memory>

#include "common/base/error.h"
#include "common/resource/rows.h"
#include "services/automation/logic/default_templates.h"
#include "services/automation/storage/tables.h"

namespace embudo::automation::storage {

absl::StatusOr<v1::MailTemplate> GetTemplate(db::Connection& connection, const std::string& tenant,
                                             const std::string& name) {
  static const std::string sql = "SELECT " + MailTemplateTable().SelectList("t") +
                                 " FROM automation.mail_template t"
                                 " WHERE tenant_id = $1 AND mail_template_id = $2 AND delete_time IS NULL";
  const auto ids = MailTemplateTable().pattern().Match(name);
  if (!ids) return NotFound("embudo.dev/MailTemplate", name);
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(sql, db::Params::Of(tenant, (*ids)[0])));
  if (rows.empty()) return NotFound("embudo.dev/MailTemplate", name);
  const resource::Record record = MailTemplateTable().Read(rows[0]);
  return static_cast<const v1::MailTemplate&>(*record.message);
}

absl::Status CheckTemplateExists(db::Connection& connection, const std::string& tenant, const std::string& name,
                                 const std::string& field) {
  const auto found = GetTemplate(connection, tenant, name);
  if (found.ok() || found.status().code() != absl::StatusCode::kNotFound) return found.status();
  return InvalidField(field, "there is no template " + (name.empty() ? "without a name" : name));
}

absl::Status SeedTemplates(db::Connection& connection, const std::string& tenant, Time now) {
  EMBUDO_ASSIGN_OR_RETURN(resource::Rows rows, resource::Rows::For(connection, MailTemplateTable()));
  for (v1::MailTemplate& each : logic::DefaultTemplates()) {
    *each.mutable_create_time() = *each.mutable_update_time() = ToTimestamp(now);
    rows.Add(tenant, {std::make_unique<v1::MailTemplate>(std::move(each)), 1, 1});
  }
  return connection
      .Exec(
          "INSERT INTO automation.mail_template SELECT * FROM unnest($1::automation.mail_template[])"
          " ON CONFLICT DO NOTHING",
          db::Params::Of(rows.Finish()))
      .status();
}

}  // namespace embudo::automation::storage
