#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "embudo/capture/v1/enrichment.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "google/protobuf/field_mask.pb.h"

namespace embudo::capture::logic {

/// Whom a lead's company is asked for by.
struct CompanyKey {
  std::string domain;
  std::string email;
  /// Why nobody is asked: NO_DOMAIN, FREE_MAIL_DOMAIN; empty: somebody is.
  std::string skipped;
};

/// The domain of the lead's mail address, unless anyone can have one there; else that of its web site.
CompanyKey CompanyKeyOf(const type::v1::Lead& lead);

/// Checks a provider, and fills what a list has by default. INVALID_ARGUMENT naming the field.
absl::Status PrepareProvider(v1::EnrichmentProvider& provider, bool private_targets);

/// The address that the provider is asked at.
std::string AddressOf(const v1::EnrichmentRequest& request, const CompanyKey& key);

/// What the provider's answer, a JSON document, says of the lead; for a list, of its cells by their columns' names.
/// INVALID_ARGUMENT if it is no JSON.
absl::StatusOr<type::v1::Lead> LeadOfAnswer(const v1::EnrichmentProvider& provider, std::string_view json);

/// What is empty in the lead and not in what was found.
struct Missing {
  /// The lead with those fields only, its name and its etag: what UpdateLead takes.
  type::v1::Lead lead;
  google::protobuf::FieldMask mask;
};
Missing MissingIn(const type::v1::Lead& lead, const type::v1::Lead& found);

/// A cell of a web address or a domain as a domain; empty if it is none.
std::string DomainOfCell(std::string_view cell);

}  // namespace embudo::capture::logic
