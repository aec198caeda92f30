#include "common/text/email.h"

#include <arpa/inet.h>
#include <unicode/bytestream.h>
#include <unicode/idna.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/error.h"
#include "common/text/mail_domains.h"
#include "common/text/unicode.h"

namespace embudo::text {
namespace {

// RFC 5321, 4.5.3.1: octets of the local part, of a label and a domain, and of the path without its brackets.
constexpr size_t kMaxLocal = 64;
constexpr size_t kMaxDomain = 255;
constexpr size_t kMaxAddress = 254;

absl::Status Invalid(std::string_view text, std::string_view why) {
  return Error(absl::StatusCode::kInvalidArgument, "INVALID_EMAIL",
               "\"" + std::string(text) + "\" is not an email address: " + std::string(why))
      .Meta("why", why);
}

bool IsAtomCharacter(char c) {
  constexpr std::string_view kSigns = "!#$%&'*+-/=?^_`{|}~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<signed char>(c) < 0 || kSigns.find(c) != std::string_view::npos;
}

bool IsDotAtom(std::string_view text) {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  if (text.find("..") != std::string_view::npos) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c == '.' || IsAtomCharacter(c); });
}

bool IsPrintable(char c) { return c >= ' ' && c <= '~'; }

/// The length of the quoted string that `text` begins with, quotes included; 0 if there is none.
size_t QuotedLength(std::string_view text) {
  if (text.empty() || text.front() != '"') return 0;
  for (size_t at = 1; at < text.size(); ++at) {
    if (!IsPrintable(text[at]) && static_cast<signed char>(text[at]) >= 0) return 0;
    if (text[at] == '"') return at + 1;
    if (text[at] == '\\' && (++at == text.size() || !IsPrintable(text[at]))) return 0;
  }
  return 0;
}

bool IsAddressLiteral(std::string_view domain) {
  if (domain.size() < 3 || domain.front() != '[' || domain.back() != ']') return false;
  std::string inner(domain.substr(1, domain.size() - 2));
  std::array<unsigned char, 16> bytes{};
  constexpr std::string_view kIpv6 = "ipv6:";
  if (ToLower(inner).rfind(kIpv6, 0) == 0) return inet_pton(AF_INET6, inner.c_str() + kIpv6.size(), bytes.data()) == 1;
  return inet_pton(AF_INET, inner.c_str(), bytes.data()) == 1;
}

const icu::IDNA& Idna() {
  static const icu::IDNA* const idna = [] {
    UErrorCode error = U_ZERO_ERROR;
    return icu::IDNA::createUTS46Instance(
        UIDNA_USE_STD3_RULES | UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ | UIDNA_NONTRANSITIONAL_TO_ASCII, error);
  }();
  return *idna;
}

/// The address itself: of `A <a@b>` what stands in the brackets, of `mailto:a@b` what follows.
std::string_view TakeAddress(std::string_view text) {
  if (text.size() > 2 && text.back() == '>') {
    const size_t open = text.rfind('<');
    if (open != std::string_view::npos) text = text.substr(open + 1, text.size() - open - 2);
  }
  constexpr std::string_view kScheme = "mailto:";
  if (text.size() > kScheme.size() && ToLower(text.substr(0, kScheme.size())) == kScheme) {
    text.remove_prefix(kScheme.size());
  }
  return text;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n\v\f";
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

/// Domains, one a line, sorted by byte.
class DomainList {
 public:
  explicit DomainList(std::string_view lines) {
    for (size_t end = lines.find('\n'); end != std::string_view::npos; end = lines.find('\n')) {
      domains_.push_back(lines.substr(0, end));
      lines.remove_prefix(end + 1);
    }
  }
  bool Contains(std::string_view domain) const { return std::binary_search(domains_.begin(), domains_.end(), domain); }

 private:
  std::vector<std::string_view> domains_;
};

}  // namespace

std::string NormaliseDomain(std::string_view domain) {
  icu::IDNAInfo info;
  UErrorCode error = U_ZERO_ERROR;
  std::string ascii;
  icu::StringByteSink<std::string> sink(&ascii);
  Idna().nameToASCII_UTF8(icu::StringPiece(domain.data(), static_cast<int32_t>(domain.size())), sink, info, error);
  // A final dot is a root label, which mail addresses do not have.
  if (U_FAILURE(error) || info.hasErrors() || ascii.empty() || ascii.back() == '.' || ascii.size() > kMaxDomain) {
    return "";
  }
  return ascii;
}

absl::StatusOr<std::string> NormaliseEmail(std::string_view text) {
  const std::string_view address = Trim(TakeAddress(Trim(text)));
  if (address.empty()) return Invalid(text, "it is empty");
  if (!IsUtf8(address)) return Invalid("(bytes)", "it is not UTF-8");
  const size_t quoted = QuotedLength(address);
  const size_t at = quoted > 0 ? quoted : address.find('@');
  if (at >= address.size() || address[at] != '@') return Invalid(text, "there is no @ after the name");

  const std::string local = ToLower(address.substr(0, at));
  if (quoted == 0 && !IsDotAtom(local)) return Invalid(text, "what stands before the @ is not well-formed");
  if (local.size() > kMaxLocal) return Invalid(text, "more than 64 bytes stand before the @");
  const std::string_view written = address.substr(at + 1);
  std::string domain = IsAddressLiteral(written) ? ToLower(written) : NormaliseDomain(written);
  if (domain.empty()) return Invalid(text, "what stands after the @ is not a domain");
  std::string email = local + "@" + domain;
  if (email.size() > kMaxAddress) return Invalid(text, "it has more than 254 bytes");
  return email;
}

std::string EmailMatchKey(std::string_view email) {
  const size_t at = email.rfind('@');
  const size_t plus = email.find('+');
  if (at == std::string_view::npos || plus == std::string_view::npos || plus == 0 || plus > at || email[0] == '"') {
    return std::string(email);
  }
  return std::string(email.substr(0, plus)) + std::string(email.substr(at));
}

std::string_view DomainOf(std::string_view email) {
  const size_t at = email.rfind('@');
  return at == std::string_view::npos ? std::string_view() : email.substr(at + 1);
}

bool IsFreeMailDomain(std::string_view domain) {
  static const DomainList list(kFreeMailDomains);
  return list.Contains(domain);
}

bool IsDisposableMailDomain(std::string_view domain) {
  static const DomainList list(kDisposableMailDomains);
  for (std::string_view part = domain; part.find('.') != std::string_view::npos;
       part.remove_prefix(part.find('.') + 1)) {
    if (list.Contains(part)) return true;
  }
  return false;
}

}  // namespace embudo::text
