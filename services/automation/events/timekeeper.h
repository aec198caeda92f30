#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "common/base/background.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/metrics/metrics.h"
#include "common/rpc/client.h"
#include "services/automation/storage/timers.h"

namespace embudo::automation::events {

/// Finds what is due of the rules that answer moments and schedules, by asking the pipeline for the leads (it has an
/// index for each question), and makes runs of it: one for each rule, lead and due time, however often it is found. A
/// rule is looked after by one process at a time. Also the upkeep: what is over for long is deleted.
class Timekeeper : public Background {
 public:
  struct Options {
    std::chrono::milliseconds poll{500};
    /// How long a rule is held before another process may look after it.
    std::chrono::milliseconds lease{60000};
    /// Leads asked for at once.
    int page_size = 500;
    /// Leads that a schedule runs over at one time.
    int schedule_leads = 10000;
  };

  /// `pool` is of the automation_worker role; `wake` is called when runs were made.
  Timekeeper(Options options, db::Pool& pool, rpc::Client& pipeline, const Clock& clock, std::function<void()> wake,
             metrics::Registry& metrics);
  ~Timekeeper() override;

  void Start() override;
  void Stop() override;

 private:
  void Run();
  absl::Status LookAfterDue();
  absl::Status LookAfter(const storage::HeldTimer& timer);
  absl::Status FindMoments(const storage::HeldTimer& timer);
  absl::Status KeepSchedule(const storage::HeldTimer& timer);
  absl::Status RunOver(const storage::HeldTimer& timer, Time due);
  absl::Status Upkeep();
  bool Stopping();

  /// Asks for leads by pages and makes runs of those that `due` names a time for, up to `most` leads.
  struct Question {
    std::string filter;
    std::string order_by;
    std::string event_type;
    int most = 0;  ///< 0: all
    std::function<std::optional<Time>(const type::v1::Lead&)> due;
    std::function<std::string(const std::string& lead, Time due)> id;
  };
  absl::Status MakeRuns(const storage::HeldTimer& timer, const Question& question);

  const Options options_;
  db::Pool& pool_;
  rpc::Client& pipeline_;
  const Clock& clock_;
  const std::function<void()> wake_;
  metrics::Registry& metrics_;

  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::chrono::steady_clock::time_point next_upkeep_{};
  int64_t upkeeps_ = 0;
  std::thread thread_;
};

}  // namespace embudo::automation::events
