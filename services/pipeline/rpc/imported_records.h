#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/rpc/service.h"
#include "embudo/pipeline/v1/imported_record_service.pb.h"
#include "services/pipeline/rpc/bulk_upsert.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {

/// What one call of UpsertImportedRecords works with.
struct Imported {
  Records& records;
  embudo::rpc::CallContext call;
  const v1::UpsertImportedRecordsRequest& request;
  v1::UpsertImportedRecordsResponse response;

  /// Journals changes under the import, in their transaction.
  std::function<absl::Status(db::Connection&, const std::vector<resource::Change>&)> Journal() const;
};

/// Leads and contacts.
absl::Status UpsertImportedLeads(Imported& work);
absl::Status UpsertImportedContacts(Imported& work);
/// What belongs to leads.
absl::Status UpsertImportedActivities(Imported& work);
absl::Status UpsertImportedMessages(Imported& work);
absl::Status KeepImportedStays(Imported& work);
/// Puts right when the next activity of these leads is due. May be done again.
absl::Status KeepNextActivities(Records& records, const embudo::rpc::CallContext& call,
                                const std::set<std::string>& leads);

absl::StatusOr<v1::UndoImportedRecordsResponse> UndoImportedRecords(Records& records,
                                                                    const embudo::rpc::CallContext& call,
                                                                    const v1::UndoImportedRecordsRequest& request);

}  // namespace embudo::pipeline::rpc
