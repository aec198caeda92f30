#include "services/capture/logic/hook_capture.h"

#include "common/base/error.h"
#include "services/capture/logic/field_map.h"
#include "services/capture/logic/json_path.h"
#include "services/capture/logic/policy.h"

namespace embudo::capture::logic {
namespace {

using v1::Hook;
using v1::HookSignature;
using v1::Submission;

bool IsHeaderName(std::string_view name) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && kMarks.find(c) == std::string_view::npos) return false;
  }
  return !name.empty();
}

Capturing Reject(Capturing capturing, std::string reason) {
  capturing.outcome = Submission::OUTCOME_REJECTED;
  capturing.reason = std::move(reason);
  return capturing;
}

}  // namespace

Capturing CaptureHook(const Hook& hook, std::string_view body) {
  Capturing capturing;
  v1::WebhookCall& payload = *capturing.request.mutable_payload()->mutable_webhook();
  payload.set_hook(hook.name());
  const auto document = ParseJson(body);
  if (!document.ok()) return Reject(std::move(capturing), "the body " + MessageOf(document.status()));
  const auto map = FieldMap::Compile(hook.fields(), "hook.fields");
  if (!map.ok()) return Reject(std::move(capturing), MessageOf(map.status()));
  Mapped mapped = map->Map([&](const v1::FieldMapping& mapping) {
    const auto path = JsonPath::Parse(mapping.source());
    return path.ok() ? path->Texts(*document) : std::vector<std::string>();
  });
  for (auto& [field, text] : mapped.texts) (*payload.mutable_fields())[field] = std::move(text);
  *capturing.request.mutable_lead() = std::move(mapped.lead);
  *capturing.request.mutable_touch() = std::move(mapped.touch);
  FillDefaults(hook, capturing.request);
  if (mapped.rejected.empty()) return capturing;
  return Reject(std::move(capturing), mapped.rejected);
}

std::string DeliveryIdOf(const Hook& hook, std::string_view header, std::string_view body) {
  if (!hook.delivery_id_header().empty() && !header.empty()) return std::string(header);
  if (hook.delivery_id_path().empty()) return "";
  const auto path = JsonPath::Parse(hook.delivery_id_path());
  const auto document = ParseJson(body);
  if (!path.ok() || !document.ok()) return "";
  const std::vector<std::string> texts = path->Texts(*document);
  return texts.empty() ? "" : texts.front();
}

absl::Status PrepareHook(Hook& hook) {
  EMBUDO_RETURN_IF_ERROR(FieldMap::Compile(hook.fields(), "hook.fields").status());
  EMBUDO_RETURN_IF_ERROR(CheckRules(hook.duplicate_rules(), "hook.duplicate_rules"));
  for (int i = 0; i < hook.fields_size(); ++i) {
    if (hook.fields(i).source().empty()) continue;
    if (const auto path = JsonPath::Parse(hook.fields(i).source()); !path.ok()) {
      return InvalidField("hook.fields[" + std::to_string(i) + "].source", MessageOf(path.status()));
    }
  }
  const HookSignature& signature = hook.signature();
  if (signature.format() == HookSignature::FORMAT_UNSPECIFIED) {
    return InvalidField("hook.signature.format", "must say how calls are signed");
  }
  if (signature.format() != HookSignature::FORMAT_NONE && !IsHeaderName(signature.header())) {
    return InvalidField("hook.signature.header", "is no name of a header");
  }
  if (!hook.delivery_id_header().empty() && !IsHeaderName(hook.delivery_id_header())) {
    return InvalidField("hook.delivery_id_header", "is no name of a header");
  }
  if (!hook.delivery_id_path().empty()) {
    if (const auto path = JsonPath::Parse(hook.delivery_id_path()); !path.ok()) {
      return InvalidField("hook.delivery_id_path", MessageOf(path.status()));
    }
  }
  return absl::OkStatus();
}

}  // namespace embudo::capture::logic
