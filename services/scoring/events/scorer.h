#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/background.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/metrics/metrics.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "services/scoring/storage/pending.h"
#include "services/scoring/storage/training_runs.h"

namespace embudo::scoring::events {

/// How long events, and then marks, gather where they come one after the other: a score is to be there within 100 ms.
inline constexpr std::chrono::milliseconds kGather{20};

/// Scores the leads that are marked and hands the scores to pipeline, one tenant's batch after the other in a circle,
/// so that one tenant's import keeps no other waiting. A lead is unmarked in the transaction in
/// which pipeline is given its score, so a crash anywhere scores it once more and loses none. It also does the rebuilds
/// that are due. Several processes may do this at once.
class Scorer : public Background {
 public:
  struct Options {
    /// Leads that are scored at once.
    int batch_size = 500;
    /// The longest wait between two looks for marks.
    std::chrono::milliseconds poll{100};
    /// The longest wait between two looks for rebuilds.
    std::chrono::milliseconds rebuild_poll{500};
  };
  /// Hands the scores of a tenant's leads to pipeline.
  using Record = std::function<absl::Status(const std::string& tenant, const pipeline::v1::RecordScoresRequest&)>;

  /// `pool` is of the scoring_worker role.
  Scorer(Options options, db::Pool& pool, storage::TrainedCache& trained, Record record, const Clock& clock,
         metrics::Registry& metrics);
  ~Scorer() override;

  void Start() override;
  /// Finishes the batch.
  void Stop() override;
  /// Marks are about to be committed.
  void Wake();

 private:
  void Run();
  /// Whether there was something to do.
  absl::StatusOr<bool> Work();
  /// Marks a piece of what is rescored, if that is due.
  absl::StatusOr<bool> Rescore(std::chrono::steady_clock::time_point now);
  /// How many leads it scored.
  absl::StatusOr<int> ScoreBatch();
  absl::StatusOr<pipeline::v1::RecordScoresRequest> ScoresOf(db::Connection& connection, const std::string& tenant,
                                                             const storage::LeadIds& ids);
  absl::StatusOr<bool> RebuildIfDue();
  /// Marks the next leads of a rescoring. How many.
  absl::StatusOr<int> MarkPiece();
  bool Stopping();
  /// Waits a little longer each time, until Wake makes it look often again.
  void Pause();
  /// While marks come faster than they are worked off, a rest makes the next batch larger and each lead cheaper.
  void Rest(std::chrono::steady_clock::duration rest);

  const Options options_;
  db::Pool& pool_;
  storage::TrainedCache& trained_;
  const Record record_;
  const Clock& clock_;
  metrics::Registry& metrics_;
  /// The tenant that was served last.
  std::string tenant_;
  /// The tenant whose rescoring was served last.
  std::string rescored_;
  std::chrono::steady_clock::time_point next_rebuild_look_;
  std::chrono::steady_clock::time_point next_rescoring_look_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool woken_ = false;
  std::chrono::milliseconds pause_{0};
  std::thread thread_;
};

}  // namespace embudo::scoring::events
