#include "services/pipeline/rpc/import_fields.h"

#include "common/base/error.h"
#include "common/base/ids.h"
#include "embudo/pipeline/v1/catalog_service.pb.h"

namespace embudo::pipeline::rpc {

using type::v1::CustomField;

absl::Status DefineImportedFields(Records& records, const embudo::rpc::CallContext& call, CustomField::Target target,
                                  const std::vector<const logic::CustomValues*>& values) {
  if (call.identity.origin != type::v1::ORIGIN_IMPORT) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const auto catalog, records.catalogs().Get(call.tenant(), call.deadline));
  const auto& defined = target == CustomField::TARGET_CONTACT ? catalog->contact_fields : catalog->lead_fields;
  for (const CustomField& missing : logic::MissingFields(defined, target, values)) {
    auto field = std::make_unique<CustomField>(missing);
    field->set_name("customFields/" + Uuid::V7(records.clock().Now()).ToString());
    auto change = records.custom_fields().NewChange(call, std::move(field), v1::GetCustomFieldRequest());
    const absl::Status status = change.ok()
                                    ? records.writer().Write(call.tenant(), *std::move(change), call.deadline).status()
                                    : change.status();
    // Another batch of the import has made it at the same moment.
    if (status.code() == absl::StatusCode::kAlreadyExists) {
      records.catalogs().Forget(call.tenant());
    } else if (!status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace embudo::pipeline::rpc
