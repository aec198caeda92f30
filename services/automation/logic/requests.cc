#include "services/automation/logic/requests.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <map>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "google/api/field_behavior.pb.h"

namespace embudo::automation::logic {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Value;
using google::protobuf::util::JsonStringToMessage;
using google::protobuf::util::MessageToJsonString;
using pipeline::v1::UpdateLeadRequest;
using type::v1::Lead;

/// Whether UpdateLead may change the field.
bool IsUpdatable(const FieldDescriptor& field) {
  if (field.name() == "etag") return false;
  const auto& behaviors = field.options().GetRepeatedExtension(google::api::field_behavior);
  return std::none_of(behaviors.begin(), behaviors.end(), [](int behavior) {
    return behavior == google::api::OUTPUT_ONLY || behavior == google::api::IMMUTABLE ||
           behavior == google::api::IDENTIFIER;
  });
}

/// Puts the value into the lead; `path` is a field, or `custom_fields.<key>`.
absl::Status SetField(const std::string& path, const Value& value, const std::string& where, Lead* lead) {
  constexpr std::string_view kCustom = "custom_fields.";
  const bool clears = value.kind_case() == Value::kNullValue;
  if (path.starts_with(kCustom) && path.size() > kCustom.size()) {
    if (!clears) (*lead->mutable_custom_fields())[path.substr(kCustom.size())] = value;
    return absl::OkStatus();
  }
  const FieldDescriptor* field = Lead::descriptor()->FindFieldByName(path);
  if (field == nullptr) return InvalidField(where, "is no field of a lead");
  if (!IsUpdatable(*field)) return InvalidField(where, "can't be changed by an update");
  if (clears) return absl::OkStatus();
  std::string json;
  if (!MessageToJsonString(value, &json).ok()) return InvalidField(where, "has no value");
  Lead parsed;
  if (!JsonStringToMessage("{\"" + path + "\":" + json + "}", &parsed).ok()) {
    return InvalidField(where, json + " is no value of this field");
  }
  lead->MergeFrom(parsed);
  return absl::OkStatus();
}

/// Sets every field, in the order of the paths: the mask is a part of what must not vary.
absl::Status SetFields(const v1::Action::UpdateFields& action, const std::string& path, UpdateLeadRequest* request) {
  const std::map<std::string, Value> sorted(action.fields().begin(), action.fields().end());
  for (const auto& [field, value] : sorted) {
    EMBUDO_RETURN_IF_ERROR(SetField(field, value, path + "[\"" + field + "\"]", request->mutable_lead()));
    request->mutable_update_mask()->add_paths(field);
  }
  return absl::OkStatus();
}

}  // namespace

Uuid RequestIdOf(std::string_view tenant, const v1::Run& run, std::string_view action) {
  std::string name("automation ");
  name.append(tenant).append(" ").append(run.rule()).append(" ").append(std::to_string(run.rule_version()));
  name.append(" ").append(run.event_id()).append(" ").append(action);
  return Uuid::V5(EmbudoUuidSpace(), name);
}

pipeline::v1::AssignLeadRequest AssignRequest(const v1::Run& run, const v1::Action::Assign& action,
                                              const v1::Assignment& assignment, const Uuid& request_id) {
  pipeline::v1::AssignLeadRequest request;
  request.set_name(run.lead());
  request.set_owner(assignment.owner());
  request.set_team(action.team());
  request.set_only_if_unowned(true);
  request.set_request_id(request_id.ToString());
  return request;
}

pipeline::v1::CreateActivityRequest ActivityRequest(const v1::Run& run, const v1::Action::CreateActivity& action,
                                                    const Uuid& request_id) {
  pipeline::v1::CreateActivityRequest request;
  request.set_parent(run.lead());
  type::v1::Activity& activity = *request.mutable_activity();
  activity.set_type(action.type());
  activity.set_summary(action.summary());
  activity.set_note(action.note());
  activity.set_assignee(action.assignee());
  *activity.mutable_due_date() = ToDate(FromDate(run.event_date()) + std::chrono::days(action.due_in_days()));
  request.set_request_id(request_id.ToString());
  return request;
}

UpdateLeadRequest PriorityRequest(const v1::Run& run, int priority, const Uuid& request_id) {
  UpdateLeadRequest request;
  request.mutable_lead()->set_name(run.lead());
  request.mutable_lead()->set_priority(priority);
  request.mutable_update_mask()->add_paths("priority");
  request.set_request_id(request_id.ToString());
  return request;
}

UpdateLeadRequest TagsRequest(const Lead& lead, const v1::Action::AddTags& action, const Uuid& request_id) {
  UpdateLeadRequest request;
  request.mutable_lead()->set_name(lead.name());
  request.mutable_lead()->set_etag(lead.etag());
  auto& tags = *request.mutable_lead()->mutable_tags();
  tags = lead.tags();
  for (const std::string& tag : action.tags()) {
    if (std::find(tags.begin(), tags.end(), tag) == tags.end()) *tags.Add() = tag;
  }
  request.mutable_update_mask()->add_paths("tags");
  request.set_request_id(request_id.ToString());
  return request;
}

pipeline::v1::MoveLeadRequest MoveRequest(const v1::Run& run, const v1::Action::MoveStage& action,
                                          const Uuid& request_id) {
  pipeline::v1::MoveLeadRequest request;
  request.set_name(run.lead());
  request.set_stage(action.stage());
  request.set_override_reason(action.override_reason());
  request.set_request_id(request_id.ToString());
  return request;
}

absl::StatusOr<UpdateLeadRequest> UpdateRequest(const v1::Run& run, const v1::Action::UpdateFields& action,
                                                const Uuid& request_id) {
  UpdateLeadRequest request;
  request.mutable_lead()->set_name(run.lead());
  EMBUDO_RETURN_IF_ERROR(SetFields(action, "fields", &request));
  request.set_request_id(request_id.ToString());
  return request;
}

absl::Status CheckUpdate(const v1::Action::UpdateFields& action, const std::string& path) {
  if (action.fields().empty()) return InvalidField(path, "must have at least one field");
  UpdateLeadRequest request;
  return SetFields(action, path, &request);
}

}  // namespace embudo::automation::logic
