#include "services/automation/logic/payload.h"

#include <google/protobuf/util/json_util.h>

#include <nlohmann/json.hpp>

#include "common/base/error.h"

namespace embudo::automation::logic {

absl::StatusOr<std::string> WebhookPayload(const std::string& tenant, const v1::Run& run, const Uuid& id,
                                           const type::v1::Lead& lead, Time now) {
  std::string lead_json;
  if (!google::protobuf::util::MessageToJsonString(lead, &lead_json).ok())
    return Internal("a lead without a JSON form");
  const nlohmann::json out = {{"specversion", "1.0"},
                              {"id", id.ToString()},
                              {"source", "/tenants/" + tenant},
                              {"type", "rule.fired"},
                              {"subject", run.lead()},
                              {"time", FormatTime(now)},
                              {"datacontenttype", "application/json"},
                              {"data",
                               {{"rule", run.rule()},
                                {"ruleVersion", run.rule_version()},
                                {"run", run.name()},
                                {"eventId", run.event_id()},
                                {"eventType", run.event_type()},
                                {"eventTime", FormatTime(FromTimestamp(run.event_time()))},
                                {"lead", nlohmann::json::parse(lead_json, nullptr, false)}}}};
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace embudo::automation::logic
