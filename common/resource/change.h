#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/resource/table.h"
#include "common/rpc/call_context.h"
#include "embudo/type/v1/event.pb.h"
#include "google/protobuf/message.h"

namespace embudo::resource {

/// One record's change as a value: what a write statement takes one or sixty-four of.
struct Change {
  const Table* table = nullptr;
  /// The record as it shall be. `version` and `revision` are those to write.
  Record after;
  /// The version that must still be there; 0: the record is new.
  int64_t expected_version = 0;
  /// The event that tells it; EVENT_TYPE_UNSPECIFIED: none (services whose records are not part of the log).
  type::v1::EventType event_type = type::v1::EVENT_TYPE_UNSPECIFIED;
  /// Events of one key are in order: the lead's id, or else the record's own.
  std::string partition_key;
  /// The record before, and the paths that differ; for the event.
  std::shared_ptr<const google::protobuf::Message> previous;
  std::vector<std::string> changed_fields;
  /// The caller's request_id, hash of the request, and method: a repeated one is answered with the first answer.
  std::string request_id;
  std::string request_hash;
  std::string method;
  /// What a repeated call gets; the record after the change if unset.
  std::shared_ptr<const google::protobuf::Message> answer;
  /// Rows of the resource's external ids table, {system, id}, written with a new record or when they changed.
  std::vector<std::pair<std::string, std::string>> new_external_ids;
  /// Who, for the event.
  std::string actor;
  type::v1::Origin origin = type::v1::ORIGIN_API;
  std::string traceparent;
  type::v1::Cause cause;
  Time time;
};

/// What a call tells about its changes.
struct CallInfo {
  std::string actor;
  type::v1::Origin origin = type::v1::ORIGIN_API;
  std::string traceparent;
  type::v1::Cause cause;
};
CallInfo InfoOf(const rpc::CallContext& call);

/// The paths, top-level or `custom_fields.<key>`, in which the two records differ, less name, etag, update_time and
/// what is derived.
std::vector<std::string> ChangedFields(const google::protobuf::Message& before, const google::protobuf::Message& after);

/// The event of a change, without its place in the log.
type::v1::Event EventOf(const Change& change, const std::string& tenant, const Uuid& id);

/// What is kept of an event in its record's history: the same, but of the record after the change only what changed.
type::v1::Event HistoryOf(const type::v1::Event& event);

/// Puts a record of any kind into the oneof.
void SetResource(const google::protobuf::Message& record, type::v1::Resource* resource);
/// The record in the oneof; nullptr if none is set.
const google::protobuf::Message* RecordIn(const type::v1::Resource& resource);

/// Whether the request (by its request_id field) is the one that bore `hash`: SHA-256 of method and serialised request,
/// deterministic, without request_id.
std::string HashRequest(const std::string& method, const google::protobuf::Message& request);

}  // namespace embudo::resource
