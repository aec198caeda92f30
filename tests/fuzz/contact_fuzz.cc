#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/text/email.h"
#include "common/text/name.h"
#include "common/text/phone.h"
#include "common/text/unicode.h"

namespace {

using namespace embudo::text;  // NOLINT(google-build-using-namespace): what is under test

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckEmail(std::string_view input) {
  const auto email = NormaliseEmail(input);
  if (!email.ok()) return;
  Require(email->size() <= 254 && IsUtf8(*email));
  // The normal form is its own.
  const auto again = NormaliseEmail(*email);
  Require(again.ok() && *again == *email);
  const std::string key = EmailMatchKey(*email);
  Require(EmailMatchKey(key) == key && DomainOf(key) == DomainOf(*email));
  IsFreeMailDomain(DomainOf(*email));
  IsDisposableMailDomain(DomainOf(*email));
}

void CheckPhone(const std::string& input, const char* region) {
  const std::string phone = NormalisePhone(input, region);
  Require(NormalisePhone(phone, region) == phone);
  // However it is written, it is the same line.
  Require(phone.empty() || phone[0] != '+' || PhoneMatchKey(phone, region) == PhoneMatchKey(phone, ""));
}

}  // namespace

/// Any bytes: no crash, and what has been normalised stays as it is.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  CheckEmail(input);
  if (!IsUtf8(input)) return 0;  // calls carry nothing else
  for (const char* region : {"US", "DE", "", "XX"}) CheckPhone(input, region);
  const std::string company = CompanyKey(input);
  Require(CompanyKey(company) == company);
  PersonKey(input);
  const std::string domain = WebsiteDomain(input);
  Require(domain.empty() || WebsiteDomain(domain) == domain);
  const std::string country = NormaliseCountry(input);
  Require(NormaliseCountry(country) == country);
  return 0;
}
