#include "services/pipeline/logic/attachment_rules.h"

#include <magic.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <memory>
#include <set>

#include "common/base/error.h"

namespace embudo::pipeline::logic {
namespace {

constexpr char kUnknownType[] = "application/octet-stream";

// One a thread, since a handle serves one at a time. nullptr without libmagic's database.
magic_t Magic() {
  using Handle = std::unique_ptr<magic_set, decltype(&magic_close)>;
  thread_local const Handle handle = [] {
    Handle opened(magic_open(MAGIC_MIME_TYPE), &magic_close);
    if (opened != nullptr && magic_load(opened.get(), nullptr) != 0) opened = nullptr;
    return opened;
  }();
  return handle.get();
}

bool IsHidden(UChar32 c) {
  const bool turns_direction = (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
  return turns_direction || u_charType(c) == U_CONTROL_CHAR || c == 0x2028 || c == 0x2029;
}

}  // namespace

absl::Status CheckFileName(const std::string& name) {
  if (name.find_first_not_of(" .") == std::string::npos) return InvalidField("file_name", "names no file");
  if (name.find_first_of("/\\") != std::string::npos) return InvalidField("file_name", "holds a path");
  const auto size = static_cast<int32_t>(name.size());
  for (int32_t at = 0; at < size;) {
    UChar32 c = 0;
    U8_NEXT(reinterpret_cast<const uint8_t*>(name.data()), at, size, c);
    if (c < 0 || IsHidden(c)) return InvalidField("file_name", "holds a control character");
  }
  return absl::OkStatus();
}

std::string ContentTypeOf(std::string_view content) {
  const magic_t magic = Magic();
  const char* type = magic == nullptr ? nullptr : magic_buffer(magic, content.data(), content.size());
  return type == nullptr || *type == '\0' ? kUnknownType : type;
}

bool IsProgram(std::string_view content, const std::string& content_type) {
  static const std::set<std::string, std::less<>> kPrograms = {
      "application/x-executable",  "application/x-pie-executable",
      "application/x-sharedlib",   "application/x-object",
      "application/x-dosexec",     "application/vnd.microsoft.portable-executable",
      "application/x-msdownload",  "application/x-ms-ne-executable",
      "application/x-mach-binary", "application/x-java-applet",
      "application/x-msi",         "application/x-ms-shortcut",
      "text/x-shellscript",        "text/x-msdos-batch",
  };
  constexpr std::string_view kElf =
      "\x7F"
      "ELF";
  // Whatever libmagic makes of the rest of it.
  return content.starts_with(kElf) || content.starts_with("#!") || kPrograms.contains(content_type);
}

}  // namespace embudo::pipeline::logic
