#include "services/pipeline/logic/contact_rules.h"

#include <algorithm>
#include <set>
#include <vector>

#include "common/base/error.h"
#include "common/text/email.h"
#include "common/text/name.h"
#include "common/text/phone.h"
#include "common/text/unicode.h"

namespace embudo::pipeline::logic {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::RepeatedPtrField;
using type::v1::Contact;
using type::v1::Lead;

// The primary value and the others, each once: the others without the primary.
void KeepOnce(const std::string& primary, RepeatedPtrField<std::string>* others) {
  std::set<std::string> seen = {primary, ""};
  RepeatedPtrField<std::string> kept;
  for (std::string& value : *others) {
    if (seen.insert(value).second) *kept.Add() = std::move(value);
  }
  *others = std::move(kept);
}

absl::Status NormaliseEmails(Contact& contact) {
  if (!contact.email().empty()) {
    auto email = text::NormaliseEmail(contact.email());
    if (!email.ok()) return InvalidField("contact.email", MessageOf(email.status()));
    contact.set_email(*email);
  }
  for (int i = 0; i < contact.other_emails_size(); ++i) {
    auto email = text::NormaliseEmail(contact.other_emails(i));
    if (!email.ok()) {
      return InvalidField("contact.other_emails[" + std::to_string(i) + "]", MessageOf(email.status()));
    }
    contact.set_other_emails(i, *email);
  }
  KeepOnce(contact.email(), contact.mutable_other_emails());
  return absl::OkStatus();
}

absl::Status NormaliseAddress(Contact& contact) {
  if (!contact.has_address()) return absl::OkStatus();
  google::type::PostalAddress& address = *contact.mutable_address();
  const auto* reflection = address.GetReflection();
  std::vector<const FieldDescriptor*> set;
  reflection->ListFields(address, &set);
  for (const FieldDescriptor* field : set) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_STRING || field->is_repeated()) continue;
    reflection->SetString(&address, field, text::FoldWhitespace(reflection->GetString(address, field)));
  }
  for (auto* lines : {address.mutable_address_lines(), address.mutable_recipients()}) {
    for (std::string& line : *lines) line = text::FoldWhitespace(line);
    lines->erase(std::remove(lines->begin(), lines->end(), ""), lines->end());
  }
  address.set_region_code(text::NormaliseCountry(address.region_code()));
  if (!address.region_code().empty() && address.region_code().size() != 2) {
    return InvalidField("contact.address.region_code", "is no ISO 3166-1 alpha-2 country");
  }
  if (address.ByteSizeLong() == 0) contact.clear_address();
  return absl::OkStatus();
}

bool IsSet(const Contact& contact, const FieldDescriptor* field) {
  return contact.GetReflection()->HasField(contact, field);
}

bool SameValue(const google::protobuf::Message& a, const FieldDescriptor* field_a, const google::protobuf::Message& b,
               const FieldDescriptor* field_b) {
  if (field_a->cpp_type() == FieldDescriptor::CPPTYPE_INT64) {
    return a.GetReflection()->GetInt64(a, field_a) == b.GetReflection()->GetInt64(b, field_b);
  }
  return a.GetReflection()->GetString(a, field_a) == b.GetReflection()->GetString(b, field_b);
}

void FlowFields(const Contact& before, const Contact& after, bool company, Lead& lead) {
  for (const FlowingField& field : ChangedFlow(before, after, company)) {
    if (!SameValue(before, field.contact, lead, field.lead)) continue;
    const auto* reflection = lead.GetReflection();
    if (field.lead->cpp_type() == FieldDescriptor::CPPTYPE_INT64) {
      reflection->SetInt64(&lead, field.lead, after.GetReflection()->GetInt64(after, field.contact));
    } else {
      reflection->SetString(&lead, field.lead, after.GetReflection()->GetString(after, field.contact));
    }
  }
}

}  // namespace

