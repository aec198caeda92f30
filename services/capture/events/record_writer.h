#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/rpc/client.h"
#include "embudo/capture/v1/import_service.pb.h"
#include "embudo/pipeline/v1/bulk.pb.h"
#include "embudo/pipeline/v1/imported_record_service.pb.h"
#include "services/capture/events/world.h"
#include "services/capture/logic/row_mapper.h"
#include "services/capture/logic/tally.h"

namespace embudo::capture::events {

/// Rows on their way to the pipeline service, in the order of the file.
struct Batch {
  /// The refused ones too.
  std::vector<logic::MappedRow> rows;
  /// Of the rows that were not refused; set by Finish.
  std::vector<std::optional<logic::Outcome>> outcomes;
  /// Resource names of the records, where the service told them.
  std::vector<std::string> names;
  /// Whether the record was found by something else than its id.
  std::vector<bool> matched;

  /// The rows that are sent, by index.
  std::vector<size_t> sent;
  std::unique_ptr<google::protobuf::Message> request;
  std::unique_ptr<google::protobuf::Message> response;
  absl::Status status;
};

/// How an import writes.
struct WriteOptions {
  /// The import's id, which what it writes is journalled under.
  std::string import;
  /// ImportLeadsRequest.MatchBy.
  std::vector<int> match_by;
  bool run_automations = false;
};

/// Writes batches of an import's records through the pipeline service's RPCs, or, in a dry run, finds out what that
/// would do. Not thread-safe but for what Start leaves running.
class RecordWriter {
 public:
  RecordWriter(rpc::Client& pipeline, rpc::Identity identity, const logic::ImportPlan& plan, World& world, bool dry_run,
               WriteOptions options)
      : pipeline_(pipeline),
        identity_(std::move(identity)),
        plan_(plan),
        world_(world),
        dry_run_(dry_run),
        options_(std::move(options)) {}

  /// Creates what the rows refer to and is missing; rows whose records can't be created get their errors. A status that
  /// is not OK is the whole batch's, as with Finish.
  absl::Status CreateMissing(Batch& batch);
  /// Sends what the pipeline service journals off; `done` is called, on another thread, when the batch has its response
  /// or status. False: there is nothing to wait for.
  bool Start(Batch& batch, std::function<void()> done);
  /// Makes the outcomes of a batch that is done; rows that the service refused get their errors. A status that is not
  /// OK may pass: the batch is to be started again (UNAVAILABLE …), or ends the import (PERMISSION_DENIED …).
  absl::Status Finish(Batch& batch);

 private:
  absl::Status FinishBulk(Batch& batch);
  absl::Status SendAlone(Batch& batch, size_t first, size_t count);
  void Take(Batch& batch, size_t index, const pipeline::v1::BulkResult& result, bool matched);
  pipeline::v1::UpsertImportedRecordsRequest RequestOf(const Batch& batch, size_t first, size_t count) const;
  absl::Status Create(const logic::NewRecord& record);
  absl::StatusOr<logic::Outcome> WriteProduct(const logic::MappedRow& row);
  absl::StatusOr<logic::Outcome> WriteUser(const logic::MappedRow& row);
  absl::Status WriteTeam(const logic::RowTeam& team);
  template <class Record, class Request>
  absl::StatusOr<logic::Outcome> Upsert(const char* method, const Record& record, Record* (Request::*mutable_record)(),
                                        std::map<std::string, Record>* known);

  rpc::Client& pipeline_;
  const rpc::Identity identity_;
  const logic::ImportPlan& plan_;
  World& world_;
  const bool dry_run_;
  const WriteOptions options_;
};

/// Whether the call may succeed later: the service is away, overloaded, or somebody was faster.
bool MayPass(const absl::Status& status);
/// Whether the tenant is not served: the import waits where it is.
bool IsClosed(const absl::Status& status);
/// Whether no row of the import can be written: the caller's fault, not the rows'.
bool IsFatal(const absl::Status& status);

}  // namespace embudo::capture::events
