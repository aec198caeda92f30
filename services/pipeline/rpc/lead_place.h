#pragma once

#include <vector>

#include "absl/status/status.h"
#include "services/pipeline/rpc/lead_change.h"

namespace embudo::pipeline::rpc {

/// Gives a card its rank in the column that it is in by now: beside the card that the request names. Cards that share a
/// rank where it has to come between are told apart; their changes go into `also`.
absl::Status PlaceBeside(Records& records, const embudo::rpc::CallContext& call, const v1::MoveLeadRequest& request,
                         const Planned& planned, type::v1::Lead& lead, std::vector<resource::Change>* also);
/// At the top of its column.
absl::Status PlaceOnTop(Records& records, const embudo::rpc::CallContext& call, const Planned& planned,
                        type::v1::Lead& lead);

}  // namespace embudo::pipeline::rpc
