#include "common/text/name.h"

#include <unicode/locid.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "common/text/email.h"
#include "common/text/unicode.h"

namespace embudo::text {
namespace {

// Legal forms as MatchKey writes them, longest first so that "co kg" goes as a whole.
constexpr auto kLegalForms = std::to_array<std::string_view>({
    "gmbh co kg",
    "gmbh and co kg",
    "sociedad anonima",
    "incorporated",
    "corporation",
    "societe anonyme",
    "aktiengesellschaft",
    "limited",
    "company",
    "s a r l",
    "s de r l",
    "s p a",
    "s r l",
    "sp z o o",
    "pty ltd",
    "pvt ltd",
    "co ltd",
    "s a s",
    "s a",
    "s l",
    "l l c",
    "l l p",
    "e k",
    "b v",
    "n v",
    "a s",
    "corp",
    "gmbh",
    "sarl",
    "spa",
    "srl",
    "inc",
    "ltd",
    "llc",
    "llp",
    "plc",
    "pty",
    "pvt",
    "kgaa",
    "kg",
    "ohg",
    "ag",
    "ab",
    "asa",
    "aps",
    "oyj",
    "oy",
    "bv",
    "nv",
    "sas",
    "sa",
    "se",
    "co",
    "lp",
    "kk",
    "ltda",
});

constexpr auto kHonorifics =
    std::to_array<std::string_view>({"mr", "mrs", "ms", "miss", "dr", "prof", "sir", "herr", "frau"});

/// Cuts `word` off the end if a space stands before it.
bool TakeLastWords(std::string& text, std::string_view words) {
  if (text.size() < words.size() + 2) return false;
  const size_t at = text.size() - words.size();
  if (text[at - 1] != ' ' || std::string_view(text).substr(at) != words) return false;
  text.resize(at - 1);
  return true;
}

using CountryNames = std::unordered_map<std::string, std::string>;

void AddIcuCountries(CountryNames& names) {
  for (const char* const* code = icu::Locale::getISOCountries(); *code != nullptr; ++code) {
    const icu::Locale locale("", *code);
    icu::UnicodeString name;
    locale.getDisplayCountry(icu::Locale::getEnglish(), name);
    std::string utf8;
    name.toUTF8String(utf8);
    names.emplace(MatchKey(utf8), *code);
    names.emplace(MatchKey(*code), *code);
    names.emplace(MatchKey(locale.getISO3Country()), *code);
  }
}

// Other English names, as ISO 3166-1 or wide use has them.
constexpr auto kOtherCountryNames = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"united states of america", "US"},
    {"u s", "US"},
    {"u s a", "US"},
    {"uk", "GB"},
    {"u k", "GB"},
    {"great britain", "GB"},
    {"the netherlands", "NL"},
    {"holland", "NL"},
    {"czech republic", "CZ"},
    {"russian federation", "RU"},
    {"korea republic of", "KR"},
    {"republic of korea", "KR"},
    {"viet nam", "VN"},
    {"turkey", "TR"},
    {"ivory coast", "CI"},
    {"uae", "AE"},
    {"hong kong", "HK"},
    {"macau", "MO"},
    {"swaziland", "SZ"},
    {"burma", "MM"},
    {"cape verde", "CV"},
    {"macedonia", "MK"},
    {"bosnia and herzegovina", "BA"},
});

const CountryNames& Countries() {
  static const CountryNames* const countries = [] {
    auto* names = new CountryNames();
    AddIcuCountries(*names);
    for (const auto& [name, code] : kOtherCountryNames) names->emplace(name, code);
    return names;
  }();
  return *countries;
}

}  // namespace

std::string CompanyKey(std::string_view name) {
  std::string key = MatchKey(name);
  const auto take = [&key](std::string_view form) { return TakeLastWords(key, form); };
  while (std::any_of(kLegalForms.begin(), kLegalForms.end(), take)) {
  }
  return key;
}

std::string PersonKey(std::string_view name) {
  std::string ordered(name);
  const size_t comma = name.find(',');
  if (comma != std::string_view::npos && name.find(',', comma + 1) == std::string_view::npos) {
    ordered = std::string(name.substr(comma + 1)) + " " + std::string(name.substr(0, comma));
  }
  std::string key = MatchKey(ordered);
  for (const std::string_view title : kHonorifics) {
    if (key.size() > title.size() + 1 && key.compare(0, title.size(), title) == 0 && key[title.size()] == ' ') {
      key.erase(0, title.size() + 1);
    }
  }
  return key;
}

std::string WebsiteDomain(std::string_view website) {
  std::string text = FoldWhitespace(website);
  const size_t scheme = text.find("://");
  if (scheme != std::string::npos) text.erase(0, scheme + 3);
  text.resize(std::min(text.find_first_of("/?#"), text.size()));
  text.erase(0, text.rfind('@') + 1);
  text.resize(std::min(text.find(':'), text.size()));
  if (!text.empty() && text.back() == '.') text.pop_back();
  std::string domain = NormaliseDomain(text);
  while (domain.starts_with("www.")) domain.erase(0, 4);
  return domain.find('.') == std::string::npos ? "" : domain;
}

std::string NormaliseCountry(std::string_view text) {
  const auto found = Countries().find(MatchKey(text));
  return found == Countries().end() ? FoldWhitespace(text) : found->second;
}

}  // namespace embudo::text
