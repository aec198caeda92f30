#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/rpc/call_context.h"
#include "google/protobuf/message.h"

namespace embudo::resource {

/// Pages by key (AIP-158): a token holds the order's values of the last record of its page, and what query it belongs
/// to. It grants no access.

/// The request's page_size: `standard` for 0, at most `largest`.
int PageSize(const google::protobuf::Message& request, int standard = 50, int largest = 1000);
/// What tells a query from others: the whole request but its page, and the tenant.
std::string QueryHash(const rpc::CallContext& call, const google::protobuf::Message& request);
std::string MakePageToken(const std::string& query, const std::vector<std::string>& values);
/// The values that a token was made of; as many as `count`. INVALID_ARGUMENT, reason PAGE_TOKEN_MISMATCH, if it is of
/// another query.
absl::StatusOr<std::vector<std::string>> ReadPageToken(const std::string& token, const std::string& query,
                                                       size_t count);

}  // namespace embudo::resource
