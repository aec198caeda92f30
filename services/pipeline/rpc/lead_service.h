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
absl::StatusOr<v1::ReceiveLeadResponse> ReceiveLead(Records& records, const embudo::rpc::CallContext& call,
                                                    const v1::ReceiveLeadRequest& request);
absl::StatusOr<v1::BulkReceiveLeadsResponse> BulkReceiveLeads(Records& records, const embudo::rpc::CallContext& call,
                                                              const v1::BulkReceiveLeadsRequest& request);
absl::StatusOr<v1::RecordScoresResponse> RecordScores(Records& records, const embudo::rpc::CallContext& call,
                                                      const v1::RecordScoresRequest& request);
absl::StatusOr<type::v1::Lead> ConvertLead(Records& records, const embudo::rpc::CallContext& call,
                                           const v1::ConvertLeadRequest& request);
absl::StatusOr<type::v1::Lead> MergeLeads(Records& records, const embudo::rpc::CallContext& call,
                                          const v1::MergeLeadsRequest& request);
absl::StatusOr<v1::GetKanbanResponse> GetKanban(Records& records, const embudo::rpc::CallContext& call,
                                                const v1::GetKanbanRequest& request);
absl::StatusOr<type::v1::Lead> GetLead(Records& records, const embudo::rpc::CallContext& call,
                                       const v1::GetLeadRequest& request);
absl::StatusOr<v1::ListLeadChangesResponse> ListLeadChanges(Records& records, const embudo::rpc::CallContext& call,
                                                            const v1::ListLeadChangesRequest& request);
absl::StatusOr<v1::ListStageStaysResponse> ListStageStays(Records& records, const embudo::rpc::CallContext& call,
                                                          const v1::ListStageStaysRequest& request);
absl::StatusOr<v1::BatchCreateLeadsResponse> BatchCreateLeads(Records& records, const embudo::rpc::CallContext& call,
                                                              const v1::BatchCreateLeadsRequest& request);
absl::StatusOr<v1::BatchLeadsResponse> BatchGetLeads(Records& records, const embudo::rpc::CallContext& call,
                                                     const v1::BatchGetLeadsRequest& request);
/// Of every other batch of leads: update, delete, move, win, lose, restore, assign.
template <class Batch>
absl::StatusOr<v1::BatchLeadsResponse> ChangeBatch(Records& records, const embudo::rpc::CallContext& call,
                                                   const Batch& request);

/// The error of one item of a batch: its message and field paths begin with the item (`requests[3]`).
absl::Status InItem(const absl::Status& status, const std::string& item);

}  // namespace embudo::pipeline::rpc
