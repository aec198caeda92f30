#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "embudo/type/v1/contact.pb.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {

/// Who must not be brought back: of some addresses, those of persons who were erased. Records that bear one are refused
/// with FAILED_PRECONDITION, reason SUPPRESSED, where the person had no part in it: imports and bulk writes, and
/// captures by hand, by webhook or by API. A person who fills in a form, writes, chats or calls comes by themselves,
/// and what somebody types into the product is that somebody's decision.
class Suppressed {
 public:
  /// Of the addresses that these records bear; asks the database once, and not at all where the origin is another.
  static absl::StatusOr<Suppressed> Among(Records& records, const embudo::rpc::CallContext& call,
                                          const std::vector<const google::protobuf::Message*>& leads_or_contacts);

  /// `before`: the record as it is, whose addresses are its own; nullptr: it is new.
  absl::Status Check(const google::protobuf::Message& lead_or_contact,
                     const google::protobuf::Message* before = nullptr) const;

 private:
  std::set<std::string> addresses_;
};

/// The same of one new record.
absl::Status CheckNotSuppressed(Records& records, const embudo::rpc::CallContext& call,
                                const google::protobuf::Message& lead_or_contact);

}  // namespace embudo::pipeline::rpc
