#include "services/capture/rpc/paging.h"

#include <algorithm>
#include <charconv>

#include "common/base/error.h"
#include "common/base/ids.h"

namespace embudo::capture::rpc {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr size_t kCheckBytes = 4;

std::string Check(std::string_view place, std::string_view query) {
  const uint32_t crc = Crc32c(place, Crc32c(query));
  return {static_cast<char>(crc >> 24), static_cast<char>(crc >> 16), static_cast<char>(crc >> 8),
          static_cast<char>(crc)};
}

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    const size_t high = std::string_view(kHex).find(hex[i]);
    const size_t low = std::string_view(kHex).find(hex[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return "";
    bytes += static_cast<char>(high << 4 | low);
  }
  return bytes;
}

absl::Status NoToken() {
  return InvalidField("page_token", "is not one that this request, otherwise the same, has returned");
}

}  // namespace

int PageSize(int wanted, int otherwise, int most) { return wanted == 0 ? otherwise : std::min(wanted, most); }

std::string PageToken(std::string_view place, std::string_view query) {
  std::string token;
  for (const char byte : Check(place, query) + std::string(place)) {
    token += kHex[static_cast<unsigned char>(byte) >> 4];
    token += kHex[static_cast<unsigned char>(byte) & 15];
  }
  return token;
}

absl::StatusOr<std::string> PlaceIn(std::string_view token, std::string_view query) {
  if (token.empty()) return std::string();
  const std::string bytes = FromHex(token);
  if (bytes.size() > kCheckBytes) {
    std::string place = bytes.substr(kCheckBytes);
    if (bytes.substr(0, kCheckBytes) == Check(place, query)) return place;
  }
  return NoToken();
}

absl::StatusOr<int64_t> NumberIn(std::string_view token, std::string_view query, int64_t otherwise) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string place, PlaceIn(token, query));
  if (place.empty()) return otherwise;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(place.data(), place.data() + place.size(), number);
  if (error != std::errc() || end != place.data() + place.size() || number < 0) return NoToken();
  return number;
}

}  // namespace embudo::capture::rpc
