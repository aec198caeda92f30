#include "services/pipeline/storage/stage_facts.h"

#include "common/base/error.h"
#include "common/resource/table.h"

namespace embudo::pipeline::storage {
namespace {

// Three kinds in one round trip. A locking clause is not allowed at a union itself.
std::string Statement(bool lock) {
  const std::string locking = lock ? " FOR SHARE" : "";
  return "SELECT * FROM (SELECT 'activity', 'activityTypes/' || activity_type_id, '', '' FROM pipeline.activity"
         " WHERE tenant_id = $1 AND lead_id = $2::uuid AND state = 'DONE' AND done_time >= $3"
         " AND activity_type_id IS NOT NULL AND delete_time IS NULL" +
         locking +
         ") a UNION ALL SELECT * FROM (SELECT 'document', content_type, '', '' FROM pipeline.attachment"
         " WHERE tenant_id = $1 AND lead_id = $2::uuid AND delete_time IS NULL" +
         locking +
         ") d UNION ALL SELECT * FROM (SELECT 'approval', 'pipelines/' || pipeline_id || '/stages/' || stage_id,"
         " criterion, role FROM pipeline.approval"
         " WHERE tenant_id = $1 AND lead_id = $2::uuid AND state = 'APPROVED' AND decide_time >= $3"
         " AND delete_time IS NULL" +
         locking + ") p";
}

}  // namespace

absl::StatusOr<logic::StageFacts> LoadStageFacts(db::Connection& connection, const std::string& tenant,
                                                 const type::v1::Lead& lead, bool lock) {
  const std::string id = lead.name().substr(lead.name().find('/') + 1);
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec(Statement(lock), db::Params::Of(tenant, id, FromTimestamp(lead.stage_enter_time()))));
  logic::StageFacts facts;
  for (int i = 0; i < rows.size(); ++i) {
    const std::string kind(rows[i].Text(0));
    const std::string value(rows[i].Text(1));
    if (kind == "activity") {
      facts.done_types.insert(value);
    } else if (kind == "document") {
      facts.documents.insert(value);
    } else {
      const int role = resource::EnumNumber(type::v1::Role_descriptor(), rows[i].Text(3));
      facts.approvals.insert({value, std::string(rows[i].Text(2)), static_cast<type::v1::Role>(role)});
    }
  }
  return facts;
}

}  // namespace embudo::pipeline::storage
