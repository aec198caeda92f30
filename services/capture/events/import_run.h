#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/rpc/client.h"
#include "embudo/pipeline/v1/imported_record_service.pb.h"
#include "services/capture/events/file_rows.h"
#include "services/capture/events/record_writer.h"
#include "services/capture/storage/import_store.h"

namespace embudo::capture::events {

/// What a run is done with.
struct ImportTools {
  storage::ImportStore& imports;
  storage::FileStore& files;
  rpc::Client& pipeline;
  const Clock& clock;
  /// Set when the process ends: the run stops at its next step.
  const std::atomic<bool>& stopping;
};

struct ImportLimits {
  size_t batch_rows = 500;
  /// A batch is one message, of which 4 MiB are taken.
  size_t batch_bytes = 1 << 20;
  size_t batches_in_flight = 3;
  std::chrono::milliseconds lease{15000};
};

/// Whom the pipeline service sees in an import's calls.
rpc::Identity ImportIdentity(const storage::ImportJob& job);
/// Tells the event log of an import: once for each step, however often it is called.
absl::Status TellOfImport(rpc::Client& pipeline, const rpc::Identity& identity, const storage::ImportJob& import,
                          const std::string& filename, pipeline::v1::RecordImportRequest::Step step);

/// One worker's work on one import: reads the file from its checkpoint, sends batches, and keeps a checkpoint after
/// each. Rows of one id are never on their way at the same time, so they are written in the order of the file.
class ImportRun {
 public:
  ImportRun(const ImportTools& tools, const ImportLimits& limits, storage::ImportJob job, std::string owner);
  ~ImportRun();

  /// Works until the import is done, fails or is cancelled, all of which it keeps; or until the process ends or the
  /// lease is lost, whereupon another worker goes on.
  void Run();

 private:
  /// A batch that was sent.
  struct Sent {
    Batch batch;
    /// Rows of this reading up to its end.
    int64_t end_position = 0;
    std::vector<std::string> ids;
    size_t bytes = 0;
    bool running = false;
  };

  absl::Status Work();
  absl::Status Prepare();
  absl::Status CountRows();
  absl::Status ReadThrough();
  absl::Status Take(text::CsvRow row);
  absl::Status Flush();
  absl::Status SettleAll();
  absl::Status SettleOldest();
  absl::Status Send(Sent& sent);
  absl::Status WaitFor(const Sent& sent);
  void Count(const Sent& sent, std::vector<storage::Refusal>* refusals, storage::RowResults* results);
  logic::Outcome TrueOutcome(const Sent& sent, size_t row) const;
  absl::Status Save(const std::vector<storage::Refusal>& refusals = {}, const storage::RowResults& results = {});
  absl::Status Tell(pipeline::v1::RecordImportRequest::Step step);
  absl::Status KeepAlive();
  absl::Status Pause(const absl::Status& because, std::chrono::milliseconds* pause);
  void End(const absl::Status& status);

  const ImportTools tools_;
  const ImportLimits limits_;
  storage::ImportJob job_;
  const std::string owner_;
  const rpc::Identity identity_;
  /// Rows up to here may have been written by the worker before, which did not live to tell.
  int64_t doubtful_until_ = 0;

  std::optional<logic::ImportPlan> plan_;
  std::optional<World> world_;
  std::optional<logic::RowMapper> mapper_;
  std::optional<RecordWriter> writer_;

  int64_t rows_read_ = 0;
  std::unique_ptr<Sent> filling_;
  std::deque<std::unique_ptr<Sent>> sent_;
  /// Ids of rows that are on their way, and what else their records are found by.
  std::unordered_set<std::string> ids_;
  std::chrono::steady_clock::time_point last_save_;

  std::mutex mutex_;
  std::condition_variable answered_;
};

}  // namespace embudo::capture::events
