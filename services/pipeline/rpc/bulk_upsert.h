#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/resource/resource.h"
#include "embudo/pipeline/v1/bulk.pb.h"

namespace embudo::pipeline::rpc {

/// Records found by external ids, as {system, id} → record; those that are not there are missing. Deleted ones count.
using ExternalKey = std::pair<std::string, std::string>;
absl::StatusOr<std::map<ExternalKey, resource::Record>> FindByExternalIds(db::Pool& pool,
                                                                          const embudo::rpc::CallContext& call,
                                                                          const resource::Table& table,
                                                                          const std::vector<ExternalKey>& keys);

/// The frame of the bulk methods: each item is found by its first external id, built by `create` or `update` into a
/// change (nullopt: nothing differs), and written, all together first and one by one if that fails.
struct BulkRules {
  std::function<absl::StatusOr<resource::Change>(const google::protobuf::Message& given)> create;
  std::function<absl::StatusOr<std::optional<resource::Change>>(const resource::Record& before,
                                                                const google::protobuf::Message& given)>
      update;
};
absl::StatusOr<std::vector<v1::BulkResult>> BulkUpsert(db::Pool& pool, resource::Writer& writer,
                                                       const embudo::rpc::CallContext& call,
                                                       const resource::Table& table,
                                                       const std::vector<const google::protobuf::Message*>& items,
                                                       const BulkRules& rules, bool validate_only);

/// Copies the fields that are set in `given` over `record`; maps by key.
void Overlay(const google::protobuf::Message& given, google::protobuf::Message* record);

}  // namespace embudo::pipeline::rpc
