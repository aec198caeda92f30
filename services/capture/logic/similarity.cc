#include "services/capture/logic/similarity.h"

#include <algorithm>
#include <sstream>

#include "common/text/name.h"

namespace embudo::capture::logic {
namespace {

/// From here on names count as the same one.
constexpr double kAlike = 0.88;
/// Confidence at kAlike, and where both names are the same.
constexpr double kLeastConfidence = 0.6;
constexpr double kMostConfidence = 0.95;

/// The characters of UTF-8 text that is well-formed.
std::u32string Characters(std::string_view text) {
  std::u32string out;
  for (size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    char32_t character = length == 1 ? lead : lead & (0x7f >> length);
    for (size_t i = 1; i < length && at + i < text.size(); ++i) {
      character = character << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3f);
    }
    out.push_back(character);
    at += length;
  }
  return out;
}

double Jaro(const std::u32string& a, const std::u32string& b) {
  if (a.empty() || b.empty()) return a == b ? 1 : 0;
  const size_t longest = std::max(a.size(), b.size());
  const size_t window = longest / 2 > 0 ? longest / 2 - 1 : 0;
  std::vector<bool> taken(b.size());
  std::u32string from_a;
  for (size_t i = 0; i < a.size(); ++i) {
    const size_t end = std::min(b.size(), i + window + 1);
    for (size_t j = i > window ? i - window : 0; j < end; ++j) {
      if (taken[j] || a[i] != b[j]) continue;
      taken[j] = true;
      from_a.push_back(a[i]);
      break;
    }
  }
  if (from_a.empty()) return 0;
  size_t moved = 0;
  for (size_t j = 0, k = 0; j < b.size(); ++j) {
    if (!taken[j]) continue;
    moved += b[j] != from_a[k++] ? 1 : 0;
  }
  const auto common = static_cast<double>(from_a.size());
  const double in_order = (common - static_cast<double>(moved) / 2) / common;
  return (common / static_cast<double>(a.size()) + common / static_cast<double>(b.size()) + in_order) / 3;
}

std::vector<std::string> WordsOf(const std::string& key) {
  std::istringstream words(key);
  std::vector<std::string> out;
  for (std::string word; words >> word;) out.push_back(word);
  return out;
}

std::string Join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += word;
  return out;
}

bool IsInitialOf(const std::string& initial, const std::string& word) {
  return initial.size() == 1 && word.size() > 1 && initial[0] == word[0];
}

/// Whether the persons have the same family name, and one has an initial of the other's first name.
bool SameButForInitial(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  if (a.size() < 2 || b.size() < 2 || a.back() != b.back()) return false;
  return IsInitialOf(a.front(), b.front()) || IsInitialOf(b.front(), a.front());
}

/// The first character and the consonants after it, none twice in a row, `most` of them.
std::string Skeleton(std::string_view text, size_t most) {
  constexpr std::string_view kVowels = "aeiouyhw";
  std::string out;
  size_t characters = 0;
  for (size_t at = 0; at < text.size() && characters < most;) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const size_t length = std::min(text.size() - at, size_t{lead < 0x80u   ? 1u
                                                            : lead < 0xe0u ? 2u
                                                            : lead < 0xf0u ? 3u
                                                                           : 4u});
    const std::string_view character = text.substr(at, length);
    at += length;
    const bool vowel = length == 1 && kVowels.find(character) != std::string_view::npos;
    const bool repeated = out.size() >= length && std::string_view(out).substr(out.size() - length) == character;
    if (!out.empty() && (vowel || repeated)) continue;
    out += character;
    ++characters;
  }
  return out;
}

}  // namespace

double JaroWinkler(std::string_view a, std::string_view b) {
  const std::u32string x = Characters(a);
  const std::u32string y = Characters(b);
  const double jaro = Jaro(x, y);
  size_t prefix = 0;
  while (prefix < std::min({x.size(), y.size(), size_t{4}}) && x[prefix] == y[prefix]) ++prefix;
  return jaro + static_cast<double>(prefix) * 0.1 * (1 - jaro);
}

double CompanySimilarity(std::string_view a, std::string_view b) {
  const std::vector<std::string> x = WordsOf(text::CompanyKey(a));
  const std::vector<std::string> y = WordsOf(text::CompanyKey(b));
  if (x.empty() || y.empty()) return 0;
  return JaroWinkler(Join(x), Join(y));
}

double PersonSimilarity(std::string_view a, std::string_view b) {
  std::vector<std::string> x = WordsOf(text::PersonKey(a));
  std::vector<std::string> y = WordsOf(text::PersonKey(b));
  if (x.empty() || y.empty()) return 0;
  const double written = JaroWinkler(Join(x), Join(y));
  const double initial = SameButForInitial(x, y) ? 0.92 : 0;
  std::sort(x.begin(), x.end());
  std::sort(y.begin(), y.end());
  return std::max({written, initial, x == y ? 1 : JaroWinkler(Join(x), Join(y)) - 0.02});
}

double NamesConfidence(std::string_view company_a, std::string_view person_a, std::string_view company_b,
                       std::string_view person_b) {
  const double least = std::min(CompanySimilarity(company_a, company_b), PersonSimilarity(person_a, person_b));
  if (least < kAlike) return 0;
  return kLeastConfidence + (kMostConfidence - kLeastConfidence) * (least - kAlike) / (1 - kAlike);
}

std::vector<std::string> NameBlocks(std::string_view company, std::string_view person) {
  const std::string firm = Join(WordsOf(text::CompanyKey(company)));
  std::vector<std::string> names = WordsOf(text::PersonKey(person));
  if (firm.empty() || names.empty()) return {};
  const std::string by_company = Skeleton(firm, 6) + "|" + Skeleton(names.back(), 4);
  std::sort(names.begin(), names.end());
  const std::string by_person = Skeleton(firm, 1) + "||" + Skeleton(Join(names), 8);
  return {by_company, by_person};
}

}  // namespace embudo::capture::logic
