#pragma once

#include "absl/status/statusor.h"
#include "embudo/pipeline/v1/contact_service.pb.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {

/// Handlers of ContactService that have a file of their own.
absl::StatusOr<v1::SearchContactsResponse> SearchContacts(Records& records, const embudo::rpc::CallContext& call,
                                                          const v1::SearchContactsRequest& request);
absl::StatusOr<v1::FindDuplicateContactsResponse> FindDuplicateContacts(
    Records& records, const embudo::rpc::CallContext& call, const v1::FindDuplicateContactsRequest& request);
absl::StatusOr<type::v1::Contact> MergeContacts(Records& records, const embudo::rpc::CallContext& call,
                                                const v1::MergeContactsRequest& request);

}  // namespace embudo::pipeline::rpc
