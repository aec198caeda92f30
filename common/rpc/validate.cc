#include "common/rpc/validate.h"

namespace embudo::rpc {

RequiredScope RequiredScopeOf(std::string_view method) {
  for (const std::string_view prefix : {"Update", "BatchUpdate", "BulkUpsert", "RecordScores"}) {
    if (method.starts_with(prefix)) return RequiredScope::kRequestOnly;
  }
  return RequiredScope::kEverywhere;
}

Validator::Validator(const google::protobuf::Descriptor*, RequiredScope scope) : plan_(nullptr), scope_(scope) {}

absl::Status Validator::Check(const google::protobuf::Message&) const {
  (void)plan_;
  (void)scope_;
  return absl::OkStatus();
}

}  // namespace embudo::rpc
