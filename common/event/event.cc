#include "common/event/event.h"

#include <array>
#include <map>

#include "common/base/ids.h"

namespace embudo::event {
namespace {

std::string MakeText(const std::string& name) {
  static constexpr std::string_view kPrefix = "EVENT_TYPE_";
  std::string text = name.substr(kPrefix.size());
  for (char& c : text) c = c == '_' ? '_' : static_cast<char>(c - 'A' + 'a');
  // Resources of two words come first, so that `lost_reason` is not taken for a resource `lost`.
  size_t dot = text.find('_');
  for (const std::string_view resource : {"lost_reason_", "custom_field_", "exchange_rate_", "activity_type_",
                                          "activity_plan_", "utm_source_", "utm_medium_"}) {
    if (text.starts_with(resource)) dot = resource.size() - 1;
  }
  text[dot] = '.';
  return text;
}

struct Texts {
  std::map<int, std::string> by_number;
  std::map<std::string, int, std::less<>> by_text;
  Texts() {
    const auto* descriptor = type::v1::EventType_descriptor();
    for (int i = 0; i < descriptor->value_count(); ++i) {
      if (descriptor->value(i)->number() == 0) continue;
      const std::string text = MakeText(descriptor->value(i)->name());
      by_number[descriptor->value(i)->number()] = text;
      by_text[text] = descriptor->value(i)->number();
    }
  }
};

const Texts& AllTexts() {
  static const Texts texts;
  return texts;
}

}  // namespace

std::string TypeText(type::v1::EventType type) {
  const auto found = AllTexts().by_number.find(type);
  return found == AllTexts().by_number.end() ? "" : found->second;
}

type::v1::EventType TypeOf(std::string_view text) {
  const auto found = AllTexts().by_text.find(text);
  return found == AllTexts().by_text.end() ? type::v1::EVENT_TYPE_UNSPECIFIED
                                           : static_cast<type::v1::EventType>(found->second);
}

uint32_t HashOf(std::string_view tenant, std::string_view partition_key) {
  uint32_t crc = Crc32c(tenant);
  if (const auto id = Uuid::Parse(partition_key)) {
    crc = Crc32c({reinterpret_cast<const char*>(id->bytes.data()), id->bytes.size()}, crc);
  } else {
    crc = Crc32c(partition_key, crc);
  }
  return crc;
}

bool ParseStored(std::string_view bytes, int partition, int64_t position, type::v1::Event* event) {
  if (!event->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return false;
  event->set_partition(partition);
  event->set_position(position);
  return true;
}

}  // namespace embudo::event
