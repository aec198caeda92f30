#include "common/http/message.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/strings/escaping.h"

namespace embudo::http {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// The address in an element of X-Forwarded-For: some proxies write a port behind it.
std::string AddressIn(std::string_view element) {
  element = Trim(element);
  if (!element.empty() && element.front() == '[') {
    element = element.substr(1, element.find(']') - 1);
  } else if (std::count(element.begin(), element.end(), ':') == 1) {
    element = element.substr(0, element.find(':'));
  }
  std::array<uint8_t, 16> bytes{};
  const std::string text(element);
  const bool is_address =
      inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
  return is_address ? text : "";
}

}  // namespace

bool SameName(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return Lower(x) == Lower(y); });
}

std::string_view Request::Header(std::string_view name) const {
  const auto found =
      std::find_if(headers.begin(), headers.end(), [&](const auto& header) { return SameName(header.first, name); });
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

std::string PercentDecode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] == '%' && i + 2 < text.size() && HexValue(text[i + 1]) >= 0 && HexValue(text[i + 2]) >= 0) {
      out += static_cast<char>(HexValue(text[i + 1]) << 4 | HexValue(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string ClientAddress(const Request& request, int hops) {
  if (hops <= 0) return request.peer;
  std::vector<std::string_view> elements;
  for (const auto& [name, value] : request.headers) {
    if (!SameName(name, "X-Forwarded-For")) continue;
    for (std::string_view rest = value; !rest.empty();) {
      const size_t end = std::min(rest.find(','), rest.size());
      elements.push_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  if (elements.size() < static_cast<size_t>(hops)) return request.peer;
  const std::string address = AddressIn(elements[elements.size() - static_cast<size_t>(hops)]);
  return address.empty() ? request.peer : address;
}

std::string AddressGroup(const std::string& address) {
  std::array<uint8_t, 16> bytes{};
  if (inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) return address;
  const bool mapped = std::all_of(bytes.begin(), bytes.begin() + 10, [](uint8_t byte) { return byte == 0; }) &&
                      bytes[10] == 0xff && bytes[11] == 0xff;
  const size_t from = mapped ? 12 : 0;
  return absl::BytesToHexString(std::string(reinterpret_cast<const char*>(bytes.data()) + from, mapped ? 4 : 8));
}

}  // namespace embudo::http
