#include "services/capture/mail/message.h"

namespace embudo::capture::mail {

std::string Address::ToString() const {
  if (name.empty()) return address;
  std::string out;
  const bool plain = name.find_first_of("\"\\<>,;:@()[]") == std::string::npos;
  if (plain) {
    out = name;
  } else {
    out = "\"";
    for (const char c : name) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out + " <" + address + ">";
}

std::string_view Mail::HeaderValue(std::string_view name) const {
  for (const Header& header : headers) {
    if (header.name == name) return header.value;
  }
  return {};
}

std::vector<std::string_view> Mail::HeaderValues(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const Header& header : headers) {
    if (header.name == name) values.push_back(header.value);
  }
  return values;
}

const Address* Mail::Sender() const {
  if (!from.empty()) return &from.front();
  return reply_to.empty() ? nullptr : &reply_to.front();
}

}  // namespace embudo::capture::mail
