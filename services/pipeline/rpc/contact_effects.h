#pragma once

#include <string>
#include <vector>

#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {

/// Most changes of leads that go with a contact's in its transaction.
inline constexpr int kMostLeadsAtOnce = 1000;

/// Rules::effects of contacts: what a contact's change gives its leads.
absl::Status ContactEffects(Records& records, const embudo::rpc::CallContext& call, const type::v1::Contact& after,
                            const type::v1::Contact& before, resource::Effects& effects);
/// The same for the leads that are more than one transaction takes, in further ones.
absl::Status FlowIntoMoreLeads(Records& records, const embudo::rpc::CallContext& call, const type::v1::Contact& before,
                               const type::v1::Contact& after);

/// The company of that name and those above it, as names.
absl::StatusOr<std::vector<std::string>> CompanyAndParents(Records& records, const embudo::rpc::CallContext& call,
                                                           const std::string& company);

}  // namespace embudo::pipeline::rpc
