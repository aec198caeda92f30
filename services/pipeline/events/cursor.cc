#include "services/pipeline/events/cursor.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include "absl/strings/escaping.h"
#include "common/base/error.h"
#include "common/event/event.h"

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

absl::Status Invalid(std::string_view why) {
  return Error(absl::StatusCode::kInvalidArgument, "INVALID_CURSOR", "start.cursor: " + std::string(why))
      .Field("start.cursor", why);
}

}  // namespace

std::string CursorCodec::Mac(std::string_view tenant, std::string_view body) const {
  const std::string input = std::string(tenant) + '\0' + std::string(body);
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), reinterpret_cast<const unsigned char*>(input.data()),
       input.size(), mac, &size);
  return {reinterpret_cast<const char*>(mac), kMacBytes};
}

std::string CursorCodec::Encode(std::string_view tenant, const Positions& positions) const {
  std::string body;
  AppendVarint(body, event::kEpoch);
  for (int partition = 0; partition < event::kPartitions; ++partition) {
    const auto found = positions.find(partition);
    AppendVarint(body, found == positions.end() ? 0 : static_cast<uint64_t>(found->second));
  }
  return absl::WebSafeBase64Escape(Mac(tenant, body) + body);
}

absl::StatusOr<Positions> CursorCodec::Decode(std::string_view tenant, const std::string& cursor) const {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(cursor, &bytes) || bytes.size() < kMacBytes) return Invalid("is no cursor");
  std::string_view body = std::string_view(bytes).substr(kMacBytes);
  const std::string mac = Mac(tenant, body);
  if (CRYPTO_memcmp(mac.data(), bytes.data(), kMacBytes) != 0) return Invalid("was not made for this tenant");
  uint64_t epoch = 0;
  if (!ReadVarint(body, &epoch) || epoch != event::kEpoch) return Invalid("is of another epoch");
  Positions positions;
  for (int partition = 0; partition < event::kPartitions; ++partition) {
    uint64_t position = 0;
    if (!ReadVarint(body, &position)) return Invalid("is cut short");
    positions[partition] = static_cast<int64_t>(position);
  }
  return positions;
}

}  // namespace embudo::pipeline::events
