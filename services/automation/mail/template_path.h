#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "embudo/type/v1/lead.pb.h"
#include "google/protobuf/descriptor.h"

namespace embudo::automation::mail {

/// What kind of value a path leads to; filters take some of them.
enum class ValueKind { kText, kNumber, kBool, kMoney, kDate, kTime, kList, kAny };

/// Where a placeholder's value is, found out from the descriptors: a chain of fields that begins at the lead, or at the
/// user who sends the mail, and goes on from a reference into the record that it names.
struct BoundPath {
  enum class Root { kLead, kSender, kToday, kUnsubscribeLink };
  Root root = Root::kLead;
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  /// Of a map that the last field is: the key.
  std::string key;
  ValueKind kind = ValueKind::kText;
};

/// What the path means, native (`lead.contact.email`) or Odoo's (`object.partner_id.email`). `name` of a record is what
/// people call it, and so is a reference by itself. Else a text for people, in `error`, and false.
bool BindPath(const std::string& path, BoundPath& bound, std::string& error);

/// A record that a lead refers to, by its name.
using Records = std::map<std::string, std::unique_ptr<google::protobuf::Message>>;

/// The records that a path needs and that are not there yet: names by their types (`embudo.dev/Contact`). Asked again
/// once they are there, it may need more.
std::vector<std::pair<std::string, std::string>> MissingRecords(const BoundPath& path, const type::v1::Lead& lead,
                                                                const std::string& sender, const Records& records);

/// Whether a template may go on into the records of a type, which the caller then has to read.
bool IsReadable(const std::string& resource_type);

}  // namespace embudo::automation::mail
