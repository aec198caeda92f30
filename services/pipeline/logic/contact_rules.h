#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "embudo/type/v1/contact.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/pipeline/logic/catalog.h"

namespace embudo::pipeline::logic {

/// The rules of contacts on values; none does I/O.

/// Brings addresses, numbers and names of countries into the one form that they are compared in. What is given twice
/// stands once.
absl::Status NormaliseContact(const Catalog& catalog, type::v1::Contact& contact);

/// Takes another contact into `survivor`: each field keeps its first value that is set; mail addresses, phone numbers,
/// external ids and custom fields are united.
void TakeIn(const type::v1::Contact& other, type::v1::Contact& survivor);

/// A field of a contact, and that of its leads which shows it.
struct FlowingField {
  const google::protobuf::FieldDescriptor* contact;
  const google::protobuf::FieldDescriptor* lead;
};
/// The fields that changed and flow into leads: of a lead's contact, or of its company.
std::vector<FlowingField> ChangedFlow(const type::v1::Contact& before, const type::v1::Contact& after, bool company);
/// Gives an open lead the new values of its contact, or of its company, where it still holds the old ones.
void Flow(const type::v1::Contact& before, const type::v1::Contact& after, type::v1::Lead& lead);

/// What two spellings of the contact's name have in common.
std::string NameKey(const type::v1::Contact& contact);

}  // namespace embudo::pipeline::logic
