#pragma once

#include <string>
#include <string_view>

namespace embudo::text {

/// How much a phone number is worth, as scoring asks.
enum class PhoneQuality {
  kNone,      ///< empty
  kBad,       ///< no number at all, or of an impossible length
  kPossible,  ///< a possible length, not in a range that is in use
  kValid,     ///< in a range that is in use
};

/// The number in E.164 (`+14155552671`), with `;ext=12` (RFC 3966) where it has an extension, if it parses and has a
/// possible length; otherwise as written, trimmed. `region` is the ISO 3166-1 alpha-2 code of the country that numbers
/// without country code belong to.
std::string NormalisePhone(std::string_view text, std::string_view region);
PhoneQuality QualityOfPhone(std::string_view text, std::string_view region);
/// What two spellings of one line have in common: E.164 without extension, or the digits of what does not parse. Empty
/// if fewer than five digits remain, which would match too much.
std::string PhoneMatchKey(std::string_view text, std::string_view region);
/// The digits that numbers of the region begin with in E.164 (US: 1); empty for an unknown region.
std::string CallingCode(std::string_view region);

}  // namespace embudo::text
