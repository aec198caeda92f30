#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {

/// A UUID, which was checked to be one, in the form that ids have.
std::string CanonicalId(const std::string& uuid);

/// A touch to be written under a lead, `leads/…`.
resource::Change NewTouch(Records& records, const embudo::rpc::CallContext& call, const std::string& lead,
                          const std::string& id, const type::v1::Touch& given);

/// An entry of the lead's conversation that comes with a touch. Nothing, if it is a mail that is in a conversation
/// already. Of errors the field paths begin with `message`.
absl::StatusOr<std::optional<resource::Change>> NewEntry(Records& records, const embudo::rpc::CallContext& call,
                                                         const std::string& lead, const std::string& id,
                                                         const type::v1::Message& given);

}  // namespace embudo::pipeline::rpc
