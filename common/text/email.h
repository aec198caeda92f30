#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace embudo::text {

/// The one form that an address is stored and compared in: trimmed, without display name (`A <a@b>`), lower case, its
/// domain in ASCII (IDNA, UTS #46). The part after a plus is kept. Takes what RFC 5321 and RFC 6531 (letters beyond
/// ASCII before the @) call a mailbox; comments and folding white space, which only RFC 5322 knows, are refused.
/// INVALID_ARGUMENT, reason INVALID_EMAIL.
absl::StatusOr<std::string> NormaliseEmail(std::string_view text);

/// What two normalised addresses of one mailbox have in common: the address without its plus part.
std::string EmailMatchKey(std::string_view email);
/// The domain of a normalised address; empty if there is none.
std::string_view DomainOf(std::string_view email);
/// Whether anyone can have an address in this domain, so that it says nothing about a company. Knows the common ones.
bool IsFreeMailDomain(std::string_view domain);
/// Whether addresses in this domain, or the one that it is part of, are made to be thrown away after use.
bool IsDisposableMailDomain(std::string_view domain);

/// A host name in lower-case ASCII (IDNA), or empty if it is none.
std::string NormaliseDomain(std::string_view domain);

}  // namespace embudo::text
