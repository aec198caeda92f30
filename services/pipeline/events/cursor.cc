#include "services/pipeline/events/cursor.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "common/base/error.h"
#include "common/base/sha256.h"

namespace embudo::pipeline::events {
namespace {

constexpr size_t kMacBytes = 16;

void AppendVarint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

bool ReadVarint(std::string_view& bytes, uint64_t* value) {
  *value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

absl::Status Invalid(std::string_view field, std::string_view why) {
  return Error(absl::StatusCode::kInvalidArgument, "INVALID_CURSOR", std::string(field) + ": " + std::string(why))
      .Field(std::string(field), why);
}

}  // namespace

std::string CursorCodec::Mac(std::string_view tenant, std::string_view body) const {
  const std::string input = std::string(tenant) + '\0' + std::string(body);
  return HmacSha256(key_, input).substr(0, kMacBytes);
}

std::string CursorCodec::Encode(std::string_view tenant, const Place& place) const {
  std::string body;
  AppendVarint(body, static_cast<uint64_t>(place.positions.epoch().number));
  for (const int64_t position : place.positions.values()) AppendVarint(body, static_cast<uint64_t>(position));
  if (place.snapshot_after) {
    body.append(reinterpret_cast<const char*>(place.snapshot_after->bytes.data()), place.snapshot_after->bytes.size());
  }
  return absl::WebSafeBase64Escape(Mac(tenant, body) + body);
}

absl::StatusOr<Place> CursorCodec::Decode(std::string_view tenant, const std::string& cursor, std::string_view field,
                                          const event::Epochs& epochs) const {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(cursor, &bytes) || bytes.size() < kMacBytes) return Invalid(field, "is no cursor");
  std::string_view body = std::string_view(bytes).substr(kMacBytes);
  const std::string mac = Mac(tenant, body);
  if (CRYPTO_memcmp(mac.data(), bytes.data(), kMacBytes) != 0) return Invalid(field, "was not made for this tenant");
  uint64_t number = 0;
  const bool read = ReadVarint(body, &number);
  const event::Epoch* const epoch = event::FindEpoch(epochs, static_cast<int>(number));
  if (!read || epoch == nullptr) return Invalid(field, "is of an epoch that is not known");
  Place place{Positions(*epoch), std::nullopt};
  for (int64_t& position : place.positions.values()) {
    uint64_t value = 0;
    if (!ReadVarint(body, &value)) return Invalid(field, "is cut short");
    position = static_cast<int64_t>(value);
  }
  if (body.empty()) return place;
  Uuid& lead = place.snapshot_after.emplace();
  if (body.size() != lead.bytes.size()) return Invalid(field, "is cut short");
  std::copy(body.begin(), body.end(), lead.bytes.begin());
  return place;
}

}  // namespace embudo::pipeline::events
