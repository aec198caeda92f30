#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/connection.h"
#include "common/privacy/redact.h"

namespace embudo::pipeline::storage {

/// What the tenant has of a person.
struct PersonRecords {
  std::vector<std::string> contacts;  ///< ids
  std::vector<std::string> leads;     ///< ids
  /// Names of messages of other leads that name the person as sender or receiver.
  std::vector<std::string> messages;
  std::vector<std::string> addresses;
  bool empty() const { return contacts.empty() && leads.empty() && messages.empty(); }

  privacy::Person ToPerson() const;
};

/// Finds a person by contact (an id, or empty) and mail address (normalised, or empty): that contact with all that were
/// merged with it, the persons of that address, their leads and those of their addresses, deleted ones too. It locks
/// the contacts and leads, so that nothing is added to them before the transaction ends.
absl::StatusOr<PersonRecords> FindPerson(db::Connection& connection, const std::string& tenant,
                                         const std::string& contact, const std::string& email);

/// How many records of a kind a person has.
struct RecordCount {
  std::string kind;  ///< `Message`
  int64_t count = 0;
};
/// Quotes and orders that are contracts are not counted, unless they are to go too.
absl::StatusOr<std::vector<RecordCount>> CountPerson(db::Connection& connection, const std::string& tenant,
                                                     const PersonRecords& person, bool contracts_too);
/// The names of quotes and orders that are kept as contracts.
absl::StatusOr<std::vector<std::string>> ContractsOf(db::Connection& connection, const std::string& tenant,
                                                     const PersonRecords& person);

/// Takes the person out of the records. How many rows were changed or deleted.
absl::StatusOr<int64_t> EraseRecords(db::Connection& connection, const std::string& tenant, const PersonRecords& person,
                                     bool contracts_too, Time now);

/// Keeps the addresses, so that imports do not bring the person back.
absl::Status Suppress(db::Connection& connection, const std::string& tenant, const std::string& erasure,
                      const std::vector<std::string>& addresses, Time now);

/// An erasure that is under way.
struct ErasureJob {
  std::string tenant;
  std::string erasure;
  std::string actor;
  std::vector<std::string> names;
  std::vector<std::string> addresses;
  int step = 0;
  std::vector<std::string> after;
  std::vector<int> partitions;
};
absl::Status AddJob(db::Connection& connection, const ErasureJob& job, Time now);
/// Locks one that nobody works on, of `tenant` and `erasure` unless they are empty; false if there is none.
absl::StatusOr<bool> LockJob(db::Connection& connection, const std::string& tenant, const std::string& erasure,
                             ErasureJob* job);
absl::StatusOr<bool> HasJob(db::Connection& connection, const std::string& tenant, const std::string& erasure);
absl::Status SaveJob(db::Connection& connection, const ErasureJob& job);
absl::Status RemoveJob(db::Connection& connection, const ErasureJob& job);

/// A table of serialised messages that are to be rewritten where they tell of a person.
struct Blobs {
  const char* table;
  struct Key {
    const char* column;
    const char* type;
    const char* before_first;
  };
  std::vector<Key> keys;  ///< after the tenant's id, in the order of the primary key
  const char* data;       ///< the column
  /// A column that tells of which method the message is the answer; nullptr: it is an event.
  const char* method = nullptr;
};
/// Event, lead_history, subscription_lane, request.
const std::vector<Blobs>& AllBlobs();
struct Rewritten {
  int64_t count = 0;
  bool more = false;
  std::vector<std::string> after;
  /// Of events: the partitions of those that were rewritten.
  std::vector<int> partitions;
};
/// Rewrites what of the next `limit` rows after a key tells of the person.
absl::StatusOr<Rewritten> RewriteBlobs(db::Connection& connection, const std::string& tenant, const Blobs& blobs,
                                       const privacy::Person& person, const std::vector<std::string>& after, int limit);

}  // namespace embudo::pipeline::storage
