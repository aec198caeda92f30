#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/message.h"

namespace embudo::privacy {

/// What stands in a required text that told of an erased person.
inline constexpr char kErased[] = "Erased";

/// Whose data is to go: the records that are of the person, and the addresses that the person is known by.
struct Person {
  /// Resource names of contacts and leads, and of records elsewhere that tell of the person. What is under a lead, or
  /// refers to one of the leads or contacts as its own, is the person's too.
  std::set<std::string, std::less<>> names;
  /// Mail addresses, normalised.
  std::set<std::string, std::less<>> addresses;

  /// Whether a record of any kind tells of the person.
  bool Has(const google::protobuf::Message& record) const;
  /// Whether something of that name does.
  bool HasName(std::string_view name) const;
  /// Texts of which at least one is in the bytes of every serialised message that tells of the person: the ids and the
  /// addresses.
  std::vector<std::string> Marks() const;
};

/// Takes what is personal out of a record: names, addresses, free text. What is left (amounts, stages, times, where it
/// came from) names nobody. Whether anything was there.
bool Redact(google::protobuf::Message* record);

/// Redacts every record of the person within a message: an event, an answer, a list. Whether anything was there.
bool RedactIn(const Person& person, google::protobuf::Message* message);
/// Redacts every record within a message, whosoever it is.
bool RedactAllIn(google::protobuf::Message* message);

}  // namespace embudo::privacy
