#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/connection.h"
#include "services/pipeline/events/log_event.h"
#include "services/pipeline/events/want.h"
#include "services/pipeline/events/window.h"

namespace embudo::pipeline::events {

/// A stretch of the log as it was read from PostgreSQL, for one reader.
class Page {
 public:
  Page(const Want& from, std::vector<LogItem> items);

  /// Moves past what the reader has been given. False if it is elsewhere: the page is not what it wants.
  bool Advance(const Want& want);
  std::vector<LogItem> Next(const Portion& most) const;
  bool exhausted() const { return next_ == items_.size(); }
  /// What comes after the page.
  const Want& end() const { return end_; }
  size_t bytes() const { return bytes_; }

 private:
  std::vector<LogItem> items_;
  size_t next_ = 0;
  Want at_;  ///< where the reader is when it has been given the items before next_
  Want end_;
  size_t bytes_ = 0;
};

/// Reads pages on a connection of its own. One thread at a time.
class PageReader {
 public:
  /// conninfo of pipeline_worker.
  explicit PageReader(std::string postgres) : postgres_(std::move(postgres)) {}

  /// The next places that `want` asks for, up to those in `ends`: all partitions advance together in the order in which
  /// the events were written, so that their data lie side by side, and only the tenant's own data are read.
  absl::StatusOr<Page> Read(const Want& want, const std::map<int, int64_t>& ends);

 private:
  /// The place of an event, and where its data are.
  struct Entry {
    int partition;
    int64_t position;
    int64_t day;
    int64_t seq;
    int64_t order;  ///< the highest seq of its partition up to here
    bool own;
  };
  absl::StatusOr<Page> ReadOn(db::Connection& connection, const Want& want, const std::map<int, int64_t>& ends);
  /// `rest`: partitions of which nothing comes after these, up to their ends.
  absl::StatusOr<std::vector<Entry>> ReadPlaces(db::Connection& connection, const Want& want,
                                                const std::map<int, int64_t>& ends, std::vector<int>* rest);
  absl::Status ReadData(db::Connection& connection, const Want& want, const std::vector<Entry>& entries,
                        std::vector<LogItem>* items);

  const std::string postgres_;
  std::unique_ptr<db::Connection> connection_;
  /// Places that are read at once, so that a page is of a moderate size.
  int places_ = 256;
};

}  // namespace embudo::pipeline::events
