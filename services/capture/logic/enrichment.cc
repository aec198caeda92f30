#include "services/capture/logic/enrichment.h"

#include <utility>

#include "common/base/error.h"
#include "common/http/public_address.h"
#include "common/text/email.h"
#include "services/capture/logic/field_map.h"
#include "services/capture/logic/json_path.h"

namespace embudo::capture::logic {
namespace {

using google::protobuf::FieldDescriptor;
using type::v1::Lead;
using v1::EnrichmentProvider;

constexpr std::string_view kDomain = "{domain}";
constexpr std::string_view kEmail = "{email}";
constexpr std::string_view kCustomFields = "custom_fields";

/// The columns of a list that says nothing else.
constexpr std::pair<const char*, const char*> kListFields[] = {
    {"name", "company_name"}, {"industry", "industry"}, {"employees", "headcount"}, {"country", "country"}};

/// What may stand in a part of an address (RFC 3986).
std::string PercentEncode(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

void Replace(std::string& text, std::string_view what, const std::string& with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

absl::Status CheckRequest(v1::EnrichmentRequest& request, bool private_targets) {
  constexpr char kField[] = "enrichment_provider.http.uri";
  const std::string& uri = request.uri();
  if (uri.find(kDomain) == std::string::npos && uri.find(kEmail) == std::string::npos) {
    return InvalidField(kField, "names neither {domain} nor {email}: every company would get one answer");
  }
  if (!request.key_file().empty() && request.key_header().empty()) request.set_key_header("Authorization");
  for (const char c : request.key_header() + request.key_prefix()) {
    if (c < ' ' || c > '~' || c == ':') return InvalidField("enrichment_provider.http.key_header", "is no header");
  }
  // The host must not be the lead's to choose.
  const std::string address = AddressOf(request, {"example.com", "somebody@example.com", ""});
  EMBUDO_RETURN_IF_ERROR(embudo::http::CheckTarget(address, private_targets, kField));
  const std::string other = AddressOf(request, {"example.org", "nobody@example.org", ""});
  const size_t host_end = address.find('/', address.find("://") + 3);
  if (host_end == std::string::npos || address.substr(0, host_end) != other.substr(0, host_end)) {
    return InvalidField(kField, "has a host that depends on the lead");
  }
  return absl::OkStatus();
}

absl::Status CheckFields(const EnrichmentProvider& provider) {
  EMBUDO_RETURN_IF_ERROR(FieldMap::Compile(provider.fields(), "enrichment_provider.fields").status());
  for (int i = 0; i < provider.fields_size(); ++i) {
    const std::string path = "enrichment_provider.fields[" + std::to_string(i) + "].";
    const std::string& field = provider.fields(i).field();
    if (field.starts_with("touch.") || field.starts_with("external_ids.")) {
      return InvalidField(path + "field", "\"" + field + "\" is nothing that enrichment fills");
    }
    if (!provider.has_http() || provider.fields(i).source().empty()) continue;
    if (const auto place = JsonPath::Parse(provider.fields(i).source()); !place.ok()) {
      return InvalidField(path + "source", MessageOf(place.status()));
    }
  }
  return absl::OkStatus();
}

bool IsSet(const Lead& lead, const FieldDescriptor* field) {
  const auto* reflection = lead.GetReflection();
  return field->is_repeated() ? reflection->FieldSize(lead, field) > 0 : reflection->HasField(lead, field);
}

}  // namespace

CompanyKey CompanyKeyOf(const Lead& lead) {
  CompanyKey key;
  key.email = lead.email();
  const std::string of_mail(text::DomainOf(lead.email()));
  if (!of_mail.empty() && !text::IsFreeMailDomain(of_mail) && !text::IsDisposableMailDomain(of_mail)) {
    key.domain = of_mail;
    return key;
  }
  key.domain = DomainOfCell(lead.website());
  if (key.domain.empty()) key.skipped = of_mail.empty() ? "NO_DOMAIN" : "FREE_MAIL_DOMAIN";
  return key;
}

absl::Status PrepareProvider(EnrichmentProvider& provider, bool private_targets) {
  if (provider.has_http() == provider.has_company_list()) {
    return InvalidField("enrichment_provider.http", "either http or company_list is to be set");
  }
  if (provider.has_http()) {
    if (provider.fields().empty()) {
      return InvalidField("enrichment_provider.fields", "must say what the parts of an answer are");
    }
    EMBUDO_RETURN_IF_ERROR(CheckRequest(*provider.mutable_http(), private_targets));
  } else {
    if (provider.company_list().domain_column().empty()) provider.mutable_company_list()->set_domain_column("domain");
    if (provider.fields().empty()) {
      for (const auto& [column, field] : kListFields) {
        v1::FieldMapping& mapping = *provider.add_fields();
        mapping.set_source(column);
        mapping.set_field(field);
      }
    }
  }
  return CheckFields(provider);
}

std::string AddressOf(const v1::EnrichmentRequest& request, const CompanyKey& key) {
  std::string address = request.uri();
  Replace(address, kDomain, PercentEncode(key.domain));
  Replace(address, kEmail, PercentEncode(key.email));
  return address;
}

absl::StatusOr<Lead> LeadOfAnswer(const EnrichmentProvider& provider, std::string_view json) {
  EMBUDO_ASSIGN_OR_RETURN(const nlohmann::json document, ParseJson(json));
  EMBUDO_ASSIGN_OR_RETURN(const FieldMap map, FieldMap::Compile(provider.fields(), "fields"));
  Mapped mapped = map.Map([&](const v1::FieldMapping& mapping) -> std::vector<std::string> {
    if (provider.has_http()) {
      const auto path = JsonPath::Parse(mapping.source());
      return path.ok() ? path->Texts(document) : std::vector<std::string>();
    }
    const auto cell = document.find(mapping.source());
    if (cell == document.end() || TextOf(*cell).empty()) return {};
    return {TextOf(*cell)};
  });
  if (!mapped.rejected.empty()) return InvalidField("answer", mapped.rejected);
  return std::move(mapped.lead);
}

Missing MissingIn(const Lead& lead, const Lead& found) {
  Missing missing;
  missing.lead.set_name(lead.name());
  missing.lead.set_etag(lead.etag());
  std::vector<const FieldDescriptor*> fields;
  found.GetReflection()->ListFields(found, &fields);
  Lead all = found;
  for (const FieldDescriptor* field : fields) {
    if (field->name() == kCustomFields) {
      for (const auto& [key, value] : found.custom_fields()) {
        if (lead.custom_fields().contains(key)) continue;
        (*missing.lead.mutable_custom_fields())[key] = value;
        missing.mask.add_paths(std::string(kCustomFields) + "." + key);
      }
    } else if (!IsSet(lead, field)) {
      found.GetReflection()->SwapFields(&missing.lead, &all, {field});
      missing.mask.add_paths(field->name());
    }
  }
  return missing;
}

std::string DomainOfCell(std::string_view cell) {
  if (const size_t scheme = cell.find("://"); scheme != std::string_view::npos) cell.remove_prefix(scheme + 3);
  cell = cell.substr(0, cell.find_first_of("/?#:"));
  if (cell.starts_with("www.")) cell.remove_prefix(4);
  std::string domain = text::NormaliseDomain(cell);
  return domain.find('.') == std::string::npos ? "" : domain;
}

}  // namespace embudo::capture::logic
