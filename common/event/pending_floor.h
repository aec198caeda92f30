#pragma once

#include <cstdint>
#include <map>

namespace embudo::event {

/// From where a relay reads what waits for a position. Rows that it took stay in the table and its index until they are
/// vacuumed, which an old snapshot (a backup, a long report) prevents for as long as it lives; who reads from the
/// beginning goes through all of them, each time. Up to the floor of a partition nothing waits and nothing can come any
/// more.
///
/// A number is drawn by a transaction that has its id already. So whoever may still commit a number that is not above
/// one that was taken has an id below one that is given later; when all those have ended, and a batch read after that
/// has gone past it, the number is the floor.
class PendingFloor {
 public:
  /// What was read of a partition: how many rows, up to which number.
  struct Read {
    int rows = 0;
    int64_t last = 0;
  };

  int64_t Of(int partition) const;
  /// Whether something was taken since the floors were raised: else there is no need for Tick.
  bool Lags() const { return stage_ != Stage::kIdle || highest_ != candidates_; }
  /// A batch that was read from the floors on in the order of numbers, and taken; `limit` rows of each partition.
  void Took(const std::map<int, Read>& batch, int limit);
  /// Once a second or so. `given`: a transaction's id that was given just now. `oldest`: of those that run.
  void Tick(int64_t given, int64_t oldest);

 private:
  enum class Stage { kIdle, kTaken, kRunning, kOver };

  Stage stage_ = Stage::kIdle;
  int ticks_ = 0;
  std::map<int, int64_t> floors_;
  std::map<int, int64_t> highest_;     ///< taken so far
  std::map<int, int64_t> candidates_;  ///< the next floors
  std::map<int, int64_t> unread_;      ///< candidates that no batch has gone past since all was over
  int64_t given_ = 0;
};

}  // namespace embudo::event
