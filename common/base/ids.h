#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace embudo {

/// A UUID (RFC 9562).
struct Uuid {
  std::array<uint8_t, 16> bytes{};

  /// Canonical text: lower case with hyphens.
  std::string ToString() const;
  /// Takes the canonical form, in either case; nothing else.
  static std::optional<Uuid> Parse(std::string_view text);
  /// Version 7: time-ordered, so that inserts stay local in an index. Ids made later in one process compare greater,
  /// unless the clock was set back by more than a minute.
  static Uuid V7(Time now);
  /// Version 5: the same for the same space and name; for ids that must be made again after a crash.
  static Uuid V5(const Uuid& space, std::string_view name);

  auto operator<=>(const Uuid&) const = default;
};

/// UUIDv5 space of everything that Embudo names itself.
const Uuid& EmbudoUuidSpace();

/// Whether `id` can be the id of a slug-named resource (stages, teams, users, tags …): 1–63 of a-z, 0-9, '-', not
/// beginning or ending with '-'.
bool IsSlug(std::string_view id);
/// A slug made of a display name ("Moses Frase" → "moses-frase"); empty if nothing of it remains.
std::string SlugOf(std::string_view display_name);

/// CRC-32C (Castagnoli) of `bytes`, going on from `crc`.
uint32_t Crc32c(std::string_view bytes, uint32_t crc = 0);

}  // namespace embudo
