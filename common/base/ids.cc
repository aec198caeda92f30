#include "common/base/ids.h"

#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <mutex>

namespace embudo {
namespace {

constexpr char kHex[] = "0123456789abcdef";

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void SetVersion(Uuid& id, int version) {
  id.bytes[6] = static_cast<uint8_t>((id.bytes[6] & 0x0f) | (version << 4));
  id.bytes[8] = static_cast<uint8_t>((id.bytes[8] & 0x3f) | 0x80);
}

std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0);
    table[i] = crc;
  }
  return table;
}

/// OpenSSL's random bytes cost the more per call the fewer they are, and ids are made by the thousand.
void FillRandom(std::array<uint8_t, 16>& out) {
  thread_local std::array<uint8_t, 64 * 16> pool;
  thread_local size_t used = pool.size();
  if (used == pool.size()) {
    RAND_bytes(pool.data(), static_cast<int>(pool.size()));
    used = 0;
  }
  std::copy_n(pool.begin() + static_cast<std::ptrdiff_t>(used), out.size(), out.begin());
  used += out.size();
}

}  // namespace

std::string Uuid::ToString() const {
  std::string out;
  out.reserve(36);
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += kHex[bytes[i] >> 4];
    out += kHex[bytes[i] & 15];
  }
  return out;
}

std::optional<Uuid> Uuid::Parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  Uuid out;
  size_t at = 0;
  for (size_t i = 0; i < out.bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      if (text[at++] != '-') return std::nullopt;
    }
    const int high = HexValue(text[at++]);
    const int low = HexValue(text[at++]);
    if (high < 0 || low < 0) return std::nullopt;
    out.bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return out;
}

Uuid Uuid::V7(Time now) {
  constexpr int64_t kLargestStepBack = 60'000;
  // 48 bits of milliseconds, then a counter in the 12 bits of rand_a that keeps ids of one millisecond in order.
  static std::mutex mutex;
  static int64_t last_ms = 0;
  static uint16_t counter = 0;
  Uuid id;
  FillRandom(id.bytes);
  int64_t ms = std::chrono::floor<std::chrono::milliseconds>(now).time_since_epoch().count();
  uint16_t count = 0;
  {
    const std::lock_guard lock(mutex);
    // A clock that is set back a little does not disturb the order; one that was far ahead is not followed for ever.
    if (ms > last_ms || ms < last_ms - kLargestStepBack) {
      last_ms = ms;
      counter = 0;
    } else if (++counter == 0x1000) {
      ++last_ms;
      counter = 0;
    }
    ms = last_ms;
    count = counter;
  }
  for (int i = 0; i < 6; ++i) id.bytes[i] = static_cast<uint8_t>(ms >> (40 - 8 * i));
  id.bytes[6] = static_cast<uint8_t>(count >> 8);
  id.bytes[7] = static_cast<uint8_t>(count);
  SetVersion(id, 7);
  return id;
}

Uuid Uuid::V5(const Uuid& space, std::string_view name) {
  std::string input(reinterpret_cast<const char*>(space.bytes.data()), space.bytes.size());
  input += name;
  std::array<uint8_t, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const uint8_t*>(input.data()), input.size(), digest.data());
  Uuid id;
  std::copy_n(digest.begin(), id.bytes.size(), id.bytes.begin());
  SetVersion(id, 5);
  return id;
}

const Uuid& EmbudoUuidSpace() {
  static const Uuid space = *Uuid::Parse("5a7b2c1e-6d0f-5e3a-9c4b-8f1d2e3a4b5c");
  return space;
}

bool IsSlug(std::string_view id) {
  if (id.empty() || id.size() > 63 || id.front() == '-' || id.back() == '-') return false;
  for (const char c : id) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
  }
  return true;
}

std::string SlugOf(std::string_view display_name) {
  std::string out;
  for (const char c : display_name) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      out += c;
    } else if (c >= 'A' && c <= 'Z') {
      out += static_cast<char>(c - 'A' + 'a');
    } else if (!out.empty() && out.back() != '-') {
      out += '-';
    }
  }
  out.resize(std::min<size_t>(out.size(), 63));
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out;
}

uint32_t Crc32c(std::string_view bytes, uint32_t crc) {
  static const std::array<uint32_t, 256> table = MakeCrcTable();
  crc = ~crc;
  for (const char c : bytes) crc = (crc >> 8) ^ table[(crc ^ static_cast<uint8_t>(c)) & 0xff];
  return ~crc;
}

}  // namespace embudo
