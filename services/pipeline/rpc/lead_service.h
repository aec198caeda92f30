#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "embudo/pipeline/v1/contact_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {

/// Handlers of LeadService and ContactService that have a file of their own.
absl::StatusOr<v1::BulkUpsertLeadsResponse> BulkUpsertLeads(Records& records, const embudo::rpc::CallContext& call,
                                                            const v1::BulkUpsertLeadsRequest& request);
absl::StatusOr<v1::BulkUpsertContactsResponse> BulkUpsertContacts(Records& records,
                                                                  const embudo::rpc::CallContext& call,
                                                                  const v1::BulkUpsertContactsRequest& request);
absl::StatusOr<v1::RecordScoresResponse> RecordScores(Records& records, const embudo::rpc::CallContext& call,
                                                      const v1::RecordScoresRequest& request);

/// The error of one item of a batch: its message and field paths begin with the item (`requests[3]`).
absl::Status InItem(const absl::Status& status, const std::string& item);

}  // namespace embudo::pipeline::rpc