absl::Status NormaliseContact(const Catalog& catalog, Contact& contact) {
  EMBUDO_RETURN_IF_ERROR(NormaliseEmails(contact));
  EMBUDO_RETURN_IF_ERROR(NormaliseAddress(contact));
  const std::string& region = catalog.tenant.region_code();
  contact.set_phone(text::NormalisePhone(contact.phone(), region));
  for (std::string& phone : *contact.mutable_other_phones()) phone = text::NormalisePhone(phone, region);
  KeepOnce(contact.phone(), contact.mutable_other_phones());
  contact.set_country(text::NormaliseCountry(contact.country()));
  if (contact.has_annual_revenue() && contact.annual_revenue().currency_code().empty()) {
    contact.mutable_annual_revenue()->set_currency_code(catalog.tenant.currency_code());
  }
  return absl::OkStatus();
}

void TakeIn(const Contact& other, Contact& survivor) {
  // An address that only the other has as its first becomes the first of the survivor where that has none.
  std::vector<std::string> emails = {other.email()};
  emails.insert(emails.end(), other.other_emails().begin(), other.other_emails().end());
  std::vector<std::string> phones = {other.phone()};
  phones.insert(phones.end(), other.other_phones().begin(), other.other_phones().end());

  static const std::set<std::string> kOfItsOwn = {"name",         "etag",         "create_time",  "update_time",
                                                  "delete_time",  "purge_time",   "merged_into",  "other_emails",
                                                  "other_phones", "external_ids", "custom_fields"};
  for (int i = 0; i < Contact::descriptor()->field_count(); ++i) {
    const FieldDescriptor* field = Contact::descriptor()->field(i);
    if (kOfItsOwn.contains(field->name()) || IsSet(survivor, field) || !IsSet(other, field)) continue;
    Contact copy = other;
    survivor.GetReflection()->SwapFields(&copy, &survivor, {field});
  }
  for (const std::string& email : emails) survivor.add_other_emails(email);
  for (const std::string& phone : phones) survivor.add_other_phones(phone);
  KeepOnce(survivor.email(), survivor.mutable_other_emails());
  KeepOnce(survivor.phone(), survivor.mutable_other_phones());
  std::set<std::pair<std::string, std::string>> ids;
  for (const auto& id : survivor.external_ids()) ids.emplace(id.system(), id.id());
  for (const auto& id : other.external_ids()) {
    if (ids.emplace(id.system(), id.id()).second) *survivor.add_external_ids() = id;
  }
  for (const auto& [key, value] : other.custom_fields()) survivor.mutable_custom_fields()->insert({key, value});
}

std::vector<FlowingField> ChangedFlow(const Contact& before, const Contact& after, bool company) {
  static const std::vector<std::pair<const char*, const char*>> kPerson = {{"display_name", "contact_name"},
                                                                           {"email", "email"},
                                                                           {"phone", "phone"},
                                                                           {"job_title", "job_title"},
                                                                           {"contact_role", "contact_role"}};
  static const std::vector<std::pair<const char*, const char*>> kCompany = {{"display_name", "company_name"},
                                                                            {"industry", "industry"},
                                                                            {"headcount", "headcount"},
                                                                            {"country", "country"},
                                                                            {"website", "website"}};
  std::vector<FlowingField> fields;
  for (const auto& [contact, lead] : company ? kCompany : kPerson) {
    const FieldDescriptor* field = Contact::descriptor()->FindFieldByName(contact);
    if (SameValue(before, field, after, field)) continue;
    fields.push_back({field, Lead::descriptor()->FindFieldByName(lead)});
  }
  return fields;
}

void Flow(const Contact& before, const Contact& after, Lead& lead) {
  if (lead.state() != Lead::STATE_OPEN) return;
  if (lead.contact() == after.name()) FlowFields(before, after, false, lead);
  if (lead.company() == after.name()) FlowFields(before, after, true, lead);
}

std::string NameKey(const Contact& contact) {
  return contact.kind() == Contact::KIND_COMPANY ? text::CompanyKey(contact.display_name())
                                                 : text::PersonKey(contact.display_name());
}

}  // namespace embudo::pipeline::logic
