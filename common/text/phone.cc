#include "common/text/phone.h"

#include <phonenumbers/phonenumberutil.h>

#include <algorithm>
#include <optional>

#include "common/text/unicode.h"

namespace embudo::text {
namespace {

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

constexpr size_t kMinKeyDigits = 5;

/// The text as it is kept where it is no number: what is kept is read again in the same way.
std::optional<PhoneNumber> Parse(std::string_view text, std::string_view region) {
  PhoneNumber number;
  const std::string country = region.empty() ? "ZZ" : std::string(region);
  if (PhoneNumberUtil::GetInstance()->Parse(FoldWhitespace(text), country, &number) !=
      PhoneNumberUtil::NO_PARSING_ERROR) {
    return std::nullopt;
  }
  return number;
}

std::string Format(const PhoneNumber& number) {
  std::string out;
  PhoneNumberUtil::GetInstance()->Format(number, PhoneNumberUtil::E164, &out);
  return out;
}

/// The form that stays as it is when it is read: of a number that begins with zeros, each reading may drop one.
std::string E164(const PhoneNumber& number) {
  std::string out = Format(number);
  for (auto read = Parse(out, ""); read && Format(*read) != out; read = Parse(out, "")) out = Format(*read);
  return out;
}

}  // namespace

std::string NormalisePhone(std::string_view text, std::string_view region) {
  const auto number = Parse(text, region);
  if (!number || !PhoneNumberUtil::GetInstance()->IsPossibleNumber(*number)) return FoldWhitespace(text);
  return number->has_extension() ? E164(*number) + ";ext=" + number->extension() : E164(*number);
}

PhoneQuality QualityOfPhone(std::string_view text, std::string_view region) {
  if (FoldWhitespace(text).empty()) return PhoneQuality::kNone;
  const auto number = Parse(text, region);
  if (!number || !PhoneNumberUtil::GetInstance()->IsPossibleNumber(*number)) return PhoneQuality::kBad;
  return PhoneNumberUtil::GetInstance()->IsValidNumber(*number) ? PhoneQuality::kValid : PhoneQuality::kPossible;
}

std::string PhoneMatchKey(std::string_view text, std::string_view region) {
  const auto number = Parse(text, region);
  if (number && PhoneNumberUtil::GetInstance()->IsPossibleNumber(*number)) return E164(*number);
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits), [](char c) { return c >= '0' && c <= '9'; });
  return digits.size() < kMinKeyDigits ? "" : digits;
}

std::string CallingCode(std::string_view region) {
  const int code = PhoneNumberUtil::GetInstance()->GetCountryCodeForRegion(std::string(region));
  return code == 0 ? "" : std::to_string(code);
}

}  // namespace embudo::text
