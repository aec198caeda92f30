#include "common/event/cloud_event.h"

#include <google/protobuf/util/json_util.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/base/clock.h"
#include "common/base/error.h"

namespace embudo::event {
namespace {

/// The parts of an event that are no attributes of CloudEvents.
absl::StatusOr<std::string> DataOf(const type::v1::Event& event) {
  type::v1::Event data;
  data.set_actor(event.actor());
  data.set_origin(event.origin());
  data.set_request_id(event.request_id());
  if (event.has_cause()) *data.mutable_cause() = event.cause();
  if (event.has_data()) *data.mutable_data() = event.data();
  if (event.has_previous()) *data.mutable_previous() = event.previous();
  if (event.has_changed_fields()) *data.mutable_changed_fields() = event.changed_fields();
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(data, &json).ok()) return Internal("an event without a JSON form");
  return json;
}

}  // namespace

absl::StatusOr<std::string> ToCloudEvent(const type::v1::Event& event) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string data, DataOf(event));
  char sequence[24];
  std::snprintf(sequence, sizeof sequence, "%020lld", static_cast<long long>(event.position()));
  nlohmann::json out = {{"specversion", "1.0"},
                        {"id", event.id()},
                        {"source", "/tenants/" + event.tenant()},
                        {"type", event.type()},
                        {"subject", event.subject()},
                        {"time", FormatTime(FromTimestamp(event.time()))},
                        {"partitionkey", event.partition_key()},
                        {"sequence", sequence},
                        {"datacontenttype", "application/json"}};
  if (!event.traceparent().empty()) out["traceparent"] = event.traceparent();
  // The data is JSON already: it is put in as it is.
  std::string text = out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  text.pop_back();
  return text + ",\"data\":" + data + "}";
}

}  // namespace embudo::event
