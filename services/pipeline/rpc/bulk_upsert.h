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
#include "services/pipeline/rpc/records.h"

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
  std::function<absl::StatusOr<std::optional<resource::Change>>(const google::protobuf::Message& given)> create;
  std::function<absl::StatusOr<std::optional<resource::Change>>(const resource::Record& before,
                                                                const google::protobuf::Message& given)>
      update;
  /// Items are found by all of their external ids, and refused if these are of different records.
  bool by_every_id = false;
  /// What an item may be found by beside its external ids, as texts; may be unset. Items that share one come after each
  /// other.
  std::function<std::vector<std::string>(const google::protobuf::Message& given)> match_keys;
  /// Finds the records of those of these items that no external id finds, by index; may be unset.
  std::function<absl::StatusOr<std::map<size_t, resource::Record>>(const std::vector<size_t>& items)> match;
  /// Runs in the transaction of the changes; may be unset.
  std::function<absl::Status(db::Connection&, const std::vector<resource::Change>&)> also;
};
absl::StatusOr<std::vector<v1::BulkResult>> BulkUpsert(db::Pool& pool, resource::Writer& writer,
                                                       const embudo::rpc::CallContext& call,
                                                       const resource::Table& table,
                                                       const std::vector<const google::protobuf::Message*>& items,
                                                       const BulkRules& rules, bool validate_only);

/// A lead that an import creates, and what it makes of one that is there; nullopt if nothing differs.
absl::StatusOr<resource::Change> CreateImportedLead(Records& records, const embudo::rpc::CallContext& call,
                                                    const google::protobuf::Message& given);
absl::StatusOr<std::optional<resource::Change>> UpdateImportedLead(Records& records,
                                                                   const embudo::rpc::CallContext& call,
                                                                   const resource::Record& before,
                                                                   const google::protobuf::Message& given);
/// Enters what the items that were not refused name as source, medium and campaign in the catalogue.
absl::Status SeeUtmOfWritten(Records& records, const embudo::rpc::CallContext& call,
                             const std::vector<const google::protobuf::Message*>& items,
                             const std::vector<v1::BulkResult>& results);
/// The event that tells of a lead's change, by what it changed.
type::v1::EventType EventOfUpdate(const type::v1::Lead& before, const type::v1::Lead& after);

/// Copies the fields that are set in `given` over `record`; maps by key.
void Overlay(const google::protobuf::Message& given, google::protobuf::Message* record);

}  // namespace embudo::pipeline::rpc
