#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace embudo::capture::logic {

/// How alike two texts are, 0–1, by characters that they share in nearly the same places (Jaro and Winkler).
double JaroWinkler(std::string_view a, std::string_view b);

/// How alike two companies' names are, 0–1, whatever their legal forms.
double CompanySimilarity(std::string_view a, std::string_view b);
/// How alike two persons' names are, 0–1; the order of the names and an initial in place of a name matter little.
double PersonSimilarity(std::string_view a, std::string_view b);

/// How sure it is that leads of these companies and persons are one, 0–1; 0 if they are not alike enough, or if a name
/// is missing.
double NamesConfidence(std::string_view company_a, std::string_view person_a, std::string_view company_b,
                       std::string_view person_b);

/// Keys under which a lead is found by one whose names are spelt a little otherwise: two that NamesConfidence takes for
/// one have a key in common, but for the rarest. Empty where a name is missing.
std::vector<std::string> NameBlocks(std::string_view company, std::string_view person);

}  // namespace embudo::capture::logic
