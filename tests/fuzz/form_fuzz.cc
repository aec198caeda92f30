#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/text/unicode.h"
#include "services/capture/logic/form_capture.h"

namespace {

using namespace embudo::capture;

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

/// The first byte says what the rest is: url-encoded, multipart or JSON. No crash, limits held, all text well-formed.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  constexpr std::string_view kTypes[] = {"application/x-www-form-urlencoded", "multipart/form-data; boundary=b",
                                         "application/json"};
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto fields = logic::ParseFormBody(kTypes[data[0] % 3], body);
  if (!fields.ok()) return 0;
  Require(fields->all().size() <= logic::FormFields::kMaxFields);
  for (const auto& [name, text] : fields->all()) {
    Require(!name.empty() && name.size() <= logic::FormFields::kMaxNameBytes);
    Require(embudo::text::IsUtf8(name) && embudo::text::IsUtf8(text));
    Require(text.find('\0') == std::string::npos);
  }
  v1::Form form;
  form.set_honeypot_field("h");
  form.set_min_fill_seconds(1);
  const logic::Capturing capturing = logic::CaptureForm(form, *fields, {std::string(body), std::string(body)});
  Require(capturing.request.payload().web_form().fields_size() <= 200);
  return 0;
}
