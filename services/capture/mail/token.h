#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace embudo::capture::mail {

/// The token of a lead in an address, `inbox+<token>@example.com`: the lead's id, signed with the tenant's secret, so
/// that nobody can write into the conversation of a lead whose mails they never had. In lower-case letters and digits.
/// `lead_id` is a UUID.
std::string LeadToken(std::string_view secret, const std::string& lead_id);
/// The lead's id; nullopt if the token is none, or another secret's.
std::optional<std::string> LeadOfToken(std::string_view secret, std::string_view token);
/// What stands between the plus and the @ of an address; empty if there is none.
std::string_view PlusPart(std::string_view address);

}  // namespace embudo::capture::mail
