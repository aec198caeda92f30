#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "embudo/type/v1/custom_field.pb.h"
#include "embudo/type/v1/event.pb.h"
#include "google/protobuf/map.h"
#include "google/protobuf/struct.pb.h"
#include "services/pipeline/logic/catalog.h"

namespace embudo::pipeline::logic {

/// The definitions of one kind of record, by key.
using CustomFields = std::map<std::string, type::v1::CustomField, std::less<>>;
/// `custom_fields` of a record.
using CustomValues = google::protobuf::Map<std::string, google::protobuf::Value>;

/// Checks the values of a record that differ from those before (nullptr: it is new), and takes the null ones out. What
/// is required must be there in new records that a person or another system makes; what arrives by itself (imports,
/// forms, mails) can't be asked for it. Imports bring texts: they become what the field holds where they can be read as
/// that. INVALID_ARGUMENT that names `<path>.<key>`.
absl::Status CheckCustomFields(const CustomFields& defined, type::v1::Origin origin, const std::string& path,
                               const CustomValues* before, CustomValues& values);

/// Definitions, without names, of the keys that have none: numbers or booleans if all of their values are, else texts.
/// Keys that no definition can have are left out.
std::vector<type::v1::CustomField> MissingFields(const CustomFields& defined, type::v1::CustomField::Target target,
                                                 const std::vector<const CustomValues*>& records);

/// Checks a definition as it is saved. `before` is nullptr for a new one, whose key no other of its target may have.
absl::Status CheckCustomField(const Catalog& catalog, const type::v1::CustomField* before,
                              const type::v1::CustomField& field);

}  // namespace embudo::pipeline::logic
