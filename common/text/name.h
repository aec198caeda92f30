#pragma once

#include <string>
#include <string_view>

namespace embudo::text {

/// What two spellings of one company's name have in common: folded as MatchKey does, legal forms at the end dropped
/// ("Acme, Inc." and "ACME" → "acme"). A name that is nothing but a legal form stays.
std::string CompanyKey(std::string_view name);
/// The same of a person's name: "Frase, Moses" and "Mr. Moses  FRASE" → "moses frase".
std::string PersonKey(std::string_view name);

/// The domain of a website's address, without `www.`, in lower-case ASCII; empty if there is none in it.
/// "HTTPS://www.Acme.com:443/about?x" → "acme.com".
std::string WebsiteDomain(std::string_view website);

/// ISO 3166-1 alpha-2 code of a country given by its alpha-2 or alpha-3 code, its English name, or one of a few names
/// in wide use ("USA", "Great Britain"). Unknown text stays as written, trimmed.
std::string NormaliseCountry(std::string_view text);

}  // namespace embudo::text
