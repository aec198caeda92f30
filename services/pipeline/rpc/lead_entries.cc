#include "services/pipeline/rpc/lead_entries.h"

#include <memory>
#include <utility>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/resource/mask.h"
#include "embudo/pipeline/v1/touch_service.pb.h"
#include "services/pipeline/logic/message_rules.h"
#include "services/pipeline/logic/utm_rules.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using resource::Change;

/// What only the service sets of a record under the lead.
template <class Record>
std::unique_ptr<Record> Under(Records& records, const std::string& name, const Record& given) {
  auto record = std::make_unique<Record>(given);
  resource::ClearOutputOnly(record.get());
  record->set_name(name);
  *record->mutable_create_time() = ToTimestamp(records.clock().Now());
  return record;
}

}  // namespace

std::string CanonicalId(const std::string& uuid) { return Uuid::Parse(uuid)->ToString(); }

Change NewTouch(Records& records, const CallContext& call, const std::string& lead, const std::string& id,
                const type::v1::Touch& given) {
  auto touch = Under(records, lead + "/touches/" + CanonicalId(id), given);
  logic::PrepareTouch(*touch);
  return records.touches().NewPreparedChange(call, std::move(touch), v1::GetTouchRequest());
}

absl::StatusOr<std::optional<Change>> NewEntry(Records& records, const CallContext& call, const std::string& lead,
                                               const std::string& id, const type::v1::Message& given) {
  if (given.attachments_size() > 0) {
    return InvalidField("message.attachments", "what comes with a touch has none");
  }
  EMBUDO_RETURN_IF_ERROR(logic::CheckMayCreate(given, /*service=*/true));
  auto message = Under(records, lead + "/messages/" + CanonicalId(id), given);
  EMBUDO_RETURN_IF_ERROR(
      records.WithScene(call, [&](const logic::Scene& scene) { return logic::PrepareNew(scene, *message); }));
  const absl::Status known = records.CheckNewMail(call, *message);
  if (known.code() == absl::StatusCode::kAlreadyExists) return std::optional<Change>();
  EMBUDO_RETURN_IF_ERROR(known);
  return records.messages().NewPreparedChange(call, std::move(message), v1::GetTouchRequest());
}

}  // namespace embudo::pipeline::rpc
