#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/text/unicode.h"
#include "services/capture/logic/hook_capture.h"
#include "services/capture/logic/signature.h"

namespace {

using namespace embudo::capture;

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

/// The first line is a path, the second a signature's header, the rest a body: a hook that maps the path into fields of
/// every kind. No crash, and what it makes can be sent on.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t first = std::min(input.find('\n'), size);
  const size_t second = std::min(input.find('\n', std::min(first + 1, size)), size);
  const std::string path(input.substr(0, first));
  const std::string_view header = input.substr(std::min(first + 1, size), second - std::min(first + 1, second));
  const std::string_view body = input.substr(std::min(second + 1, size));
  v1::Hook hook;
  for (const char* field : {"email", "contact_name", "headcount", "budget", "decision_date", "tags", "description",
                            "custom_fields.x", "external_ids.x", "touch.source", "touch.touch_time"}) {
    auto& mapping = *hook.add_fields();
    mapping.set_source(path);
    mapping.set_field(field);
    (*mapping.mutable_values())["a"] = "tags/a";
  }
  hook.set_delivery_id_path(path);
  hook.mutable_signature()->set_format(v1::HookSignature::FORMAT_TIMESTAMPED);
  hook.mutable_signature()->set_header("X");
  Require(!logic::VerifySignature(hook.signature(), {"secret"}, header, body, embudo::Time()).ok());
  if (!logic::PrepareHook(hook).ok()) return 0;
  const logic::Capturing capturing = logic::CaptureHook(hook, body);
  logic::DeliveryIdOf(hook, header, body);
  Require(embudo::text::IsUtf8(capturing.request.lead().description()));
  Require(capturing.request.lead().contact_name().find('\0') == std::string::npos);
  std::string wire;
  Require(capturing.request.SerializeToString(&wire));
  return 0;
}
