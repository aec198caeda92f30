#include "services/capture/logic/match.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "common/text/email.h"
#include "common/text/name.h"
#include "common/text/phone.h"
#include "services/capture/logic/similarity.h"

namespace embudo::capture::logic {
namespace {

using type::v1::Lead;
using v1::Duplicate;

constexpr char kExternalId[] = "EXTERNAL_ID";
constexpr char kEmail[] = "EMAIL";
constexpr char kPhone[] = "PHONE";
constexpr char kNames[] = "NAMES";
constexpr char kDomain[] = "DOMAIN";
constexpr char kBlock[] = "BLOCK";

/// The company's domain: its website's, or that of the person's address if it is the company's own.
std::string CompanyDomain(const Lead& lead) {
  const std::string site = text::WebsiteDomain(lead.website());
  const std::string domain = site.empty() ? std::string(text::DomainOf(lead.email())) : site;
  const bool anybodys = text::IsFreeMailDomain(domain) || text::IsDisposableMailDomain(domain) ||
                        domain.find('.') == std::string::npos || domain.front() == '[';
  return anybodys ? "" : domain;
}

}  // namespace

double ConfidenceOf(Duplicate::Reason reason) {
  switch (reason) {
    case Duplicate::REASON_EXTERNAL_ID:
      return 1;
    case Duplicate::REASON_EMAIL:
      return 0.98;
    case Duplicate::REASON_COMPANY_AND_PERSON:
      return 0.95;
    case Duplicate::REASON_PHONE:
      return 0.8;
    default:
      return 0.3;
  }
}

std::vector<MatchKey> ExactKeys(const Lead& lead, std::string_view region) {
  std::vector<MatchKey> keys;
  for (const auto& id : lead.external_ids()) keys.push_back({kExternalId, id.system() + ":" + id.id()});
  if (!lead.email().empty()) keys.push_back({kEmail, text::EmailMatchKey(lead.email())});
  const std::string phone = text::PhoneMatchKey(lead.phone(), region);
  if (!phone.empty()) keys.push_back({kPhone, phone});
  return keys;
}

std::vector<MatchKey> NamesKey(const Lead& lead) {
  const std::string company = text::CompanyKey(lead.company_name());
  const std::string person = text::PersonKey(lead.contact_name());
  if (company.empty() || person.empty()) return {};
  return {{kNames, company + "|" + person}};
}

std::vector<MatchKey> SearchKeys(const Lead& lead, std::string_view region) {
  std::vector<MatchKey> keys = ExactKeys(lead, region);
  const std::string domain = CompanyDomain(lead);
  if (!domain.empty()) keys.push_back({kDomain, domain});
  for (std::string& block : NameBlocks(lead.company_name(), lead.contact_name())) {
    keys.push_back({kBlock, std::move(block)});
  }
  return keys;
}

Duplicate::Reason ReasonOfKind(std::string_view kind) {
  if (kind == kExternalId) return Duplicate::REASON_EXTERNAL_ID;
  if (kind == kEmail) return Duplicate::REASON_EMAIL;
  if (kind == kPhone) return Duplicate::REASON_PHONE;
  if (kind == kDomain) return Duplicate::REASON_COMPANY_DOMAIN;
  return Duplicate::REASON_COMPANY_AND_PERSON;
}

std::vector<Duplicate> Judge(const Lead& lead, const std::vector<Found>& found) {
  std::vector<Duplicate> duplicates;
  for (const Found& other : found) {
    const double names =
        NamesConfidence(lead.company_name(), lead.contact_name(), other.company_name, other.contact_name);
    std::set<Duplicate::Reason> reasons;
    for (const std::string& kind : other.kinds) reasons.insert(ReasonOfKind(kind));
    // To be in one block is no reason yet, and to be in another block none against it.
    reasons.erase(Duplicate::REASON_COMPANY_AND_PERSON);
    if (names > 0) reasons.insert(Duplicate::REASON_COMPANY_AND_PERSON);
    if (reasons.empty()) continue;
    double none_of_them = 1;
    Duplicate duplicate;
    for (const Duplicate::Reason reason : reasons) {
      none_of_them *= 1 - (reason == Duplicate::REASON_COMPANY_AND_PERSON ? names : ConfidenceOf(reason));
      duplicate.add_reasons(reason);
    }
    duplicate.set_lead("leads/" + other.lead_id);
    duplicate.set_confidence(std::round((1 - none_of_them) * 1000) / 1000);
    duplicate.set_state(other.state);
    duplicates.push_back(std::move(duplicate));
  }
  std::sort(duplicates.begin(), duplicates.end(), [](const Duplicate& a, const Duplicate& b) {
    if (a.confidence() != b.confidence()) return a.confidence() > b.confidence();
    return a.lead() < b.lead();  // the older first
  });
  return duplicates;
}

std::vector<std::string> WarningsOf(const Lead& lead) {
  std::vector<std::string> warnings;
  const std::string_view domain = text::DomainOf(lead.email());
  if (text::IsDisposableMailDomain(domain)) {
    warnings.push_back("the mail address is of " + std::string(domain) + ", whose addresses are thrown away after use");
  }
  return warnings;
}

}  // namespace embudo::capture::logic
